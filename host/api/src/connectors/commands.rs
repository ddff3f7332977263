//! What an operator tells a connector.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use wharf_core::status::ConnectorStatus;

use crate::app::App;
use crate::error::ApiError;
use crate::openapi::params;
use crate::path::Name;
use crate::query::Query;

/// Pauses a connector: its tasks keep their instances and do nothing.
#[utoipa::path(
    put,
    path = "/connectors/{name}/pause",
    operation_id = "pauseConnector",
    params(params::Connector),
    responses(
        (status = 202, description = "It is being paused, or was already"),
        (status = 404, description = "There is no such connector"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn pause(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.pause(&name).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Resumes a connector that is paused or stopped.
#[utoipa::path(
    put,
    path = "/connectors/{name}/resume",
    operation_id = "resumeConnector",
    params(params::Connector),
    responses(
        (status = 202, description = "It is being resumed, or runs already"),
        (status = 404, description = "There is no such connector"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn resume(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.resume(&name).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Stops a connector: it has no tasks then; its configuration and its offsets are kept.
#[utoipa::path(
    put,
    path = "/connectors/{name}/stop",
    operation_id = "stopConnector",
    params(params::Connector),
    responses(
        (status = 204, description = "It is being stopped, or was already"),
        (status = 404, description = "There is no such connector"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn stop(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.stop(&name).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Restarts a connector.
///
/// Without parameters the connector alone, which is answered with 204. With one of them 202 and the status that the restart
/// begins from.
#[utoipa::path(
    post,
    path = "/connectors/{name}/restart",
    operation_id = "restartConnector",
    params(params::Connector, params::Restart),
    responses(
        (status = 202, description = "What was asked for is being restarted", body = ConnectorStatus),
        (status = 204, description = "The connector was restarted"),
        (status = 404, description = "There is no such connector"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn restart(State(app): State<App>, Name(name): Name, query: Query) -> Result<Response, ApiError> {
    let (tasks, only_failed) = (query.flag("includeTasks"), query.flag("onlyFailed"));
    if !tasks && !only_failed {
        app.command(|worker| async move { worker.restart(&name).await }).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let status = app.command(|worker| async move { worker.restart_with(&name, tasks, only_failed).await }).await?;
    Ok((StatusCode::ACCEPTED, Json(query.detailed(status))).into_response())
}
