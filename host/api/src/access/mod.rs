//! Who may do what.
//!
//! A request passes, once a route was looked for and before its handler runs ([`guard`](mod@guard)):
//!
//! 1. the [`table`](mod@table) says what its method and route need;
//! 2. who calls: a token or password in `Authorization`, else a client certificate, else, where nobody is asked,
//!    `anonymous`. Without: 401, and after some failures from one address 429 ([`buckets`](mod@buckets));
//! 3. whether his role and his connectors suffice: else 403;
//! 4. what changes something is run to its end, and told to the audit ([`changes`](mod@changes)).
//!
//! Handlers find the [`Principal`] among the request's extensions. Those that take a connector's name from a body, or
//! list connectors, ask a [`Caller`].

mod buckets;
mod changes;
mod credential;
mod guard;
mod table;

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use wharf_core::access::Principal;

use crate::error::ApiError;

pub(crate) use buckets::Buckets;
pub(crate) use guard::{calm, guarded};

/// Who calls a handler.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    principal: Principal,
    /// The connector that the request turned out to be about, for the audit.
    subject: Arc<OnceLock<String>>,
}

impl Caller {
    fn new(principal: Principal) -> Self {
        Self { principal, subject: Arc::default() }
    }

    /// Whether he may know of the connector of this name.
    pub(crate) fn sees(&self, connector: &str) -> bool {
        self.principal.may_touch(connector)
    }

    /// His name, for the history of a configuration; `None` where nobody is asked who he is.
    pub(crate) fn name(&self) -> Option<String> {
        Some(self.principal.name()).filter(|name| *name != Principal::anonymous().name()).map(str::to_owned)
    }

    /// Refuses where he may not touch the connector of this name, which the path did not tell.
    pub(crate) fn names(&self, connector: &str) -> Result<(), ApiError> {
        // The first name counts; a handler has no second one.
        self.subject.set(connector.to_owned()).ok();
        if self.principal.may_touch(connector) { Ok(()) } else { Err(out_of_reach(&self.principal, connector)) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Without a guard nobody is asked.
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::new(Principal::anonymous())))
    }
}

/// Decided by the name alone, so it tells nothing about which connectors there are.
fn out_of_reach(principal: &Principal, connector: &str) -> ApiError {
    let message = format!(
        "`{}` may not touch the connector {connector}: it may touch {}",
        principal.name(),
        principal.connectors().join(", ")
    );
    ApiError::new(StatusCode::FORBIDDEN, message)
}
