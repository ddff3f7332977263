//! Topics of the queue. Wharf's own; Kafka Connect has nothing like it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use axum::{Json, Router};
use wharf_drivers::{Admin, Driver, TopicInfo};

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::openapi::params;
use crate::path;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/topics", with_options(get(list), "HEAD,GET,OPTIONS"))
        .route("/topics/{topic}", with_options(get(show).delete(delete), "HEAD,DELETE,GET,OPTIONS"))
}

/// The topic of the path.
pub(crate) struct Topic(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Topic {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        path::segment(parts, state, "topic").await.map(Self)
    }
}

pub(crate) fn admin(driver: &Arc<dyn Driver>) -> Result<&dyn Admin, ApiError> {
    driver.admin().ok_or_else(|| {
        let message = format!("the queue `{}` does not let topics be looked at or deleted from here", driver.name());
        ApiError::new(StatusCode::NOT_IMPLEMENTED, message)
    })
}

pub(crate) fn unknown(topic: &str) -> ApiError {
    ApiError::not_found(format!("Topic {topic} not found"))
}

/// Lists the topics of the queue.
#[utoipa::path(
    get,
    path = "/topics",
    operation_id = "listTopics",
    responses(
        (status = 200, description = "The topics, by name", body = Vec<TopicInfo>),
        (status = 501, description = "This queue does not let topics be looked at"),
    )
)]
pub(crate) async fn list(State(app): State<App>) -> Result<Json<Vec<TopicInfo>>, ApiError> {
    let driver = app.worker.driver();
    app.ask(async {
        let admin = admin(&driver)?;
        let mut topics = Vec::new();
        for name in admin.list().await? {
            topics.extend(admin.describe(&name).await?);
        }
        Ok::<_, ApiError>(Json(topics))
    })
    .await
}

/// Shows a topic and its partitions.
#[utoipa::path(
    get,
    path = "/topics/{topic}",
    operation_id = "getTopic",
    params(params::Topic),
    responses(
        (status = 200, description = "The topic", body = TopicInfo),
        (status = 404, description = "There is no such topic"),
        (status = 501, description = "This queue does not let topics be looked at"),
    )
)]
pub(crate) async fn show(State(app): State<App>, Topic(topic): Topic) -> Result<Json<TopicInfo>, ApiError> {
    let driver = app.worker.driver();
    app.ask(async { admin(&driver)?.describe(&topic).await?.ok_or_else(|| unknown(&topic)) }).await.map(Json)
}

/// Deletes a topic and its records.
#[utoipa::path(
    delete,
    path = "/topics/{topic}",
    operation_id = "deleteTopic",
    params(params::Topic),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "There is no such topic"),
        (status = 501, description = "This queue does not let topics be deleted"),
    )
)]
pub(crate) async fn delete(State(app): State<App>, Topic(topic): Topic) -> Result<StatusCode, ApiError> {
    let driver = app.worker.driver();
    let deleted = app.ask(async { Ok::<_, ApiError>(admin(&driver)?.delete(&topic).await?) }).await?;
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(unknown(&topic)) }
}
