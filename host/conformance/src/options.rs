//! How the checks are made.

use std::time::Duration;

use wharf_core::Config;

/// How the checks are made.
#[derive(Debug, Clone)]
pub struct Options {
    /// A connector's configuration. What it names must exist and is used. `connector.class`, and a sink's `topics`, may be
    /// left out. Default `None`: what needs one is skipped.
    pub config: Option<Config>,
    /// Warnings are failures. Default false.
    pub strict: bool,
    /// How long a call may take; for a poll, beyond the wait it was granted. Default 5 s, which is stricter than a worker.
    pub call_deadline: Duration,
    /// How long a start may take. Default 30 s.
    pub start_deadline: Duration,
    /// How long `validate` and `tasks` may take each. Default 5 s.
    pub describe_deadline: Duration,
    /// How much longer than its `max-wait` a poll may take. Default 1 s: machines that run tests are busy.
    pub wait_tolerance: Duration,
    /// Bytes of memory that an instance may have. Default 256 MiB, as in a worker.
    pub memory_bytes: u64,
    /// How many rows of a source are looked at, at most. Default 10 000.
    pub rows: usize,
    /// From how many checkpoints a source is resumed, at most; they are spread over the run. Default 20.
    pub checkpoints: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: None,
            strict: false,
            call_deadline: Duration::from_secs(5),
            start_deadline: Duration::from_secs(30),
            describe_deadline: Duration::from_secs(5),
            wait_tolerance: Duration::from_secs(1),
            memory_bytes: 256 << 20,
            rows: 10_000,
            checkpoints: 20,
        }
    }
}
