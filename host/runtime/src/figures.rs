//! Figures of connectors and tasks, as metrics show them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use wharf_core::histogram::Buckets;
use wharf_core::meter::Usage;
use wharf_core::recent::Summary;
use wharf_core::state::State;
use wharf_core::trace::Stage;

use crate::progress::TaskProgress;

/// A connector's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorFigures {
    /// Its name.
    pub name: String,
    /// `source`, `sink` or `unknown`.
    pub kind: String,
    /// What it is doing.
    pub state: State,
    /// Its `connector.class` as it was configured.
    pub class: String,
    /// The plugin's version; `None` where the plugin is not known.
    pub version: Option<String>,
    /// Its tasks, by number.
    pub tasks: Vec<TaskFigures>,
}

/// A task's figures, since its connector was configured or the worker started.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskFigures {
    /// Its number.
    pub task: u32,
    /// The plugin that it runs, `name@version`; empty before its first start.
    pub plugin: String,
    /// What it is doing.
    pub state: State,
    /// The part of its life that it was RUNNING, and PAUSED: 0 to 1.
    pub running_ratio: f64,
    /// See `running_ratio`.
    pub pause_ratio: f64,
    /// How often it was started again.
    pub restarts: u32,
    /// How long it has been stalled; zero while it is not.
    pub stalled: Duration,
    /// How far it has come.
    pub progress: TaskProgress,
    /// What it uses.
    pub usage: Usage,
    /// How long stages take that it has been in.
    pub stages: Vec<StageTimes>,
    /// Rows of its batches.
    pub batch_rows: Buckets,
    /// Bytes of their keys, values and headers.
    pub batch_bytes: Buckets,
    /// Rows of its latest batches.
    pub batch_size: Summary,
    /// Rows that came: polled by a source, read from the queue by a sink.
    pub came: Flow,
    /// Rows that went on: acknowledged by the queue, taken by a sink's plugin.
    pub went: Flow,
    /// Rows that came and are not done with: not acknowledged, or not committed.
    pub active: Level,
    /// Commits of offsets or positions.
    pub commits: Commits,
    /// Rows that could not be processed.
    pub errors: TaskErrors,
    /// Partitions that a sink reads.
    pub partitions: u64,
    /// Rows that the partition has yet to be read of that is furthest behind; `None`: not known.
    pub lag_max: Option<u64>,
}

/// How long a stage takes.
#[derive(Debug, Clone, PartialEq)]
pub struct StageTimes {
    /// Which one.
    pub stage: Stage,
    /// All times, in seconds.
    pub all: Buckets,
    /// The latest, in milliseconds.
    pub recent_ms: Summary,
}

/// Rows that passed a place.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Flow {
    /// How many.
    pub total: u64,
    /// How many a second, lately.
    pub rate: f64,
}

/// Something that goes up and down.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Level {
    /// Where it stands.
    pub now: u64,
    /// Where it stood lately.
    pub recent: Summary,
}

/// Commits of offsets or positions.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Commits {
    /// Those that worked.
    pub done: Flow,
    /// Those that did not.
    pub failed: u64,
    /// How long the latest took, in milliseconds.
    pub recent_ms: Summary,
}

/// Rows that could not be processed. Those that are left out are in [`TaskProgress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskErrors {
    /// Rows that failed the task.
    pub fatal: u64,
    /// Errors that went into the log, because `errors.log.enable` says so.
    pub logged: u64,
    /// Rows that were to go to the dead letter queue.
    pub dead_letters: u64,
    /// Those of them that it did not take.
    pub dead_letters_failed: u64,
    /// When there was one last, in milliseconds since 1970.
    pub last_at: Option<i64>,
}

/// How starts went since the worker started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Starts {
    /// Those that worked.
    pub succeeded: u64,
    /// Those that did not.
    pub failed: u64,
}

/// What the worker counts of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkerFigures {
    /// Starts of connectors: their plugin was found and split the work, or not.
    pub connectors: Starts,
    /// Starts of tasks, automatic restarts among them: the instance and its side of the queue came up, or not.
    pub tasks: Starts,
}

/// Counts starts.
#[derive(Debug, Default)]
pub(crate) struct StartCounter {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl StartCounter {
    pub(crate) fn count(&self, has_worked: bool) {
        let counter = if has_worked { &self.succeeded } else { &self.failed };
        counter.fetch_add(1, Relaxed);
    }

    pub(crate) fn starts(&self) -> Starts {
        Starts { succeeded: self.succeeded.load(Relaxed), failed: self.failed.load(Relaxed) }
    }
}
