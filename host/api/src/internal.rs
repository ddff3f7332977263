//! Routes by which Kafka Connect's workers speak to each other, signed with a key of their session.
//!
//! Wharf's workers do not: there is no session, and no signature is right. The routes answer as a worker that got a
//! wrong one.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::put;

use crate::app::App;
use crate::error::ApiError;
use crate::negotiate::with_options;
use crate::openapi::params;

/// What the JVM can sign with, as far as Kafka Connect's defaults go.
const ALGORITHMS: [&str; 4] = ["HmacSHA1", "HmacSHA256", "HmacSHA384", "HmacSHA512"];

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/connectors/{name}/fence", with_options(put(fence), "OPTIONS,PUT"))
}

/// Refuses to fence the tasks of a source: a request between Kafka Connect's workers.
#[utoipa::path(
    put,
    path = "/connectors/{name}/fence",
    operation_id = "fenceConnector",
    params(params::Connector),
    responses(
        (status = 400, description = "The signature is missing or cannot be checked"),
        (status = 403, description = "The signature is wrong, whatever it is"),
    )
)]
pub(crate) async fn fence(headers: HeaderMap) -> ApiError {
    refuse(&headers)
}

/// Refuses task configurations: a request between Kafka Connect's workers.
#[utoipa::path(
    post,
    path = "/connectors/{name}/tasks",
    operation_id = "putTaskConfigs",
    params(params::Connector),
    request_body(content = Vec<BTreeMap<String, String>>, example = json!([{"file": "/data/orders.txt"}])),
    responses(
        (status = 400, description = "The signature is missing or cannot be checked"),
        (status = 403, description = "The signature is wrong, whatever it is"),
    )
)]
pub(crate) async fn put_tasks(headers: HeaderMap) -> ApiError {
    refuse(&headers)
}

fn refuse(headers: &HeaderMap) -> ApiError {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = header("X-Connect-Authorization");
    match (signature, header("X-Connect-Request-Signature-Algorithm")) {
        (Some(_), Some(algorithm)) if ALGORITHMS.contains(&algorithm) => {
            ApiError::new(StatusCode::FORBIDDEN, "Internal request contained invalid signature.")
        }
        (Some(_), Some(algorithm)) => ApiError::bad_request(format!("Algorithm {algorithm} not available")),
        _ => ApiError::bad_request("Internal request missing required signature"),
    }
}
