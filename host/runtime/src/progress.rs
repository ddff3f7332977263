//! How far tasks have come: counters that cost an atomic addition a batch.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use serde::{Deserialize, Serialize};
use wharf_core::state::State;

/// The counters of one task. They survive restarts of the task and start at 0 with its connector.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) rows: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) commits: AtomicU64,
    /// Negative: not known.
    pub(crate) lag: AtomicI64,
}

impl Default for Counters {
    fn default() -> Self {
        let zero = AtomicU64::default;
        Self {
            rows: zero(),
            bytes: zero(),
            batches: zero(),
            skipped: zero(),
            dead_letters: zero(),
            retries: zero(),
            commits: zero(),
            lag: AtomicI64::new(-1),
        }
    }
}

impl Counters {
    pub(crate) fn batch(&self, rows: u32, bytes: u64) {
        self.rows.fetch_add(u64::from(rows), Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.batches.fetch_add(1, Relaxed);
    }

    pub(crate) fn add(counter: &AtomicU64, count: usize) {
        counter.fetch_add(count as u64, Relaxed);
    }

    pub(crate) fn behind(&self, rows: i64) {
        self.lag.store(rows.max(0), Relaxed);
    }

    pub(crate) fn snapshot(&self, task: u32, state: State) -> TaskProgress {
        TaskProgress {
            task,
            state,
            rows: self.rows.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            batches: self.batches.load(Relaxed),
            skipped: self.skipped.load(Relaxed),
            dead_letters: self.dead_letters.load(Relaxed),
            retries: self.retries.load(Relaxed),
            commits: self.commits.load(Relaxed),
            lag: u64::try_from(self.lag.load(Relaxed)).ok(),
        }
    }
}

/// How far a connector has come since it was configured or the worker started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorProgress {
    /// The connector's name.
    pub name: String,
    /// `source`, `sink` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its tasks, by number.
    pub tasks: Vec<TaskProgress>,
}

/// How far a task has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskProgress {
    /// Its number.
    pub task: u32,
    /// What it is doing.
    pub state: State,
    /// Rows that the queue acknowledged (source) or that the plugin took (sink).
    pub rows: u64,
    /// Bytes of their keys, values and headers.
    pub bytes: u64,
    /// How many batches they came in.
    pub batches: u64,
    /// Rows that were rejected and left out because `errors.tolerance` is `all`.
    pub skipped: u64,
    /// Rows that went to the dead letter queue.
    pub dead_letters: u64,
    /// How often rows were tried again after a passing failure.
    pub retries: u64,
    /// How often offsets or positions were committed.
    pub commits: u64,
    /// Rows of the queue that a sink has yet to read; absent for sources and until it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lag: Option<u64>,
}
