//! Traces and metrics to an OpenTelemetry collector, by OTLP over HTTP.
//!
//! ```text
//! runtime ── spans ──▶ Spans (bounded, never waits) ──▶ every second: POST …/v1/traces
//! wharf_api::metrics::gather ── every interval ───────▶ POST …/v1/metrics
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`spans`] | the dice, the identifiers, and the queue that spans wait in |
//! | [`encode`] | spans and figures as OTLP's messages |
//! | [`sender`] | the collector, and what is done when it does not answer |
//!
//! The messages are encoded here rather than through OpenTelemetry's SDK: the figures are measured already, histograms
//! among them, and the SDK takes none that it has not measured itself. A collector that is slow or gone costs spans, which
//! are counted, and nothing else.

mod encode;
mod sender;
mod spans;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use wharf_api::ApiOptions;
use wharf_core::trace::{BatchSpan, Tracer};
use wharf_runtime::Worker;
use wharf_sandbox::EgressPolicy;

use crate::settings::Telemetry as Settings;
use encode::Identity;
use sender::Sender;
use spans::Spans;

/// How long spans gather before they are sent together.
const GATHER: Duration = Duration::from_secs(1);
/// How many are sent together at most.
const TOGETHER: usize = 512;
/// How long what is left may take to be sent when the worker stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What exports, before there is a worker.
#[derive(Debug)]
pub(crate) struct Telemetry {
    settings: Settings,
    sender: Sender,
    spans: Arc<Spans>,
    queue: mpsc::Receiver<BatchSpan>,
}

/// What exports, beside the worker.
#[derive(Debug)]
pub(crate) struct Exporting {
    done: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Telemetry {
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(settings: &Settings, egress: &EgressPolicy) -> anyhow::Result<Self> {
        let (spans, queue) = Spans::new(settings.sample_ratio);
        Ok(Self { sender: Sender::new(settings, egress)?, settings: settings.clone(), spans: Arc::new(spans), queue })
    }

    /// What the worker tells of its batches.
    pub(crate) fn tracer(&self) -> Arc<dyn Tracer> {
        self.spans.clone()
    }

    /// Begins to export.
    pub(crate) fn start(self, worker: Worker, options: ApiOptions) -> Exporting {
        let Self { settings, sender, spans, queue } = self;
        let identity = Arc::new(Identity {
            service: settings.service_name.clone(),
            version: options.version.clone(),
            instance: worker.options().id.clone(),
            began: SystemTime::now(),
        });
        tracing::info!(
            endpoint = settings.endpoint,
            ratio = settings.sample_ratio,
            every = ?settings.interval,
            "traces and metrics are exported"
        );
        let done = CancellationToken::new();
        let traces = export_spans(sender.clone(), identity.clone(), spans, queue, done.clone());
        let metrics = export_metrics(sender, identity, settings.interval, (worker, options), done.clone());
        Exporting { done, tasks: vec![tokio::spawn(traces), tokio::spawn(metrics)] }
    }
}

impl Exporting {
    /// Sends what is left, as far as that is done in a moment. To be called when the worker has stopped.
    pub(crate) async fn close(self) {
        self.done.cancel();
        let aborts: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        let all = futures_util::future::join_all(self.tasks);
        if timeout(LAST_WORDS, all).await.is_err() {
            tracing::warn!("the last traces or metrics could not be exported in time");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

async fn export_spans(
    sender: Sender,
    identity: Arc<Identity>,
    spans: Arc<Spans>,
    mut queue: mpsc::Receiver<BatchSpan>,
    done: CancellationToken,
) {
    let mut batch = Vec::with_capacity(TOGETHER);
    let mut last = false;
    while !last {
        tokio::select! {
            _ = queue.recv_many(&mut batch, TOGETHER) => {}
            () = done.cancelled() => last = true,
        }
        if batch.len() < TOGETHER && !last {
            tokio::select! {
                () = tokio::time::sleep(GATHER) => {}
                () = done.cancelled() => last = true,
            }
        }
        loop {
            while batch.len() < TOGETHER
                && let Ok(span) = queue.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                break;
            }
            sender.send("/v1/traces", encode::spans(&identity, batch.drain(..)), &done).await;
        }
        let lost = spans.lost.swap(0, Relaxed);
        if lost > 0 {
            tracing::warn!(spans = lost, "spans are left out: they come faster than the collector takes them");
        }
    }
}

async fn export_metrics(
    sender: Sender,
    identity: Arc<Identity>,
    every: Duration,
    (worker, options): (Worker, ApiOptions),
    done: CancellationToken,
) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = false;
    while !last {
        tokio::select! {
            _ = ticks.tick() => {}
            () = done.cancelled() => last = true,
        }
        let families = wharf_api::metrics::gather(&worker, &options).await;
        sender.send("/v1/metrics", encode::metrics(&identity, &families), &done).await;
    }
}
