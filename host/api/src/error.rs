//! The one shape of every answer that is no success.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wharf_drivers::DriverError;
use wharf_runtime::WorkerError;

/// An answer that is no success: `{"error_code":404,"message":"Connector x not found"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Error, example = json!({"error_code": 404, "message": "Connector orders not found"}))]
pub(crate) struct ApiError {
    /// The HTTP status.
    error_code: u16,
    /// What is wrong, for people; for an invalid configuration all that is wrong, a line each.
    message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { error_code: status.as_u16(), message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// A body that cannot be read. Kafka Connect answers 500 here, and clients know it.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        Self::internal(message)
    }

    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the request body is larger than the limit of {limit} bytes; send a smaller configuration"),
        )
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.error_code == StatusCode::PAYLOAD_TOO_LARGE.as_u16()
    }

    pub(crate) fn timed_out() -> Self {
        Self::internal("Request timed out")
    }

    /// The text that Jersey gives where it has nothing better: `HTTP 404 Not Found`.
    pub(crate) fn plain(status: StatusCode) -> Self {
        Self::new(status, format!("HTTP {status}"))
    }
}

impl From<WorkerError> for ApiError {
    fn from(error: WorkerError) -> Self {
        let status = match &error {
            WorkerError::NotFound(_) => StatusCode::NOT_FOUND,
            WorkerError::AlreadyExists(_) | WorkerError::Conflict(_) => StatusCode::CONFLICT,
            WorkerError::Invalid(_) | WorkerError::BadRequest(_) => StatusCode::BAD_REQUEST,
            WorkerError::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(%error, "a request failed");
        }
        Self::new(status, error.to_string())
    }
}

impl From<DriverError> for ApiError {
    fn from(error: DriverError) -> Self {
        let status = match &error {
            DriverError::Retriable(_) | DriverError::Unavailable(_) | DriverError::MaybeWritten(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            DriverError::Rejected(_) => StatusCode::BAD_REQUEST,
            DriverError::Fenced(_) => StatusCode::CONFLICT,
            DriverError::Fatal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.error_code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(self)).into_response()
    }
}
