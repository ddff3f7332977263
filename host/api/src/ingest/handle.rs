//! One request from outside, from its path to its answer.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use wharf_core::plugin::{WebhookRequest, WebhookResponse};
use wharf_runtime::{IngestError, Ingress, Slot, Worker};

use super::refusal::Refusal;
use super::{body, guard};

const PREFIX: &str = "/ingest/";

const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Headers about the connection, which ends here.
const CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::EXPECT,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Answers a request; `body_timeout` bounds how long its body may take.
pub(super) async fn answer<B>(
    worker: &Worker,
    body_timeout: Duration,
    peer: SocketAddr,
    request: Request<B>,
) -> Response
where
    B: HttpBody<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    match attempt(worker, body_timeout, peer, request).await {
        Ok(response) => response,
        Err(refusal) => {
            tracing::debug!(%peer, ?refusal, "a request from outside is refused");
            refusal.into_response()
        }
    }
}

async fn attempt<B>(
    worker: &Worker,
    body_timeout: Duration,
    peer: SocketAddr,
    request: Request<B>,
) -> Result<Response, Refusal>
where
    B: HttpBody<Data = Bytes>,
    B::Error: std::fmt::Display,
{
    let (mut parts, body) = request.into_parts();
    let waits = parts.headers.contains_key(header::EXPECT);
    let (path, ingress, slot) = match admit(worker, &mut parts) {
        Ok(admitted) => admitted,
        Err(refusal) => {
            if !waits {
                body::discard(body).await;
            }
            return Err(refusal);
        }
    };
    let body = body::read(body, ingress.max_body_bytes(), body_timeout, waits).await?;
    let request = webhook_request(parts, path, body, peer);
    respond(slot.send(request).await?)
}

/// All that is decided before the body is looked at.
fn admit(worker: &Worker, parts: &mut Parts) -> Result<(String, Ingress, Slot), Refusal> {
    let (connector, path) = target(parts.uri.path()).ok_or(IngestError::Unknown)?;
    let ingress = worker.ingress(&connector).ok_or(IngestError::Unknown)?;
    if !METHODS.contains(&parts.method) {
        return Err(Refusal::method());
    }
    guard::check(ingress.auth(), &mut parts.headers)?;
    let slot = ingress.enter()?;
    Ok((path, ingress, slot))
}

/// The connector's name, decoded, and what follows it, as it was sent.
fn target(path: &str) -> Option<(String, String)> {
    let rest = path.strip_prefix(PREFIX)?;
    let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
    let name = percent_decode_str(name).decode_utf8().ok().filter(|name| !name.is_empty())?;
    Some((name.into_owned(), format!("/{below}")))
}

fn webhook_request(parts: Parts, path: String, body: Bytes, peer: SocketAddr) -> WebhookRequest {
    WebhookRequest {
        method: parts.method.as_str().to_owned(),
        path,
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: headers(&parts.headers),
        body,
        peer: peer.to_string(),
    }
}

fn headers(headers: &HeaderMap) -> Vec<(String, Bytes)> {
    let kept = headers.iter().filter(|(name, _)| !CONNECTION.contains(name));
    // A copy: the host's buffer of the whole head need not live as long as the request.
    kept.map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes()))).collect()
}

/// The plugin's answer. The sandbox has looked at it; what does not fit all the same is our fault.
fn respond(answer: WebhookResponse) -> Result<Response, Refusal> {
    let broken = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the connector's answer cannot be sent");
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).map_err(|_| broken())?;
    for (name, value) in answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| broken())?;
        let value = HeaderValue::from_maybe_shared(value).map_err(|_| broken())?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_names_a_connector_and_what_is_below_it_is_left_as_it_is() {
        let found = |path: &str| target(path).map(|(name, below)| format!("{name} {below}"));
        assert_eq!(found("/ingest/a").as_deref(), Some("a /"));
        assert_eq!(found("/ingest/a/").as_deref(), Some("a /"));
        assert_eq!(found("/ingest/a/b%2Fc//d").as_deref(), Some("a /b%2Fc//d"));
        assert_eq!(found("/ingest/a%2Fb/c").as_deref(), Some("a/b /c"));
        for path in ["/", "/ingest", "/ingest/", "/ingest//a", "/connectors", "/ingest/%ff", "ingest/a"] {
            assert_eq!(target(path), None, "{path}");
        }
    }
}
