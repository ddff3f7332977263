//! The configurations that a connector had, and going back to one. Wharf's own.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use wharf_core::history::ConfigHistory;
use wharf_core::status::ConnectorInfo;

use crate::access::Caller;
use crate::app::App;
use crate::body::Whole;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::path::Name;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/connectors/{name}/config/versions", with_options(get(list), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/config/rollback", with_options(post(rollback), "POST,OPTIONS"))
}

/// Which version to go back to.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
struct Rollback {
    /// A version that `GET /connectors/{name}/config/versions` lists.
    version: u64,
}

/// The configurations that a connector has and had, newest first.
#[utoipa::path(
    get,
    path = "/connectors/{name}/config/versions",
    operation_id = "listConfigVersions",
    params(("name" = String, Path, description = "The connector's name.")),
    responses(
        (status = 200, description = "The versions that are kept; secrets are `[hidden]`.", body = ConfigHistory),
        (status = 404, description = "There is no such connector."),
    ),
)]
pub(crate) async fn list(State(app): State<App>, Name(name): Name) -> Result<Json<ConfigHistory>, ApiError> {
    app.ask(app.worker.config_versions(&name)).await.map(Json)
}

/// Gives a connector a configuration again that it had; it becomes a new version.
#[utoipa::path(
    post,
    path = "/connectors/{name}/config/rollback",
    operation_id = "rollbackConfig",
    params(("name" = String, Path, description = "The connector's name.")),
    request_body = Rollback,
    responses(
        (status = 200, description = "The connector with the configuration that it had.", body = ConnectorInfo),
        (status = 400, description = "That configuration is not valid any more."),
        (status = 404, description = "There is no such connector, or it has no such version."),
        (status = 409, description = "A secret of that version cannot be read any more."),
    ),
)]
pub(crate) async fn rollback(
    State(app): State<App>,
    caller: Caller,
    Name(name): Name,
    Whole(body): Whole,
) -> Result<Json<ConnectorInfo>, ApiError> {
    let Ok(Rollback { version }) = serde_json::from_slice(&body) else {
        return Err(ApiError::bad_request("write the version to go back to, like {\"version\":2}"));
    };
    let by = caller.name();
    app.command(|worker| async move { worker.rollback(&name, version, by).await }).await.map(Json)
}
