//! How long to wait after a passing failure, and when to stop trying.

use std::time::Duration;

use tokio::time::Instant;
use wharf_core::Retry;
use wharf_core::config::ErrorPolicy;
use wharf_core::policy::Backoff;

/// However low `errors.retry.delay.max.ms` is set, a retry does not spin.
const SHORTEST_CAP: Duration = Duration::from_millis(10);

/// A task that waits for a full disk goes on soon after there is room.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The failures in a row for which no task is to blame. There is no limit: what all tasks need comes back, or an operator
/// stops the connector.
#[derive(Debug, Default)]
pub(super) struct Outage {
    failures: u32,
}

impl Outage {
    /// Whether a failure after a try that has lasted so long is one more of the same row.
    pub(super) fn goes_on(&self, lasted: Duration) -> bool {
        self.failures > 0 && lasted <= LONGEST_WAIT
    }

    /// How long to wait before the next try, which has lasted so long this time. One that worked for a while ends the row.
    pub(super) fn wait(&mut self, lasted: Duration) -> Duration {
        if lasted > LONGEST_WAIT {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        Backoff { max: LONGEST_WAIT, ..Backoff::default() }.wait(self.failures, fastrand::f64())
    }
}

/// The failures in a row of one call.
#[derive(Debug, Default)]
pub(super) struct Retrying {
    failures: u32,
    since: Option<Instant>,
}

impl Retrying {
    /// The call came through.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// How long to wait before the next try; `None` when `errors.retry.timeout` has passed since the first failure. As
    /// in Kafka Connect, a poll or a put that asks to be tried again is so without limit where the timeout is 0.
    pub(super) fn wait(&mut self, retry: &Retry, policy: &ErrorPolicy) -> Option<Duration> {
        let now = Instant::now();
        let since = *self.since.get_or_insert(now);
        if policy.retry_timeout.is_some_and(|limit| !limit.is_zero() && now.duration_since(since) >= limit) {
            return None;
        }
        self.failures = self.failures.saturating_add(1);
        let backoff = Backoff { max: policy.retry_delay_max.max(SHORTEST_CAP), ..Backoff::default() };
        Some(retry.after.unwrap_or_else(|| backoff.wait(self.failures, fastrand::f64())))
    }
}
