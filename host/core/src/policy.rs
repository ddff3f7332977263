//! Back-off, retries and the crash-loop limit.

use std::time::Duration;

/// How long to wait before the next try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// Before the second try.
    pub initial: Duration,
    /// Never longer than this.
    pub max: Duration,
    /// How much longer each wait is than the one before.
    pub factor: f64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_millis(100), max: Duration::from_secs(60), factor: 2.0 }
    }
}

impl Backoff {
    /// The wait after failure number `failures` (from 1). `jitter`, from 0 to 1, shortens it by up to half, so that
    /// tasks that failed together do not come back together.
    pub fn wait(&self, failures: u32, jitter: f64) -> Duration {
        let exponent = f64::from(failures.saturating_sub(1).min(64));
        let full = (self.initial.as_secs_f64() * self.factor.powf(exponent)).min(self.max.as_secs_f64());
        Duration::from_secs_f64(full * (1.0 - jitter.clamp(0.0, 1.0) / 2.0))
    }
}

/// When a failed task is started again without being asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RestartPolicy {
    /// Whether it is at all.
    pub enabled: bool,
    /// The waits between tries.
    pub backoff: Backoff,
    /// After so many failures within `window` the task is FAILED: it crashes in a loop.
    pub max_failures: u32,
    /// See `max_failures`.
    pub window: Duration,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self { enabled: true, backoff: Backoff::default(), max_failures: 10, window: Duration::from_secs(600) }
    }
}
