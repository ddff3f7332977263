//! Connections, and what bounds them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wharf_runtime::Worker;

use super::handle;
use super::tls::Tls;

/// Headers of a request, by number, and their bytes with the request line.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// After this a connection is closed at the next answer, so that one which reads slowly does not stay for ever.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);
/// How long it may then take to come to an end.
const LAST_ANSWER: Duration = Duration::from_secs(60);
/// How long not to accept when the system has no more sockets.
const NO_SOCKETS: Duration = Duration::from_millis(100);

/// What bounds the listener.
#[derive(Debug, Clone)]
pub struct IngestServer {
    /// Connections at a time; further ones wait to be accepted. Default 256.
    pub max_connections: usize,
    /// How long the TLS handshake and the headers of each request may take; a connection without a request is closed
    /// after it too. Default 10 s.
    pub header_timeout: Duration,
    /// How long the body of a request may take. Default 30 s.
    pub body_timeout: Duration,
    /// With this, the listener speaks TLS and nothing else. Default `None`.
    pub tls: Option<Tls>,
}

impl Default for IngestServer {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self { max_connections: 256, header_timeout: secs(10), body_timeout: secs(30), tls: None }
    }
}

/// Answers requests until `closing` is cancelled; then those that are under way. Dropping it cuts them off.
pub async fn serve(listener: TcpListener, worker: Worker, server: IngestServer, closing: CancellationToken) {
    let places = Arc::new(Semaphore::new(server.max_connections.max(1)));
    let shared = Arc::new(Shared { worker, server, closing: closing.clone() });
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
                tracing::warn!(%error, "connections from outside cannot be accepted for now");
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

struct Shared {
    worker: Worker,
    server: IngestServer,
    closing: CancellationToken,
}

impl Shared {
    async fn connection(&self, socket: TcpStream, peer: SocketAddr) {
        // Answers are small and whole.
        socket.set_nodelay(true).ok();
        let ended = match &self.server.tls {
            None => self.requests(socket, peer).await,
            Some(tls) => match timeout(self.server.header_timeout, tls.0.accept(socket)).await {
                Ok(Ok(stream)) => self.requests(stream, peer).await,
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("the TLS handshake took too long".to_owned()),
            },
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "a connection from outside broke");
        }
    }

    async fn requests(&self, stream: impl AsyncRead + AsyncWrite + Unpin, peer: SocketAddr) -> Result<(), String> {
        let service = service_fn(|request: Request<Incoming>| async move {
            Ok::<_, Infallible>(handle::answer(&self.worker, self.server.body_timeout, peer, request).await)
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.server.header_timeout)
                .max_headers(MAX_HEADERS)
                // The first bounds exactly what is accepted, the second what is read before that is known.
                .max_header_size(MAX_HEADER_BYTES)
                .max_buf_size(MAX_HEADER_BYTES)
                .serve_connection(TokioIo::new(stream), service)
        );
        tokio::select! {
            ended = &mut connection => return ended.map_err(|error| error.to_string()),
            () = self.closing.cancelled() => {}
            () = sleep(LONGEST_CONNECTION) => {}
        }
        connection.as_mut().graceful_shutdown();
        match timeout(LAST_ANSWER, connection).await {
            Ok(ended) => ended.map_err(|error| error.to_string()),
            Err(_) => Err("the last answer took too long".to_owned()),
        }
    }
}
