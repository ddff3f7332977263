//! `GET /livez` and `GET /readyz`: what an orchestrator asks. `GET /health` is Kafka Connect's, and beside them.
//!
//! A worker that is live answers at all: restarting it mends nothing that it does not mend itself, so nothing else is
//! looked at. It is ready when it has started, its store and its queue work, and it is not shutting down.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;
use wharf_runtime::{Health, Worker};

use crate::app::App;
use crate::negotiate::with_options;

/// How the worker is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Probe {
    /// `live`, `ready` or `not ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

impl Probe {
    pub(crate) fn live() -> Self {
        Self { status: "live", reasons: Vec::new() }
    }

    pub(crate) fn ready(reasons: Vec<String>) -> Self {
        Self { status: if reasons.is_empty() { "ready" } else { "not ready" }, reasons }
    }
}

impl IntoResponse for Probe {
    fn into_response(self) -> Response {
        let code = if self.reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (code, Json(self)).into_response()
    }
}

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/livez", with_options(get(livez), "HEAD,GET,OPTIONS"))
        .route("/readyz", with_options(get(readyz), "HEAD,GET,OPTIONS"))
}

/// Whether the process answers. It does also while it starts.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "getLiveness",
    responses((status = 200, description = "The process answers", body = Probe))
)]
pub(crate) async fn livez() -> Probe {
    Probe::live()
}

/// Whether the worker has started, its store and queue work, and it is not shutting down.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "getReadiness",
    responses(
        (status = 200, description = "The worker is ready", body = Probe),
        (status = 503, description = "It is not, and why", body = Probe),
    )
)]
pub(crate) async fn readyz(State(app): State<App>) -> Probe {
    Probe::ready(reasons(&app.worker))
}

fn reasons(worker: &Worker) -> Vec<String> {
    let (store, queue) = worker.troubles();
    let mut reasons = Vec::new();
    if worker.is_closing() {
        reasons.push("the worker is shutting down".to_owned());
    } else if worker.health() == Health::Starting {
        reasons.push("the worker is starting: loading connectors".to_owned());
    }
    reasons.extend(store.map(|trouble| format!("store: {trouble}")));
    reasons.extend(queue.map(|trouble| format!("queue: {trouble}")));
    reasons
}
