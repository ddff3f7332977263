//! Connectors: listing, creating, showing and deleting them. Their configuration, their state, and what an operator tells
//! them are in the modules below.

pub(crate) mod commands;
pub(crate) mod config;
pub(crate) mod state;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;
use wharf_core::status::{ConnectorInfo, ConnectorStatus};
use wharf_runtime::WorkerError;

use crate::access::Caller;
use crate::app::App;
use crate::body::Whole;
use crate::dto::Create;
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
            with_options(get(config::show).put(config::put).patch(config::patch), "HEAD,GET,OPTIONS,PUT,PATCH"),
        )
        .route("/connectors/{name}/status", with_options(get(state::status), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/progress", with_options(get(state::progress), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/usage", with_options(get(state::usage), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/pause", with_options(put(commands::pause), "OPTIONS,PUT"))
        .route("/connectors/{name}/resume", with_options(put(commands::resume), "OPTIONS,PUT"))
        .route("/connectors/{name}/stop", with_options(put(commands::stop), "OPTIONS,PUT"))
        .route("/connectors/{name}/restart", with_options(post(commands::restart), "POST,OPTIONS"))
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
