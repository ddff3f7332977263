//! What the operator lets plugins do over the network.

use std::sync::Arc;

use wharf_core::limits::TaskLimits;
use wharf_egress::{Ceiling, Quotas, Resolve, SystemResolver, TrustRoots};

/// What the operator lets plugins do over the network; `[egress]` of `wharf.toml`.
#[derive(Debug, Clone)]
pub struct EgressPolicy {
    /// What may be reached at all. Default: everything but this machine and link-local addresses.
    pub ceiling: Arc<Ceiling>,
    /// How much each task may use at a time; a connector's own limits are cut to it.
    pub quotas: Quotas,
    /// Whom all connectors trust. Default: nobody.
    pub roots: TrustRoots,
    /// Who looks names up. Default: the system.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for EgressPolicy {
    fn default() -> Self {
        Self {
            ceiling: Arc::default(),
            quotas: Quotas::default(),
            roots: TrustRoots::default(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

impl EgressPolicy {
    /// The quotas of a task: its own, but never more than the operator's.
    pub(super) fn quotas_of(&self, limits: &TaskLimits) -> Quotas {
        let most = &self.quotas;
        let least = |own: Option<usize>, most: usize| own.map_or(most, |own| own.min(most));
        let own_bytes = limits.network_bytes_per_second;
        Quotas {
            sockets: least(limits.sockets, most.sockets),
            http_requests: least(limits.http_requests, most.http_requests),
            bytes_per_second: own_bytes.into_iter().chain(most.bytes_per_second).min(),
            ..most.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_may_take_less_than_the_operator_allows_but_not_more() {
        let quotas = Quotas { sockets: 10, bytes_per_second: Some(100), ..Quotas::default() };
        let policy = EgressPolicy { quotas, ..EgressPolicy::default() };
        let limits = |sockets, bytes| TaskLimits {
            sockets: Some(sockets),
            network_bytes_per_second: bytes,
            ..TaskLimits::default()
        };
        let less = policy.quotas_of(&limits(3, Some(50)));
        assert_eq!((less.sockets, less.bytes_per_second), (3, Some(50)));
        let more = policy.quotas_of(&limits(30, None));
        assert_eq!((more.sockets, more.bytes_per_second), (10, Some(100)));
    }
}
