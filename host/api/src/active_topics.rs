//! Topics that a connector's tasks use.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::path::Name;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/connectors/{name}/topics", with_options(get(show), "HEAD,GET,OPTIONS"))
        .route("/connectors/{name}/topics/reset", with_options(put(reset), "OPTIONS,PUT"))
}

/// The topics of one connector.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActiveTopics {
    /// Their names, sorted.
    topics: Vec<String>,
}

/// The topics that a connector's tasks have used since it was made or its topics were reset, under its name.
#[utoipa::path(
    get,
    path = "/connectors/{name}/topics",
    operation_id = "getConnectorTopics",
    params(("name" = String, Path, description = "The connector; of one that there is not the list is empty.")),
    responses(
        (status = 200, description = "The topics.", body = BTreeMap<String, ActiveTopics>),
        (status = 403, description = "The worker does not track topics."),
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    Name(name): Name,
) -> Result<Json<BTreeMap<String, ActiveTopics>>, ApiError> {
    must_track(&app)?;
    let topics = app.worker.active_topics(&name).await;
    Ok(Json(BTreeMap::from([(name, ActiveTopics { topics })])))
}

/// Forgets them.
#[utoipa::path(
    put,
    path = "/connectors/{name}/topics/reset",
    operation_id = "resetConnectorTopics",
    params(("name" = String, Path, description = "The connector, whether there is one or not.")),
    responses(
        (status = 202, description = "They are forgotten."),
        (status = 403, description = "The worker does not track topics, or does not let them be reset."),
    )
)]
pub(crate) async fn reset(State(app): State<App>, Name(name): Name) -> Result<StatusCode, ApiError> {
    must_track(&app)?;
    if !app.worker.options().topics.allow_reset {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "Topic tracking reset is disabled."));
    }
    app.command(|worker| async move { worker.reset_topics(&name).await }).await?;
    Ok(StatusCode::ACCEPTED)
}

fn must_track(app: &App) -> Result<(), ApiError> {
    if app.worker.options().topics.enabled {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::FORBIDDEN, "Topic tracking is disabled."))
}
