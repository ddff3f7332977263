//! Connectors: creating, showing, changing, deleting, and what an operator tells them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;
use wharf_core::Config;
use wharf_core::status::{ConnectorInfo, ConnectorStatus};
use wharf_runtime::{ConnectorProgress, ConnectorUsage, WorkerError};

use crate::access::Caller;
use crate::app::App;
use crate::body::Whole;
use crate::dto::{Create, Posted};
use crate::error::ApiError;
use crate::front;
use crate::negotiate::with_options;
use crate::openapi::{params, shapes};
use crate::openmessaging;
use crate::path::{Name, location};
use crate::query::Query;

pub(crate) fn routes() -> Router<App> {
    // `Allow` names Kafka Connect's methods, those of later routes included; OpenMessaging's POST is left out.
    Router::new()
        .route("/connectors", with_options(get(list).post(create), "HEAD,POST,GET,OPTIONS"))
        .route(
            "/connectors/{name}",
            with_options(get(show).post(create_named).delete(delete), "HEAD,DELETE,GET,OPTIONS"),
        )
        .route(
            "/connectors/{name}/config",
            with_options(get(config).put(put_config).patch(patch_config), "HEAD,GET,OPTIONS,PUT,PATCH"),
        )
        .route("/connectors/{name}/status", with_options(get(status), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/progress", with_options(get(progress), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/usage", with_options(get(usage), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/pause", with_options(put(pause), "OPTIONS,PUT"))
        .route("/connectors/{name}/resume", with_options(put(resume), "OPTIONS,PUT"))
        .route("/connectors/{name}/stop", with_options(put(stop), "OPTIONS,PUT"))
        .route("/connectors/{name}/restart", with_options(post(restart), "POST,OPTIONS"))
}

/// The answer to `GET /connectors`.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Listed {
    /// Without `expand`.
    Names(Vec<String>),
    /// With it, by name.
    Expanded(BTreeMap<String, Expanded>),
}

/// What `?expand=` adds to a name.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ExpandedConnector)]
pub(crate) struct Expanded {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ConnectorStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<ConnectorInfo>,
}

/// Lists the connectors.
///
/// Their names, sorted; with `expand` an object with what was asked for of each. `details` adds to the status what Kafka
/// Connect does not know. A connector that is deleted meanwhile is left out.
#[utoipa::path(
    get,
    path = "/connectors",
    operation_id = "listConnectors",
    params(params::Expand),
    responses((status = 200, description = "Names, or what was asked for by name", body = Listed))
)]
pub(crate) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Result<Json<Listed>, ApiError> {
    let worker = &app.worker;
    app.ask(async {
        let mut names = worker.connectors().await;
        names.retain(|name| caller.sees(name));
        if query.first("expand").is_none() {
            return Ok(Json(Listed::Names(names)));
        }
        let (status, info) = (query.expands("status"), query.expands("info"));
        let mut all = BTreeMap::new();
        for name in names {
            let mut expanded = Expanded::default();
            if status {
                expanded.status = existing(worker.status(&name).await)?.map(|status| query.detailed(status));
            }
            if info {
                expanded.info = existing(worker.connector(&name).await)?;
            }
            // A connector that was deleted since the names were listed is left out.
            if expanded.status.is_some() == status && expanded.info.is_some() == info {
                all.insert(name, expanded);
            }
        }
        Ok::<_, ApiError>(Json(Listed::Expanded(all)))
    })
    .await
}

fn existing<T>(answer: Result<T, WorkerError>) -> Result<Option<T>, WorkerError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(WorkerError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Creates a connector.
///
/// `name` may stand in the configuration too, and must be the same then. Nothing is stored unless everything is right; the
/// message of a 400 holds all that is wrong.
#[utoipa::path(
    post,
    path = "/connectors",
    operation_id = "createConnector",
    request_body = shapes::CreateConnector,
    responses(
        (status = 201, description = "It was created", body = ConnectorInfo,
            headers(("Location" = String, description = "Where it is found"))),
        (status = 400, description = "The configuration is invalid"),
        (status = 409, description = "There is a connector of this name"),
    )
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    let create = Create::read(&body)?;
    caller.names(&create.name)?;
    created(&app, &caller, &headers, create).await
}

/// Creates a connector by its own path. OpenMessaging's verb.
///
/// Takes the configuration itself, or what `POST /connectors` takes.
#[utoipa::path(
    post,
    path = "/connectors/{name}",
    operation_id = "createNamedConnector",
    params(params::Connector),
    request_body = shapes::CreateNamedConnector,
    responses(
        (status = 201, description = "It was created", body = ConnectorInfo,
            headers(("Location" = String, description = "Where it is found"))),
        (status = 400, description = "The configuration is invalid"),
        (status = 405, description = "There is no body: Kafka Connect has no such route"),
        (status = 409, description = "There is a connector of this name"),
    )
)]
pub(crate) async fn create_named(
    State(app): State<App>,
    caller: Caller,
    Name(name): Name,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    if body.is_empty() {
        // Kafka Connect has no such route, and its clients may rely on that.
        return Err(front::method_not_allowed().await);
    }
    let create = Create::read_for(&name, &body)?;
    caller.names(&create.name)?;
    created(&app, &caller, &headers, create).await
}

