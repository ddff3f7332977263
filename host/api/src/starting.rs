//! Answering before there is a worker to answer for.

use std::sync::{Arc, OnceLock};

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use tower::ServiceExt as _;

use crate::dto;
use crate::error::ApiError;
use crate::probes::Probe;

/// Opens the API once there is a worker.
#[derive(Debug, Clone)]
pub struct Doorway(Arc<OnceLock<Router>>);

impl Doorway {
    /// From now on all requests go to `router`, as [`crate::router`] made it. Only the first call counts.
    pub fn open(&self, router: Router) {
        // A second worker behind one door is a mistake that changes nothing.
        self.0.set(router).ok();
    }
}

/// A router that says 503 and `starting` until its [`Doorway`] is opened, so that a worker is reachable from its first
/// moment and whoever waits for it need not guess.
pub fn starting() -> (Router, Doorway) {
    let door = Doorway(Arc::default());
    let behind = door.clone();
    let router = Router::new().fallback(move |request: Request| {
        let router = behind.0.get().cloned();
        async move {
            match router {
                Some(router) => router.oneshot(request).await.into_response(),
                None => not_yet(request.uri().path()),
            }
        }
    });
    (router, door)
}

fn not_yet(path: &str) -> Response {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    match path.trim_end_matches('/') {
        "/livez" => return Probe::live().into_response(),
        "/readyz" => {
            return Probe::ready(vec!["the worker is starting: opening its data".to_owned()]).into_response();
        }
        _ => {}
    }
    if path.trim_end_matches('/') == "/health" {
        let message = "Worker is still starting up: opening its data.".to_owned();
        return (status, Json(dto::Health { status: "starting", message })).into_response();
    }
    ApiError::new(status, "the worker is still starting: try again in a moment").into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn status(router: &Router, path: &str) -> StatusCode {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn requests_are_put_off_until_the_door_is_open() {
        let (router, door) = starting();
        assert_eq!(status(&router, "/health").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(&router, "/connectors").await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(status(&router, "/livez").await, StatusCode::OK);
        assert_eq!(status(&router, "/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        door.open(Router::new().fallback(|| async { StatusCode::OK }));
        assert_eq!(status(&router, "/connectors").await, StatusCode::OK);
    }
}
