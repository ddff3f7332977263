//! The collector, and what is done when it does not answer.
//!
//! As OTLP says, an answer of 429, 502, 503 or 504 and a connection that fails are tried again, with longer and longer waits;
//! what is refused for good is dropped. Nothing waits for this but the next export.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use anyhow::anyhow;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wharf_egress::gate::GateOptions;
use wharf_egress::http::Bounds;
use wharf_egress::{Ceiling, Gate, Quotas, TlsClient, TlsFiles, endpoint};
use wharf_sandbox::EgressPolicy;

use crate::settings::Telemetry as Settings;

/// How long one request may take, as OTLP exporters have it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often one message is tried.
const TRIES: u32 = 3;
/// The wait before the second try; it doubles.
const WAIT: Duration = Duration::from_secs(1);
/// Bytes of an answer that are read.
const ANSWER: u64 = 64 << 10;

/// Sends messages to the collector. Clones share its connections.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    settings: Arc<Settings>,
    gate: Gate,
    /// The log says already that the collector cannot be reached.
    is_told: Arc<AtomicBool>,
}

/// Why a message was not taken.
#[derive(Debug)]
struct Refusal {
    reason: String,
    is_passing: bool,
}

impl Sender {
    /// The operator names the collector, so the ceiling for connectors does not hold for it; what is trusted does.
    ///
    /// # Errors
    /// When TLS cannot be set up or the endpoint is none.
    pub(super) fn new(settings: &Settings, egress: &EgressPolicy) -> anyhow::Result<Self> {
        let tls = TlsClient::new(&egress.roots, &TlsFiles::default()).map_err(|(_, error)| error)?;
        let endpoints = endpoint::parse(&settings.endpoint)
            .map_err(|error| anyhow!("`telemetry.otlp-endpoint` has \"{}\", which {error}", settings.endpoint))?;
        let ceiling = Ceiling { loopback: true, private: true, link_local: true, ..Ceiling::default() };
        let quotas = Quotas { http_timeout: TIMEOUT, connect_timeout: TIMEOUT, ..Quotas::default() };
        let gate =
            Gate::new(GateOptions { endpoints, ceiling: Arc::new(ceiling), quotas, tls, ..GateOptions::default() });
        Ok(Self { settings: Arc::new(settings.clone()), gate, is_told: Arc::default() })
    }

    /// Sends a message, and tries again where that makes sense and `done` is not cancelled.
    pub(super) async fn send(&self, path: &str, body: Bytes, done: &CancellationToken) {
        let mut wait = WAIT;
        for attempt in 1..=TRIES {
            let sent = timeout(TIMEOUT, self.once(path, body.clone())).await;
            let refusal = match sent {
                Ok(Ok(())) => {
                    if self.is_told.swap(false, Relaxed) {
                        tracing::info!("traces and metrics are exported again");
                    }
                    return;
                }
                Ok(Err(refusal)) => refusal,
                Err(_) => Refusal { reason: "it does not answer in time".to_owned(), is_passing: true },
            };
            if !refusal.is_passing || attempt == TRIES || done.is_cancelled() {
                return self.tell(path, &refusal.reason);
            }
            tokio::select! {
                () = sleep(wait) => {}
                () = done.cancelled() => {}
            }
            wait *= 2;
        }
    }

    /// Says once that the collector takes nothing.
    fn tell(&self, path: &str, reason: &str) {
        let endpoint = &self.settings.endpoint;
        if self.is_told.swap(true, Relaxed) {
            tracing::debug!(endpoint, path, reason, "traces or metrics cannot be exported");
        } else {
            tracing::warn!(endpoint, path, reason, "traces or metrics cannot be exported; they are left out");
        }
    }

    async fn once(&self, path: &str, body: Bytes) -> Result<(), Refusal> {
        let for_good = |reason: String| Refusal { reason, is_passing: false };
        let mut request = Request::post(format!("{}{path}", self.settings.endpoint))
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .header(header::USER_AGENT, concat!("wharf/", env!("CARGO_PKG_VERSION")))
            .header(header::CONTENT_LENGTH, body.len());
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body)).map_err(|error| for_good(error.to_string()))?;
        let bounds = Bounds { response_bytes: Some(ANSWER), ..Bounds::default() };
        let answer = self.gate.send(request, bounds).await;
        let answer = answer.map_err(|error| Refusal { reason: error.to_string(), is_passing: true })?;
        let status = answer.status();
        // Read to its end, so that the connection can be used again.
        answer.into_body().collect().await.ok();
        if status.is_success() {
            return Ok(());
        }
        let is_passing = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        );
        Err(Refusal { reason: format!("the collector answered {status}"), is_passing })
    }
}
