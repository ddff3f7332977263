//! The REST API's listener.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::body::Timed;
use super::serve::{Bounds, Peer, run};
use super::tls::Tls;
use crate::error::ApiError;

/// A request may have so many headers, and so many bytes of them.
const MAX_HEADERS: usize = 100;
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// So much is read before a request is turned away without a word; in between it is told why.
const READ_HEADERS: usize = 200;
const READ_HEADER_BYTES: usize = 64 * 1024;
const LONGEST_CONNECTION: Duration = Duration::from_secs(3600);

/// What bounds the REST API's listener.
#[derive(Debug, Clone)]
pub struct RestServer {
    /// Connections at a time; further ones wait to be accepted. Default 1024.
    pub max_connections: usize,
    /// How long the TLS handshake and the headers of each request may take; a connection without a request is closed
    /// after it too. Default 30 s.
    pub header_timeout: Duration,
    /// How long the body of a request may take; a large one gets a second more for each 64 KiB. Default 30 s.
    pub body_timeout: Duration,
    /// With this, the listener speaks TLS and nothing else. Default `None`.
    pub tls: Option<Tls>,
}

impl Default for RestServer {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self { max_connections: 1024, header_timeout: half_a_minute, body_timeout: half_a_minute, tls: None }
    }
}

/// Answers requests with `router` until `closing` is cancelled; then those that are under way. Dropping it cuts them
/// off. Handlers find a [`Peer`] among the extensions of a request.
pub async fn serve_rest(listener: TcpListener, router: Router, server: RestServer, closing: CancellationToken) {
    let bounds = Bounds {
        max_connections: server.max_connections,
        header_timeout: server.header_timeout,
        longest_connection: LONGEST_CONNECTION,
        max_headers: READ_HEADERS,
        max_header_bytes: READ_HEADER_BYTES,
    };
    let within = server.body_timeout;
    let answer = move |peer, request| answer(router.clone(), within, peer, request);
    run(listener, bounds, server.tls, answer, closing).await;
}

async fn answer(router: Router, body_timeout: Duration, peer: Peer, request: Request<Incoming>) -> Response {
    if let Err(refusal) = check_headers(request.headers()) {
        return refusal.into_response();
    }
    let is_tls = peer.is_tls;
    let mut request = request.map(|body| Body::new(Timed::new(body, body_timeout)));
    request.extensions_mut().insert(peer);
    let Ok(mut response) = router.oneshot(request).await;
    if is_tls {
        keep_scheme(&mut response);
    }
    response
}

fn check_headers(headers: &HeaderMap) -> Result<(), ApiError> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() <= MAX_HEADERS && bytes <= MAX_HEADER_BYTES {
        return Ok(());
    }
    let message = format!("the request has more than {MAX_HEADERS} headers or {MAX_HEADER_BYTES} bytes of them");
    Err(ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message))
}

/// Where something is found was written as if everybody spoke plain HTTP.
fn keep_scheme(response: &mut Response) {
    let plain = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let secure = plain.and_then(|location| location.strip_prefix("http://")).map(|rest| format!("https://{rest}"));
    if let Some(value) = secure.and_then(|location| HeaderValue::try_from(location).ok()) {
        response.headers_mut().insert(header::LOCATION, value);
    }
}
