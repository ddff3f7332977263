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

/// What the JVM can sign with, as far as Kafka Connect's defaults go.
const ALGORITHMS: [&str; 4] = ["HmacSHA1", "HmacSHA256", "HmacSHA384", "HmacSHA512"];

pub(crate) fn routes() -> Router<App> {
    Router::new().route("/connectors/{name}/fence", with_options(put(refuse), "OPTIONS,PUT"))
}

/// Refuses a request between workers.
pub(crate) async fn refuse(headers: HeaderMap) -> ApiError {
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
