//! What supervisors and tasks share.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharf_core::audit::Auditor;
use wharf_core::config::ConnectorSpec;
use wharf_core::plugin::{Catalog, Plugin};
use wharf_drivers::Driver;
use wharf_store::{Connectors, Generations, Offsets, Store};

use crate::ingest::Inbox;
use crate::inspect::Taps;
use crate::options::{Parts, WorkerOptions};
use crate::shutdown::Gate;

/// The worker's parts, as its supervisors and tasks see them.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) audit: Arc<dyn Auditor>,
    pub(crate) offsets: Arc<Offsets>,
    pub(crate) connectors: Connectors,
    pub(crate) generations: Generations,
    pub(crate) options: WorkerOptions,
    pub(crate) gate: Gate,
    /// Who looks at records while they pass.
    pub(crate) taps: Arc<Taps>,
}

impl Env {
    pub(crate) fn new(parts: Parts, options: WorkerOptions) -> Self {
        Self {
            catalog: parts.catalog,
            driver: parts.driver,
            offsets: Arc::new(Offsets::new(parts.store.clone())),
            connectors: Connectors::new(parts.store.clone()),
            generations: Generations::new(parts.store.clone()),
            store: parts.store,
            audit: parts.audit,
            options,
            gate: Gate::default(),
            taps: Arc::default(),
        }
    }

    /// How long a task may drain its batches in flight: half of what it has for stopping in all.
    pub(crate) fn drain_limit(&self) -> Duration {
        self.options.shutdown_timeout / 2
    }
}

/// A validated configuration and the plugin that runs it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) spec: ConnectorSpec,
    pub(crate) plugin: Arc<dyn Plugin>,
    /// Where its requests wait; webhook sources only.
    pub(crate) inbox: Option<Arc<Inbox>>,
}

impl Job {
    pub(crate) fn new(env: &Env, mut spec: ConnectorSpec, plugin: Arc<dyn Plugin>) -> Self {
        // Cut rather than refused: a connector that was stored under a higher ceiling runs under the lower one.
        spec.limits = spec.limits.within(&env.options.ceiling);
        let listener = spec.ingest.clone().zip(env.options.ingest.as_ref());
        let inbox = listener.map(|(ingest, options)| Arc::new(Inbox::new(ingest, options)));
        Self { spec, plugin, inbox }
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}
