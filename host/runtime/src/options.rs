//! What a worker is made of, and how it is tuned.

use std::sync::Arc;
use std::time::Duration;

use wharf_core::audit::Auditor;
use wharf_core::limits::TaskLimits;
use wharf_core::plugin::{Catalog, PollLimits};
use wharf_core::policy::RestartPolicy;
use wharf_drivers::Driver;
use wharf_store::Store;

use crate::ingest::IngestOptions;
use crate::secrets::SecretParts;
use crate::tracer::Tracing;

/// The parts that a worker puts to work.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where plugins are found.
    pub catalog: Arc<dyn Catalog>,
    /// The queue.
    pub driver: Arc<dyn Driver>,
    /// Where configurations, target states and offsets are kept.
    pub store: Arc<dyn Store>,
    /// Who is told of what plugins are denied and what is done to them.
    pub audit: Arc<dyn Auditor>,
    /// Where secrets come from, and how they are kept.
    pub secrets: SecretParts,
}

/// How a worker is tuned.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkerOptions {
    /// `host:port` of its REST API; shown as `worker_id`.
    pub id: String,
    /// Shown as `kafka_cluster_id`.
    pub cluster_id: String,
    /// A sink flushes and commits its position at least this often while rows flow; default 1 s. A source whose queue
    /// keeps checkpoints itself copies them to the store this often.
    pub flush_interval: Duration,
    /// A sink flushes after so many bytes, however short the time; default 64 MiB.
    pub flush_bytes: u64,
    /// How long tasks may take to drain, commit and stop before they are dropped; default 5 s.
    pub shutdown_timeout: Duration,
    /// When failed tasks are started again, where the connector does not say.
    pub restart: RestartPolicy,
    /// How many batches of a source task may wait for the queue's acknowledgement; default 8.
    pub max_in_flight: usize,
    /// What one poll of a source, or one read from the queue, may bring; default 10,000 rows, 1 MiB, 500 ms.
    pub poll: PollLimits,
    /// How much a sink task reads ahead while its plugin is busy.
    pub prefetch: Prefetch,
    /// The most that a connector may set as `limits.*`, and what holds where it sets nothing; default: no ceiling but the
    /// sandbox's own.
    pub ceiling: TaskLimits,
    /// What the listener for requests from outside allows; default `None`: there is none.
    pub ingest: Option<IngestOptions>,
    /// How many configurations of a connector are remembered, the one that holds among them; default 20.
    pub history: usize,
    /// Whether the topics that connectors use are remembered; default: they are, and may be reset.
    pub topics: TopicTracking,
    /// A task that has something to do and has not come further for so long is called stalled; default 60 s.
    pub stalled_after: Duration,
    /// Who is told of traced batches; default: nobody.
    pub tracing: Tracing,
}

/// Whether the topics that connectors use are remembered: Kafka Connect's `topic.tracking.*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicTracking {
    /// They are.
    pub enabled: bool,
    /// A client may make the worker forget them.
    pub allow_reset: bool,
}

impl Default for TopicTracking {
    fn default() -> Self {
        Self { enabled: true, allow_reset: true }
    }
}

/// How much a sink task reads ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefetch {
    /// At most so many deliveries wait; default 4.
    pub deliveries: usize,
    /// No more is read while so many bytes wait; default 8 MiB.
    pub bytes: usize,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            id: "127.0.0.1:8083".to_owned(),
            cluster_id: "wharf".to_owned(),
            flush_interval: Duration::from_secs(1),
            flush_bytes: 64 << 20,
            shutdown_timeout: Duration::from_secs(5),
            restart: RestartPolicy::default(),
            max_in_flight: 8,
            poll: PollLimits { max_rows: 10_000, max_bytes: 1 << 20, max_wait: Duration::from_millis(500) },
            prefetch: Prefetch { deliveries: 4, bytes: 8 << 20 },
            ceiling: TaskLimits::default(),
            ingest: None,
            history: 20,
            topics: TopicTracking::default(),
            stalled_after: Duration::from_secs(60),
            tracing: Tracing::default(),
        }
    }
}
