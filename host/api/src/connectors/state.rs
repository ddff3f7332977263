//! What a connector and its tasks are doing, how far they are, and what they use.

use axum::Json;
use axum::extract::State;
use wharf_core::status::ConnectorStatus;
use wharf_runtime::{ConnectorProgress, ConnectorUsage};

use crate::app::App;
use crate::error::ApiError;
use crate::openapi::params;
use crate::path::Name;
use crate::query::Query;

/// Shows what a connector and its tasks are doing.
///
/// As Kafka Connect does; with `expand=details` also the last failures, what was denied, what is stalled and what a restart
/// would change.
#[utoipa::path(
    get,
    path = "/connectors/{name}/status",
    operation_id = "getConnectorStatus",
    params(params::Connector, params::Details),
    responses(
        (status = 200, description = "The states", body = ConnectorStatus),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn status(
    State(app): State<App>,
    Name(name): Name,
    query: Query,
) -> Result<Json<ConnectorStatus>, ApiError> {
    let status = app.ask(app.worker.status(&name)).await?;
    Ok(Json(query.detailed(status)))
}

/// Shows how far the tasks of a connector have come: rows, bytes and lag.
#[utoipa::path(
    get,
    path = "/connectors/{name}/progress",
    operation_id = "getConnectorProgress",
    params(params::Connector),
    responses(
        (status = 200, description = "The figures", body = ConnectorProgress),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn progress(State(app): State<App>, Name(name): Name) -> Result<Json<ConnectorProgress>, ApiError> {
    app.ask(app.worker.progress(&name)).await.map(Json)
}

/// Shows what the tasks of a connector use: memory, CPU time, calls, denials and kills.
#[utoipa::path(
    get,
    path = "/connectors/{name}/usage",
    operation_id = "getConnectorUsage",
    params(params::Connector),
    responses(
        (status = 200, description = "The figures", body = ConnectorUsage),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn usage(State(app): State<App>, Name(name): Name) -> Result<Json<ConnectorUsage>, ApiError> {
    app.ask(app.worker.usage(&name)).await.map(Json)
}
