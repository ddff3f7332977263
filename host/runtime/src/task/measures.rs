//! What is measured of one task: written once for a batch or a call, read by whoever shows metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use wharf_core::histogram::{BYTES, Histogram, ROWS, SECONDS};
use wharf_core::recent::{Recent, Summary};
use wharf_core::trace::Stage;

use crate::env::now_millis;
use crate::figures::{Commits, Flow, Level, StageTimes, TaskErrors};

/// How long one stage takes.
#[derive(Debug)]
struct Timing {
    all: Histogram,
    recent: Recent,
}

/// Rows that passed a place.
#[derive(Debug, Default)]
struct Counted {
    total: AtomicU64,
    recent: Recent,
}

/// The figures of one task. They outlive its attempts.
#[derive(Debug)]
pub(crate) struct Measures {
    born: Instant,
    stages: [Timing; Stage::ALL.len()],
    batch_rows: Histogram,
    batch_bytes: Histogram,
    batch_size: Recent,
    /// Rows that came: polled by a source, read by a sink.
    came: Counted,
    /// Rows that went on: acknowledged by the queue, taken by a sink's plugin.
    went: Counted,
    /// Rows that came and are not done with.
    active: AtomicU64,
    active_lately: Recent,
    commit_time: Recent,
    committed: Counted,
    commits_failed: AtomicU64,
    /// Rows that failed the task, errors in the log, dead letters that failed.
    errors: AtomicU64,
    logged: AtomicU64,
    letters: AtomicU64,
    letters_failed: AtomicU64,
    /// Milliseconds since 1970; 0: there was none.
    last_error: AtomicI64,
    partitions: AtomicU64,
    /// Of the partition that is furthest behind; negative: not known.
    lag_max: AtomicI64,
}

impl Default for Measures {
    fn default() -> Self {
        let timing = |_| Timing { all: Histogram::new(&SECONDS), recent: Recent::default() };
        let (rows, bytes) = (Histogram::new(&ROWS), Histogram::new(&BYTES));
        let zero = AtomicU64::default;
        Self {
            born: Instant::now(),
            stages: Stage::ALL.map(timing),
            batch_rows: rows,
            batch_bytes: bytes,
            batch_size: Recent::default(),
            came: Counted::default(),
            went: Counted::default(),
            active: zero(),
            active_lately: Recent::default(),
            commit_time: Recent::default(),
            committed: Counted::default(),
            commits_failed: zero(),
            errors: zero(),
            logged: zero(),
            letters: zero(),
            letters_failed: zero(),
            last_error: AtomicI64::new(0),
            partitions: zero(),
            lag_max: AtomicI64::new(-1),
        }
    }
}

impl Counted {
    fn add(&self, count: u64, now: Duration) {
        self.total.fetch_add(count, Relaxed);
        self.recent.record(count as f64, now);
    }

    fn flow(&self, now: Duration) -> Flow {
        Flow { total: self.total.load(Relaxed), rate: self.recent.summary(now).rate }
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Measures {
    fn now(&self) -> Duration {
        self.born.elapsed()
    }

    /// A stage took so long.
    pub(super) fn took(&self, stage: Stage, time: Duration) {
        if let Some(timing) = self.stages.get(stage as usize) {
            timing.all.took(time);
            timing.recent.record(millis(time), self.now());
        }
    }

    /// Rows came.
    pub(super) fn came(&self, rows: u32) {
        self.came.add(rows.into(), self.now());
    }

    /// A batch of this size is on its way.
    pub(super) fn batch(&self, rows: u32, bytes: u64) {
        self.batch_rows.record(rows.into());
        self.batch_bytes.record(bytes);
        self.batch_size.record(rows.into(), self.now());
    }

    /// Rows went on.
    pub(super) fn went(&self, rows: u32) {
        self.went.add(rows.into(), self.now());
    }

    /// So many rows came that are not done with.
    pub(super) fn active(&self, rows: u64) {
        self.active.store(rows, Relaxed);
        self.active_lately.record(rows as f64, self.now());
    }

    /// Offsets or a position were committed, or not.
    pub(super) fn committed(&self, time: Duration, is_done: bool) {
        if is_done {
            self.commit_time.record(millis(time), self.now());
            self.committed.add(1, self.now());
        } else {
            self.commits_failed.fetch_add(1, Relaxed);
        }
    }

    /// Rows could not be processed; `fatal` of them fail the task.
    pub(super) fn erred(&self, fatal: usize) {
        self.errors.fetch_add(fatal as u64, Relaxed);
        self.last_error.store(now_millis(), Relaxed);
    }

    /// An error of rows went into the log.
    pub(super) fn logged(&self) {
        self.logged.fetch_add(1, Relaxed);
    }

    /// So many dead letters were to be sent.
    pub(super) fn letters(&self, rows: usize, is_done: bool) {
        let counter = if is_done { &self.letters } else { &self.letters_failed };
        counter.fetch_add(rows as u64, Relaxed);
        if !is_done {
            self.letters.fetch_add(rows as u64, Relaxed);
        }
    }

    /// So many partitions are read.
    pub(super) fn partitions(&self, count: usize) {
        self.partitions.store(count as u64, Relaxed);
    }

    /// How far the partition is behind that is furthest behind.
    pub(super) fn behind(&self, rows: Option<i64>) {
        self.lag_max.store(rows.unwrap_or(-1), Relaxed);
    }

    /// How long it took until now, of stages that were used at all.
    pub(super) fn stages(&self) -> Vec<StageTimes> {
        let now = self.now();
        let stages = Stage::ALL.into_iter().zip(&self.stages).filter_map(|(stage, timing)| {
            let all = timing.all.buckets();
            (all.count > 0).then(|| StageTimes { stage, all, recent_ms: timing.recent.summary(now) })
        });
        stages.collect()
    }

    pub(super) fn batches(&self) -> (wharf_core::histogram::Buckets, wharf_core::histogram::Buckets, Summary) {
        (self.batch_rows.buckets(), self.batch_bytes.buckets(), self.batch_size.summary(self.now()))
    }

    pub(super) fn flows(&self) -> (Flow, Flow) {
        (self.came.flow(self.now()), self.went.flow(self.now()))
    }

    pub(super) fn level(&self) -> Level {
        Level { now: self.active.load(Relaxed), recent: self.active_lately.summary(self.now()) }
    }

    pub(super) fn commits(&self) -> Commits {
        Commits {
            done: self.committed.flow(self.now()),
            failed: self.commits_failed.load(Relaxed),
            recent_ms: self.commit_time.summary(self.now()),
        }
    }

    pub(super) fn errors(&self) -> TaskErrors {
        TaskErrors {
            fatal: self.errors.load(Relaxed),
            logged: self.logged.load(Relaxed),
            dead_letters: self.letters.load(Relaxed),
            dead_letters_failed: self.letters_failed.load(Relaxed),
            last_at: Some(self.last_error.load(Relaxed)).filter(|&at| at > 0),
        }
    }

    pub(super) fn partition_count(&self) -> u64 {
        self.partitions.load(Relaxed)
    }

    pub(super) fn lag_max(&self) -> Option<u64> {
        u64::try_from(self.lag_max.load(Relaxed)).ok()
    }
}
