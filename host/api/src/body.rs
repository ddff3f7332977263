//! Reading the body of a request within its limit.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;

use crate::app::App;
use crate::error::ApiError;
use crate::listen::TooSlow;

/// So much of a body that is too large is still read and thrown away, because a caller that is cut off while it writes
/// does not see the answer.
const DRAINED_BYTES: usize = 16 * 1024 * 1024;

/// The whole body, at most [`crate::ApiOptions::body_limit`] bytes.
pub(crate) struct Whole(pub(crate) Bytes);

impl FromRequest<App> for Whole {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let waits_for_permission = request.headers().contains_key(header::EXPECT);
        read(request.into_body(), app.options.body_limit, waits_for_permission).await.map(Self)
    }
}

/// The whole of a body of at most `limit` bytes.
pub(crate) async fn read(body: Body, limit: usize, waits_for_permission: bool) -> Result<Bytes, ApiError> {
    let announced = axum::body::HttpBody::size_hint(&body).exact().unwrap_or(0);
    if waits_for_permission && announced > limit as u64 {
        return Err(ApiError::too_large(limit));
    }
    let mut chunks = body.into_data_stream();
    let mut whole = BytesMut::new();
    let mut seen = 0;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| broken(&error))?;
        seen += chunk.len();
        if seen <= limit {
            whole.extend_from_slice(&chunk);
        } else if seen > limit + DRAINED_BYTES {
            break;
        }
    }
    if seen > limit { Err(ApiError::too_large(limit)) } else { Ok(whole.freeze()) }
}

fn broken(error: &axum::Error) -> ApiError {
    match std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<TooSlow>()) {
        Some(slow) => ApiError::new(StatusCode::REQUEST_TIMEOUT, slow.to_string()),
        None => ApiError::bad_request(format!("the request body broke off: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_and_the_limit_named() {
        assert_eq!(read(Body::from("12345"), 5, false).await.unwrap(), "12345");
        let refusal = read(Body::from("123456"), 5, false).await.unwrap_err();
        assert_eq!(refusal, ApiError::too_large(5));
        assert!(serde_json::to_string(&refusal).unwrap().contains("limit of 5 bytes"));
    }
}
