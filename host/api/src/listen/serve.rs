//! Connections, and what bounds them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use axum::http::Request;
use axum::response::Response;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::paced::Paced;
use super::tls::Tls;

/// How long the last answer of a connection that is being closed may take.
const LAST_ANSWER: Duration = Duration::from_secs(60);
/// How long a caller may not read anything of its answer.
const UNREAD: Duration = Duration::from_secs(60);
/// How long not to accept when the system has no more sockets.
const NO_SOCKETS: Duration = Duration::from_millis(100);

/// What bounds a listener.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at a time; further ones wait to be accepted.
    pub max_connections: usize,
    /// How long the TLS handshake and the headers of each request may take; a connection without a request is closed
    /// after it too.
    pub header_timeout: Duration,
    /// After this a connection is closed at the next answer, so that one which reads slowly does not stay for ever.
    pub longest_connection: Duration,
    /// Headers of a request, by number. More are answered with a bare 431.
    pub max_headers: usize,
    /// Bytes of a request's headers and its first line. More are answered with a bare 431.
    pub max_header_bytes: usize,
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Its address and port.
    pub address: SocketAddr,
    /// Whether the connection speaks TLS.
    pub is_tls: bool,
    /// The common name in its certificate, where it showed one and it was verified.
    pub certificate: Option<Arc<str>>,
}

/// Answers requests until `closing` is cancelled; then those that are under way. Dropping it cuts them off.
pub(crate) async fn run<A, F>(
    listener: TcpListener,
    bounds: Bounds,
    tls: Option<Tls>,
    answer: A,
    closing: CancellationToken,
) where
    A: Fn(Peer, Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(bounds.max_connections.max(1)));
    let mut watching = JoinSet::new();
    if let Some(tls) = tls.clone() {
        watching.spawn(async move { tls.follow().await });
    }
    let shared = Arc::new(Shared { bounds, tls, answer, closing: closing.clone() });
    let mut connections = JoinSet::new();
    while let Some(Ok(place)) = closing.run_until_cancelled(places.clone().acquire_owned()).await {
        let accepted = tokio::select! {
            () = closing.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((socket, peer)) => {
                let shared = shared.clone();
                connections.spawn(async move {
                    shared.connection(socket, peer).await;
                    drop(place);
                });
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "connections cannot be accepted for now");
                sleep(NO_SOCKETS).await;
            }
        }
        // Those that have ended are forgotten.
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

struct Shared<A> {
    bounds: Bounds,
    tls: Option<Tls>,
    answer: A,
    closing: CancellationToken,
}

impl<A, F> Shared<A>
where
    A: Fn(Peer, Request<Incoming>) -> F,
    F: Future<Output = Response>,
{
    async fn connection(&self, socket: TcpStream, address: SocketAddr) {
        // Answers are small and whole.
        socket.set_nodelay(true).ok();
        let socket = Paced::new(socket, UNREAD);
        let peer = Peer { address, is_tls: self.tls.is_some(), certificate: None };
        let ended = match &self.tls {
            None => self.requests(socket, peer).await,
            Some(tls) => match timeout(self.bounds.header_timeout, tls.acceptor().accept(socket)).await {
                Ok(Ok(stream)) => {
                    let certificate = Tls::common_name(stream.get_ref().1);
                    self.requests(stream, Peer { certificate, ..peer }).await
                }
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the TLS handshake took too long".to_owned()),
            },
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %address, error, "a connection broke");
        }
    }

    async fn requests(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: Peer) -> Result<(), String> {
        let bounds = &self.bounds;
        // Whether the answer under way may go on for as long as it likes.
        let is_stream = AtomicBool::new(false);
        let service = service_fn(|request: Request<Incoming>| {
            is_stream.store(false, Relaxed);
            let answer = (self.answer)(peer.clone(), request);
            let is_stream = &is_stream;
            async move {
                let answer = answer.await;
                is_stream.store(answer.body().size_hint().exact().is_none(), Relaxed);
                Ok::<_, Infallible>(answer)
            }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(bounds.header_timeout)
                .max_headers(bounds.max_headers)
                // The first bounds exactly what is accepted, the second what is read before that is known.
                .max_header_size(bounds.max_header_bytes)
                .max_buf_size(bounds.max_header_bytes)
                .serve_connection(TokioIo::new(stream), service)
        );
        tokio::select! {
            ended = &mut connection => return ended.map_err(|error| error.to_string()),
            () = self.closing.cancelled() => {}
            () = sleep(bounds.longest_connection) => {}
        }
        connection.as_mut().graceful_shutdown();
        loop {
            match timeout(LAST_ANSWER, &mut connection).await {
                Ok(ended) => return ended.map_err(|error| error.to_string()),
                Err(_) if is_stream.load(Relaxed) && !self.closing.is_cancelled() => {}
                Err(_) => return Err("the last answer took too long".to_owned()),
            }
        }
    }
}
