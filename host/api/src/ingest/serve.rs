//! The webhooks' listener: what bounds it, and what is asked of each request.

use std::time::Duration;

use axum::http::Request;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wharf_runtime::Worker;

use super::handle;
use crate::listen::{Bounds, Peer, Tls, run};

/// Headers of a request, by number, and their bytes with the request line.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 32 * 1024;
/// After this a connection is closed at the next answer, so that one which reads slowly does not stay for ever.
const LONGEST_CONNECTION: Duration = Duration::from_secs(300);

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
    let IngestServer { max_connections, header_timeout, body_timeout, tls } = server;
    let bounds = Bounds {
        max_connections,
        header_timeout,
        longest_connection: LONGEST_CONNECTION,
        max_headers: MAX_HEADERS,
        max_header_bytes: MAX_HEADER_BYTES,
    };
    let answer = move |peer: Peer, request: Request<Incoming>| {
        let worker = worker.clone();
        async move { handle::answer(&worker, body_timeout, peer.address, request).await }
    };
    run(listener, bounds, tls, answer, closing).await;
}
