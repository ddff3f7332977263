//! Opens the listener for requests from outside.

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wharf_api::ingest::{IngestServer, serve};
use wharf_api::listen::{Tls, TlsFiles};
use wharf_runtime::Worker;

use crate::settings::Ingest;
use crate::wire::bind;

/// The listener, which does not answer yet.
#[derive(Debug)]
pub(crate) struct Entrance {
    listener: TcpListener,
    server: IngestServer,
}

/// Reads the certificate and takes the port.
pub(crate) async fn open(settings: Option<&Ingest>) -> anyhow::Result<Option<Entrance>> {
    let Some(Ingest { listen, tls, options, server }) = settings else { return Ok(None) };
    let tls = match tls {
        Some((certificate, key)) => {
            let files = TlsFiles { certificate: certificate.clone(), key: key.clone(), clients: None };
            Some(Tls::read(files).context("set up TLS for `[ingest]`")?)
        }
        None => None,
    };
    if options.is_public && tls.is_none() {
        tracing::warn!(
            %listen,
            "requests from outside come without TLS: whoever is on the way reads them and the tokens in them, unless \
             something before Wharf speaks TLS"
        );
    }
    let listener = bind(*listen, "`listen` in `[ingest]`").await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(url = format!("{scheme}://{listen}/ingest/"), "requests from outside are taken here");
    Ok(Some(Entrance { listener, server: IngestServer { tls, ..server.clone() } }))
}

impl Entrance {
    /// Answers until `closing` is cancelled.
    pub(crate) async fn serve(self, worker: Worker, closing: CancellationToken) {
        serve(self.listener, worker, self.server, closing).await;
    }
}
