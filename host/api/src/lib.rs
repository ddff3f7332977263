//! The REST API: Kafka Connect's, to the byte, and OpenMessaging's verbs beside it.
//!
//! [`router`] turns a [`Worker`] into an [`axum::Router`]. A request passes, from the outside in:
//!
//! 1. [`front`](mod@front): a panic becomes a 500, a path that cannot be right is refused, one trailing slash is dropped;
//!    between the two, CORS and the limit of requests from one address, where they are switched on;
//! 2. the routes, one file for each resource, each with a function `routes`;
//! 3. [`access`](mod@access): who calls, whether he may, and telling the audit of changes;
//! 4. [`negotiate`](mod@negotiate): only where a route was found, `Accept` and `Content-Type` are looked at, as Jersey
//!    does it;
//! 5. the handler. What changes something runs to its end even when the caller goes away ([`app`](mod@app)).
//!
//! Every answer that is no success is `{"error_code":…,"message":…}` ([`error`](mod@error)), also for an unknown path.
//! To add a route: a handler in its resource's file with its `#[utoipa::path]`, a line in that file's `routes`, a line in
//! [`openapi`](mod@openapi), the methods in `Allow`, a line in the table of [`access`](mod@access), a test. [`listen`]
//! runs the router on a port.

mod access;
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
mod docs;
pub mod ingest;
mod inspect;
mod internal;
pub mod listen;
mod loggers;
mod logs;
pub mod metrics;
mod offsets;
mod openapi;
mod openmessaging;
mod plugins;
mod probes;
mod record;
mod records;
mod root;
mod starting;
mod tasks;
mod topics;
mod validate;
mod versions;
mod watch;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::cors::{AllowOrigin, CorsLayer};
use wharf_core::access::Gatekeeper;
use wharf_core::audit::{AuditTrail, Auditor};
use wharf_core::loggers::LogLevels;
use wharf_core::logs::LogBook;
use wharf_core::meter::PluginMetrics;
use wharf_runtime::Worker;

use access::{Buckets, calm, guarded};
use app::App;

pub use inspect::InspectOptions;
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
    /// Shown by `GET /connectors/{name}/logs`; default: none.
    pub logs: Option<Arc<dyn LogBook>>,
    /// Shown and changed by `/admin/loggers`; default: none.
    pub loggers: Option<Arc<dyn LogLevels>>,
    /// Whether records may be looked at by `GET /connectors/{name}/inspect`, and what is hidden then.
    pub inspect: InspectOptions,
    /// Who may come in; default: everybody.
    pub access: Option<Arc<dyn Gatekeeper>>,
    /// Is told of changes, and of who was not let in; default: nobody.
    pub auditor: Option<Arc<dyn Auditor>>,
    /// Requests that one address may send in a second, over time; more are answered with 429. Default: no limit.
    pub requests_per_second: Option<u32>,
    /// Which pages of other origins may use the API from a browser; default: none.
    pub cors: Option<Cors>,
}

/// Which pages may use the API from a browser.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Origins such as `https://console.example.com`; `*` alone is any.
    pub origins: Vec<HeaderValue>,
    /// The methods that they may use.
    pub methods: Vec<Method>,
}

impl Cors {
    fn is_any(&self) -> bool {
        self.origins.iter().any(|origin| origin == "*")
    }

    fn allows(&self, origin: Option<&HeaderValue>) -> bool {
        self.is_any() || origin.is_some_and(|origin| self.origins.contains(origin))
    }

    fn layer(&self) -> CorsLayer {
        let origins = if self.is_any() { AllowOrigin::any() } else { AllowOrigin::list(self.origins.clone()) };
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods(self.methods.clone())
            .allow_headers([header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE])
            .expose_headers([header::LOCATION, header::RETRY_AFTER])
    }
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
            logs: None,
            loggers: None,
            inspect: InspectOptions::default(),
            access: None,
            auditor: None,
            requests_per_second: None,
            cors: None,
        }
    }
}

/// The whole API over one worker.
pub fn router(worker: Worker, options: ApiOptions) -> Router {
    let app = App::new(worker, options);
    let options = app.options.clone();
    // The path is changed before the inner router sees it, so the inner one is the fallback of an outer one without
    // any route of its own.
    let inner = routes().with_state(app);
    let mut outer = Router::new().fallback_service(guarded(inner, &options)).layer(from_fn(front::tidy));
    if let Some(rate) = options.requests_per_second {
        // Two seconds' worth at once: a page that opens sends some requests together.
        let rate = f64::from(rate.max(1));
        outer = outer.layer(from_fn_with_state(Arc::new(Buckets::new(rate, rate * 2.0)), calm));
    }
    if let Some(cors) = &options.cors {
        outer = outer.layer(cors.layer());
    }
    outer.layer(tower_http::catch_panic::CatchPanicLayer::custom(front::panicked))
}

/// All routes, as they are after the path was tidied.
fn routes() -> Router<App> {
    let json = Router::new()
        .merge(root::routes())
        .merge(connectors::routes())
        .merge(versions::routes())
        .merge(tasks::routes())
        .merge(offsets::routes())
        .merge(plugins::routes())
        .merge(topics::routes())
        .merge(active_topics::routes())
        .merge(validate::routes())
        .merge(openmessaging::routes())
        .merge(internal::routes())
        .merge(audit::routes())
        .merge(loggers::routes())
        .merge(docs::routes())
        .route_layer(from_fn(negotiate::json_only));
    json.merge(records::routes())
        .merge(metrics::routes())
        .merge(probes::routes())
        .merge(logs::routes())
        .merge(inspect::routes())
        .merge(plugins::uploads())
        .merge(docs::pages())
        .fallback(front::not_found)
        .method_not_allowed_fallback(front::method_not_allowed)
}
