//! Answers of the listener itself.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use wharf_runtime::IngestError;

use crate::error::ApiError;

/// `Retry-After` is never longer than this, whatever a plugin asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An answer that does not come from a plugin.
#[derive(Debug)]
pub(super) struct Refusal {
    error: ApiError,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { error: ApiError::new(status, message), header: None }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some((name, value));
        self
    }

    pub(super) fn method() -> Self {
        let allowed = HeaderValue::from_static("GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed").with(header::ALLOW, allowed)
    }

    pub(super) fn unauthorized(is_bearer: bool) -> Self {
        let refusal = Self::new(StatusCode::UNAUTHORIZED, "the request's token is missing or wrong");
        match is_bearer {
            true => refusal.with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            false => refusal,
        }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("the request's body is larger than the {limit} bytes that are allowed");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    pub(super) fn too_slow(limit: Duration) -> Self {
        let message = format!("the request's body did not arrive within {} s", limit.as_secs());
        let refusal = Self::new(StatusCode::REQUEST_TIMEOUT, message);
        refusal.with(header::CONNECTION, HeaderValue::from_static("close"))
    }
}

impl From<IngestError> for Refusal {
    fn from(error: IngestError) -> Self {
        let status = match &error {
            IngestError::Unknown => StatusCode::NOT_FOUND,
            IngestError::Busy | IngestError::TooFast { .. } => StatusCode::TOO_MANY_REQUESTS,
            IngestError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            IngestError::Rejected | IngestError::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            IngestError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        };
        let refusal = Self::new(status, error.to_string());
        match error.retry_after() {
            Some(after) => refusal.with(header::RETRY_AFTER, seconds(after).into()),
            None => refusal,
        }
    }
}

/// Whole seconds, at least one.
fn seconds(wait: Duration) -> u64 {
    let wait = wait.min(LONGEST_WAIT);
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0)).max(1)
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.error.into_response();
        if let Some((name, value)) = self.header {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_given_in_whole_seconds_and_bounded() {
        let ms = Duration::from_millis;
        assert_eq!([ms(0), ms(1), ms(1000), ms(1001), ms(u64::MAX)].map(seconds), [1, 1, 1, 2, 3600]);
    }
}
