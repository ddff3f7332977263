//! Tasks of a connector.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use wharf_core::Config;
use wharf_core::status::{TaskInfo, TaskStatus};

use crate::app::App;
use crate::error::ApiError;
use crate::internal;
use crate::negotiate::with_options;
use crate::openapi::params;
use crate::path::{Name, TaskOf};
use crate::query::Query;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/connectors/{name}/tasks", with_options(get(list).post(internal::put_tasks), "HEAD,POST,GET,OPTIONS"))
        .route("/connectors/{name}/tasks-config", with_options(get(configs), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/tasks/{task}/status", with_options(get(status), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/tasks/{task}/restart", with_options(post(restart), "POST,OPTIONS"))
}

/// Lists the tasks of a connector with their configurations.
#[utoipa::path(
    get,
    path = "/connectors/{name}/tasks",
    operation_id = "listTasks",
    params(params::Connector),
    responses(
        (status = 200, description = "The tasks, by number", body = Vec<TaskInfo>),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn list(State(app): State<App>, Name(name): Name) -> Result<Json<Vec<TaskInfo>>, ApiError> {
    app.ask(app.worker.tasks(&name)).await.map(Json)
}

/// The configurations of a connector's tasks, by `connector-task`. Kafka Connect had it up to 3.x; older tools ask for
/// it.
#[utoipa::path(
    get,
    path = "/connectors/{name}/tasks-config",
    operation_id = "getTasksConfig",
    params(("name" = String, Path, description = "The connector.")),
    responses(
        (status = 200, description = "The configurations.", body = BTreeMap<String, BTreeMap<String, String>>),
        (status = 404, description = "There is no such connector."),
    )
)]
pub(crate) async fn configs(
    State(app): State<App>,
    Name(name): Name,
) -> Result<Json<BTreeMap<String, Config>>, ApiError> {
    let tasks = app.ask(app.worker.tasks(&name)).await?;
    let named = |task: TaskInfo| (format!("{}-{}", task.id.connector, task.id.task), task.config);
    Ok(Json(tasks.into_iter().map(named).collect()))
}

/// Shows what a task is doing.
///
/// As Kafka Connect does; with `expand=details` also its last failure, what was denied to it and whether it is stalled.
#[utoipa::path(
    get,
    path = "/connectors/{name}/tasks/{task}/status",
    operation_id = "getTaskStatus",
    params(params::Task, params::Details),
    responses(
        (status = 200, description = "Its state", body = TaskStatus),
        (status = 404, description = "There is no such task"),
    )
)]
pub(crate) async fn status(State(app): State<App>, of: TaskOf, query: Query) -> Result<Json<TaskStatus>, ApiError> {
    let Ok(task) = u32::try_from(of.task) else {
        return Err(ApiError::not_found(format!("No status found for task {}-{}", of.connector, of.task)));
    };
    let status = app.ask(app.worker.task_status(&of.connector, task)).await?;
    Ok(Json(if query.expands("details") { status } else { status.without_details() }))
}

/// Restarts a task, also one that is FAILED.
#[utoipa::path(
    post,
    path = "/connectors/{name}/tasks/{task}/restart",
    operation_id = "restartTask",
    params(params::Task),
    responses(
        (status = 204, description = "It is being restarted"),
        (status = 404, description = "There is no such task"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn restart(State(app): State<App>, of: TaskOf) -> Result<StatusCode, ApiError> {
    let Ok(task) = u32::try_from(of.task) else {
        return Err(ApiError::not_found(format!("Unknown task: {}-{}", of.connector, of.task)));
    };
    app.command(|worker| async move { worker.restart_task(&of.connector, task).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}
