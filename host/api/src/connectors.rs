//! Connectors: creating, showing, changing, deleting, and what an operator tells them.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Serialize;
use wharf_core::Config;
use wharf_core::status::{ConnectorInfo, ConnectorStatus};
use wharf_runtime::{ConnectorProgress, ConnectorUsage, WorkerError};

use crate::app::App;
use crate::body::Whole;
use crate::dto::{Create, Posted};
use crate::error::ApiError;
use crate::front;
use crate::negotiate::with_options;
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

/// What `?expand=` adds to a name.
#[derive(Default, Serialize)]
struct Expanded {
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<ConnectorStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<ConnectorInfo>,
}

async fn list(State(app): State<App>, query: Query) -> Result<Response, ApiError> {
    let worker = &app.worker;
    app.ask(async {
        let names = worker.connectors().await;
        if query.first("expand").is_none() {
            return Ok(Json(names).into_response());
        }
        let wants = |what: &str| query.all("expand").any(|value| value == what);
        let (status, info) = (wants("status"), wants("info"));
        let mut all = BTreeMap::new();
        for name in names {
            let mut expanded = Expanded::default();
            if status {
                expanded.status = existing(worker.status(&name).await)?;
            }
            if info {
                expanded.info = existing(worker.connector(&name).await)?;
            }
            // A connector that was deleted since the names were listed is left out.
            if expanded.status.is_some() == status && expanded.info.is_some() == info {
                all.insert(name, expanded);
            }
        }
        Ok::<_, ApiError>(Json(all).into_response())
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

async fn create(State(app): State<App>, headers: HeaderMap, Whole(body): Whole) -> Result<Response, ApiError> {
    let create = Create::read(&body)?;
    created(&app, &headers, create).await
}

/// OpenMessaging's verb.
async fn create_named(
    State(app): State<App>,
    Name(name): Name,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    if body.is_empty() {
        // Kafka Connect has no such route, and its clients may rely on that.
        return Err(front::method_not_allowed().await);
    }
    let create = Create::read_for(&name, &body)?;
    created(&app, &headers, create).await
}

pub(crate) async fn created(app: &App, headers: &HeaderMap, create: Create) -> Result<Response, ApiError> {
    let Create { name, config, state } = create;
    let config = config.named(&name)?;
    let info = app.command(|worker| async move { worker.create(name, config, state).await }).await?;
    let location = location(headers, &info.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(info)).into_response())
}

async fn show(
    State(app): State<App>,
    Name(name): Name,
    method: Method,
    headers: HeaderMap,
    query: Query,
) -> Result<Response, ApiError> {
    if let Some(created) = openmessaging::create_by_get(&app, &method, &headers, &name, &query).await {
        return created;
    }
    app.ask(app.worker.connector(&name)).await.map(|info| Json(info).into_response())
}

async fn delete(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.delete(&name).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn config(State(app): State<App>, Name(name): Name) -> Result<Json<Config>, ApiError> {
    app.ask(app.worker.config(&name)).await.map(Json)
}

async fn put_config(
    State(app): State<App>,
    Name(name): Name,
    headers: HeaderMap,
    Whole(body): Whole,
) -> Result<Response, ApiError> {
    let name = name.trim().to_owned();
    let config = Posted::read(&body)?.named(&name)?;
    let (is_new, info) = app.command(|worker| async move { worker.put_config(name, config).await }).await?;
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
    tag = "connectors",
    params(("name" = String, Path, description = "The connector.")),
    request_body(
        content = BTreeMap<String, Option<String>>,
        description = "The keys to change. Numbers and booleans are taken as text.",
    ),
    responses(
        (status = 200, description = "The connector as it is configured now."),
        (status = 400, description = "The configuration would be invalid; nothing is changed."),
        (status = 404, description = "There is no such connector."),
    )
)]
pub(crate) async fn patch_config(
    State(app): State<App>,
    Name(name): Name,
    Whole(body): Whole,
) -> Result<Json<ConnectorInfo>, ApiError> {
    let patch = Posted::read(&body)?.into_patch();
    app.command(|worker| async move { worker.patch_config(&name, patch).await }).await.map(Json)
}

async fn status(State(app): State<App>, Name(name): Name) -> Result<Json<ConnectorStatus>, ApiError> {
    app.ask(app.worker.status(&name)).await.map(Json)
}

/// Wharf's own: rows, bytes and lag of each task.
async fn progress(State(app): State<App>, Name(name): Name) -> Result<Json<ConnectorProgress>, ApiError> {
    app.ask(app.worker.progress(&name)).await.map(Json)
}

/// Wharf's own: memory, CPU time, calls, denials and kills of each task.
async fn usage(State(app): State<App>, Name(name): Name) -> Result<Json<ConnectorUsage>, ApiError> {
    app.ask(app.worker.usage(&name)).await.map(Json)
}

async fn pause(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.pause(&name).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn resume(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.resume(&name).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

async fn stop(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    app.command(|worker| async move { worker.stop(&name).await }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Without parameters: the connector alone, 204. With one of them: 202 and the status that the restart begins from.
async fn restart(State(app): State<App>, Name(name): Name, query: Query) -> Result<Response, ApiError> {
    let (tasks, only_failed) = (query.flag("includeTasks"), query.flag("onlyFailed"));
    if !tasks && !only_failed {
        app.command(|worker| async move { worker.restart(&name).await }).await?;
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let status = app.command(|worker| async move { worker.restart_with(&name, tasks, only_failed).await }).await?;
    Ok((StatusCode::ACCEPTED, Json(status)).into_response())
}
