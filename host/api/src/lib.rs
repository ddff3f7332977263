//! The REST API: Kafka Connect's, to the byte, and OpenMessaging's verbs beside it.
//!
//! [`router`] turns a [`Worker`] into an [`axum::Router`]. A request passes, from the outside in:
//!
//! 1. [`front`](mod@front): a panic becomes a 500, a path that cannot be right is refused, one trailing slash is dropped;
//! 2. the routes, one file for each resource: [`root`](mod@root), [`connectors`](mod@connectors),
//!    [`tasks`](mod@tasks), [`plugins`](mod@plugins), [`validate`](mod@validate), [`topics`](mod@topics),
//!    [`active_topics`](mod@active_topics), [`records`](mod@records), [`openmessaging`](mod@openmessaging),
//!    [`audit`](mod@audit), [`metrics`](mod@metrics);
//! 3. [`negotiate`](mod@negotiate): only where a route was found, `Accept` and `Content-Type` are looked at, as Jersey
//!    does it;
//! 4. the handler. What changes something runs to its end even when the caller goes away ([`app`](mod@app)).
//!
//! Every answer that is no success is `{"error_code":…,"message":…}` ([`error`](mod@error)), also for an unknown path.
//! To add a route: a handler in its resource's file, a line in that file's `routes`, the methods in `Allow`, a test.

mod app;
mod body;
mod dto;
mod error;
mod front;
mod negotiate;
mod path;
mod query;

mod active_topics;
mod audit;
mod connectors;
pub mod ingest;
mod internal;
mod metrics;
mod openmessaging;
mod plugins;
mod record;
mod records;
mod root;
mod starting;
mod tasks;
mod topics;
mod validate;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use wharf_core::audit::AuditTrail;
use wharf_core::meter::PluginMetrics;
use wharf_runtime::Worker;

use app::App;

pub use record::{Cell, Header, Record};
pub use starting::{Doorway, starting};

/// What the API is told beside the worker.
#[derive(Debug, Clone)]
pub struct ApiOptions {
    /// Wharf's version, shown by `GET /`.
    pub version: String,
    /// The commit it was built from, shown by `GET /`.
    pub commit: String,
    /// How many bytes the body of a request may have; default 1 MiB. A larger one is answered with 413.
    pub body_limit: usize,
    /// How long a request may take before it is answered with 500; default 90 s, as in Kafka Connect.
    pub timeout: Duration,
    /// Shown by `GET /audit`; default: none.
    pub audit: Option<Arc<dyn AuditTrail>>,
    /// What plugins count of themselves, shown by `GET /metrics`; default: none.
    pub metrics: Option<Arc<dyn PluginMetrics>>,
    /// Whether `GET /connectors/{name}?config={json}` creates a connector, as OpenMessaging's quick start does; default:
    /// no.
    pub openmessaging_legacy: bool,
}

impl Default for ApiOptions {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: "unknown".to_owned(),
            body_limit: 1024 * 1024,
            timeout: Duration::from_secs(90),
            audit: None,
            metrics: None,
            openmessaging_legacy: false,
        }
    }
}

/// The whole API over one worker.
pub fn router(worker: Worker, options: ApiOptions) -> Router {
    let app = App::new(worker, options);
    let json = Router::new()
        .merge(root::routes())
        .merge(connectors::routes())
        .merge(tasks::routes())
        .merge(plugins::routes())
        .merge(topics::routes())
        .merge(active_topics::routes())
        .merge(validate::routes())
        .merge(openmessaging::routes())
        .merge(internal::routes())
        .merge(audit::routes())
        .route_layer(from_fn(negotiate::json_only));
    let inner = json
        .merge(records::routes())
        .merge(metrics::routes())
        .merge(plugins::uploads())
        .fallback(front::not_found)
        .method_not_allowed_fallback(front::method_not_allowed)
        .with_state(app);
    // The path is changed before the inner router sees it, so the inner one is the fallback of an outer one without
    // any route of its own.
    Router::new()
        .fallback_service(inner)
        .layer(from_fn(front::tidy))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(front::panicked))
}
