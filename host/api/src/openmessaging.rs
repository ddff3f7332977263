//! OpenMessaging Connect's own routes. Its other verbs are Kafka Connect's, and `POST /connectors/{name}` stands beside
//! them in [`crate::connectors`].
//!
//! Its quick start creates connectors by `GET /connectors/{name}?config={json}`. That is a hole: a link or an image in
//! a page that somebody opens would create one. So it is done only where the operator asks for it
//! ([`crate::ApiOptions::openmessaging_legacy`]); elsewhere the parameter is one of many that are ignored.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};

use crate::access::Caller;
use crate::app::App;
use crate::connectors::created;
use crate::dto::Create;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::query::Query;

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/getClusterInfo", with_options(get(cluster), "HEAD,GET,OPTIONS"))
}

/// The workers that are alive, by id, and when each was heard of last, in milliseconds since 1970.
#[utoipa::path(
    get,
    path = "/getClusterInfo",
    operation_id = "getClusterInfo",
    responses((status = 200, description = "Workers and their last heartbeats.", body = BTreeMap<String, i64>))
)]
pub(crate) async fn cluster(State(app): State<App>) -> Json<BTreeMap<String, i64>> {
    Json(app.worker.cluster().await)
}

/// What a `GET` of a connector creates, if it is one that does.
pub(crate) async fn create_by_get(
    app: &App,
    caller: &Caller,
    method: &Method,
    headers: &HeaderMap,
    name: &str,
    query: &Query,
) -> Option<Result<Response, ApiError>> {
    let config = query.first("config").filter(|_| app.options.openmessaging_legacy && *method == Method::GET)?;
    Some(match Create::read_for(name, config.as_bytes()) {
        Ok(create) => created(app, caller, headers, create).await,
        Err(error) => Err(error),
    })
}