pub(crate) async fn created(
    app: &App,
    caller: &Caller,
    headers: &HeaderMap,
    create: Create,
) -> Result<Response, ApiError> {
    let Create { name, config, state } = create;
    let by = caller.name();
    let config = config.named(&name)?;
    let info = app.command(|worker| async move { worker.create_by(name, config, state, by).await }).await?;
    let location = location(headers, &info.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(info)).into_response())
}

/// Shows a connector: its configuration and its tasks.
#[utoipa::path(
    get,
    path = "/connectors/{name}",
    operation_id = "getConnector",
    params(params::Connector),
    responses(
        (status = 200, description = "The connector", body = ConnectorInfo),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Name(name): Name,
    method: Method,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, ApiError> {
    if let Some(created) = openmessaging::create_by_get(&app, &caller, &method, &headers, &name, &query).await {
        return created;
    }
    app.ask(app.worker.connector(&name)).await.map(|info| Json(info).into_response())
}

/// Deletes a connector.
///
/// Its tasks are stopped first. Its offsets and the topics it wrote are kept.
#[utoipa::path(
    delete,
    path = "/connectors/{name}",
    operation_id = "deleteConnector",
    params(params::Connector),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such connector"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn delete(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.delete(&name).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Shows the configuration of a connector.
///
/// All values are text. Passwords are masked, and placeholders such as `${env:VAR}` are shown unresolved.
#[utoipa::path(
    get,
    path = "/connectors/{name}/config",
    operation_id = "getConnectorConfig",
    params(params::Connector),
    responses(
        (status = 200, description = "The configuration", body = BTreeMap<String, String>,
            example = json!({"name": "orders", "connector.class": "file-source", "file": "/data/orders.txt", "topic": "orders"})),
        (status = 404, description = "There is no such connector"),
    )
)]
pub(crate) async fn config(State(app): State<App>, Name(name): Name) -> Result<Json<Config>, ApiError> {
    app.ask(app.worker.config(&name)).await.map(Json)
}

/// Creates a connector, or changes the configuration of one.
///
/// What is sent takes the place of the whole configuration. The tasks are started again with it.
#[utoipa::path(
    put,
    path = "/connectors/{name}/config",
    operation_id = "putConnectorConfig",
    params(params::Connector),
    request_body(content = BTreeMap<String, shapes::ConfigValue>,
        example = json!({"connector.class": "file-source", "file": "/data/orders.txt", "topic": "orders"})),
    responses(
        (status = 200, description = "It was changed", body = ConnectorInfo),
        (status = 201, description = "It was created", body = ConnectorInfo,
            headers(("Location" = String, description = "Where it is found"))),
        (status = 400, description = "The configuration is invalid"),
        (status = 409, description = "Another change is on its way: try again"),
    )
)]
pub(crate) async fn put_config(
    State(app): State<App>,
    caller: Caller,
    Name(name): Name,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    let name = name.trim().to_owned();
    let by = caller.name();
    let config = Posted::read(&body)?.named(&name)?;
    let (is_new, info) = app.command(|worker| async move { worker.put_config_by(name, config, by).await }).await?;
    if !is_new {
        return Ok(Json(info).into_response());
    }
    let location = location(&headers, &info.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(info)).into_response())
}

/// Changes some keys of a connector's configuration; `null` takes a key out.
#[utoipa::path(
    patch,
    path = "/connectors/{name}/config",
    operation_id = "patchConnectorConfig",
    params(("name" = String, Path, description = "The connector.")),
    request_body(
        content = BTreeMap<String, Option<String>>,
        description = "The keys to change. Numbers and booleans are taken as text.",
    ),
    responses(
        (status = 200, description = "The connector as it is configured now.", body = ConnectorInfo),
        (status = 400, description = "The configuration would be invalid; nothing is changed."),
        (status = 404, description = "There is no such connector."),
    )
)]
pub(crate) async fn patch_config(
    State(app): State<App>,
    caller: Caller,
    Name(name): Name,
    Whole(body): Whole,
) -> Result<Json<ConnectorInfo>, ApiError> {
    let by = caller.name();
    let patch = Posted::read(&body)?.into_patch();
    app.command(|worker| async move { worker.patch_config(&name, patch, by).await }).await.map(Json)
}

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
