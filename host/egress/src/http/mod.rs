//! HTTP/1.1 over a gate: resolve, check, dial, TLS, one request, one answer.
//!
//! Redirects are not followed: a guest that gets one sends another request, which is judged like the first. Proxies are not
//! asked, whatever the environment says. [`check`](is_forbidden) says what a request may look like.

mod body;
mod check;
mod error;
mod fetch;
mod pool;

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Body;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

pub use body::ResponseBody;
pub use check::is_forbidden;
pub use error::HttpError;
pub use fetch::{FetchError, Fetcher};
pub(crate) use pool::Pool;

use crate::connection::server_name;
use crate::error::EgressError;
use crate::gate::{Gate, codes};
use body::RequestBody;
use check::Target;
use pool::{AbortOnDrop, Key, Live};

/// Bytes of the head of an answer; a longer one is an error.
const HEAD: usize = 64 << 10;
/// Headers of an answer.
const HEADERS: usize = 128;
/// How long a connection that waited may take to say that it is ready.
const READY: Duration = Duration::from_millis(100);

/// What a request may take. The gate's quotas are the most: longer waits are cut to them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounds {
    /// To be connected, TLS included. `None`: the gate's `connect_timeout`.
    pub connect: Option<Duration>,
    /// From then until the answer begins. `None`: the gate's `http_timeout`.
    pub first_byte: Option<Duration>,
    /// A pause of the answer. `None`: the gate's `http_timeout`.
    pub between_bytes: Option<Duration>,
    /// Bytes of the answer's body. `None`: any; whoever reads it decides.
    pub response_bytes: Option<u64>,
}

impl Gate {
    /// Sends a request to a host that the configuration names.
    ///
    /// # Errors
    /// When that is denied, or fails, or takes too long.
    pub async fn send<B>(&self, request: Request<B>, bounds: Bounds) -> Result<Response<ResponseBody>, HttpError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let quotas = self.quotas();
        let cut = |wanted: Option<Duration>, most: Duration| wanted.map_or(most, |wanted| wanted.min(most));
        let connect = cut(bounds.connect, quotas.connect_timeout);
        let first_byte = cut(bounds.first_byte, quotas.http_timeout);
        // A pause of nothing would end every answer.
        let pause = cut(bounds.between_bytes, quotas.http_timeout).max(Duration::from_millis(1));

        let (request, target) = self.prepare(request)?;
        let permit = self.request()?;
        let key = Key::of(&target);
        let mut waiting = self.pool().take(&key);
        if let Some(live) = &mut waiting
            && !matches!(timeout(READY, live.sender.ready()).await, Ok(Ok(())))
        {
            waiting = None;
        }
        let (mut live, was_waiting) = match waiting {
            Some(live) => (live, true),
            None => (self.open(&target, connect).await?, false),
        };
        let until = Instant::now() + first_byte;
        let late = || HttpError::FirstByte(first_byte.as_millis());
        let mut sent = timeout_at(until, live.sender.try_send_request(request)).await.map_err(|_| late())?;
        // A server may close a connection that waits at any time. What it has not seen of a request can be sent again.
        if let Err(error) = &mut sent
            && was_waiting
            && let Some(request) = error.take_message()
        {
            live = self.open(&target, connect).await?;
            sent = timeout_at(until, live.sender.try_send_request(request)).await.map_err(|_| late())?;
        }
        let response = sent.map_err(|error| failed(&error.into_error()))?;
        let held = (self.clone(), permit);
        Ok(response.map(|incoming| ResponseBody::new(incoming, (key, live), held, pause, bounds.response_bytes)))
    }

    /// Checks a request and brings it into the form in which it goes over the wire.
    fn prepare<B>(&self, request: Request<B>) -> Result<(Request<RequestBody>, Target), HttpError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (mut parts, body) = request.into_parts();
        let target = check::target(&parts.uri).inspect_err(|error| {
            self.deny(codes::REQUEST, error.to_string());
        })?;
        if let Some(fault) = check::fault(&parts.method, &parts.headers) {
            return Err(check::forbidden(self.deny(codes::REQUEST, fault)));
        }
        self.check_scheme(target.scheme(), &target.host, target.port)?;
        let host =
            HeaderValue::try_from(&target.authority).map_err(|_| HttpError::Url("has a host that cannot be sent"))?;
        parts.headers.insert(HOST, host);
        parts.uri = target.path.parse::<Uri>().map_err(|_| HttpError::Url("has a path that cannot be read"))?;
        parts.version = http::Version::HTTP_11;
        parts.extensions.clear();
        Ok((Request::from_parts(parts, RequestBody::new(body, self.clone())), target))
    }

    /// A new connection, ready for a request.
    async fn open(&self, target: &Target, allowed: Duration) -> Result<Live, HttpError> {
        let until = Instant::now() + allowed;
        let late = || EgressError::TimedOut(format!("connecting to {}", target.authority), allowed.as_millis());
        let stream = self.dial(&target.host, target.port, allowed).await?;
        if !target.tls {
            return timeout_at(until, handshake(stream)).await.map_err(|_| late())?;
        }
        let refused = |why: String| EgressError::Tls(target.authority.clone(), why);
        let name = server_name(&target.host).ok_or_else(|| refused("the host is no name".to_owned()))?;
        let config =
            self.tls().offering(vec![b"http/1.1".to_vec()]).await.map_err(|error| refused(error.to_string()))?;
        let stream = timeout_at(until, TlsConnector::from(config).connect(name, stream)).await;
        let stream = stream.map_err(|_| late())?.map_err(|error| refused(error.to_string()))?;
        timeout_at(until, handshake(stream)).await.map_err(|_| late())?
    }
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Result<Live, HttpError> {
    let made = http1::Builder::new()
        .max_buf_size(HEAD)
        .max_headers(HEADERS)
        .handshake::<_, RequestBody>(TokioIo::new(stream))
        .await;
    let (sender, connection) = made.map_err(|error| failed(&error))?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an HTTP connection of a guest broke");
        }
    });
    Ok(Live { sender, _task: AbortOnDrop(task.abort_handle()) })
}

/// The cause says more than hyper's own text.
fn failed(error: &hyper::Error) -> HttpError {
    let cause = std::error::Error::source(error);
    if let Some(own) = cause.and_then(|cause| cause.downcast_ref::<HttpError>()) {
        return own.clone();
    }
    match cause {
        Some(cause) => HttpError::Protocol(format!("{error}: {cause}")),
        None => HttpError::Protocol(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
