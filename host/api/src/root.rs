//! `GET /` and `GET /health`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::app::App;
use crate::dto;
use crate::negotiate::with_options;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", with_options(get(server), "HEAD,GET,OPTIONS"))
        .route("/health", with_options(get(health), "HEAD,GET,OPTIONS"))
}

/// Says which Wharf this is.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "getServerInfo",
    responses((status = 200, description = "The worker", body = dto::ServerInfo<'static>))
)]
pub(crate) async fn server(State(app): State<App>) -> Response {
    let options = &app.options;
    let cluster = &app.worker.options().cluster_id;
    Json(dto::ServerInfo { version: &options.version, commit: &options.commit, kafka_cluster_id: cluster })
        .into_response()
}

/// Says whether the worker can do its work.
///
/// As Kafka Connect does it; failures have the same shape as the success.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "getHealth",
    responses(
        (status = 200, description = "It can", body = dto::Health),
        (status = 500, description = "It cannot: the message says why", body = dto::Health),
        (status = 503, description = "It is starting", body = dto::Health),
    )
)]
pub(crate) async fn health(State(app): State<App>) -> (StatusCode, Json<dto::Health>) {
    use wharf_runtime::Health;
    let (code, status, message) = match app.worker.health() {
        Health::Healthy => {
            (StatusCode::OK, "healthy", "Worker has completed startup and is ready to handle requests.".to_owned())
        }
        Health::Starting => {
            (StatusCode::SERVICE_UNAVAILABLE, "starting", "Worker is still starting up: loading connectors.".to_owned())
        }
        Health::Unhealthy(reason) => (StatusCode::INTERNAL_SERVER_ERROR, "unhealthy", reason),
    };
    (code, Json(dto::Health { status, message }))
}
