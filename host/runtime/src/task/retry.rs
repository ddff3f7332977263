//! How long to wait after a passing failure, and when to stop trying.

use std::time::Duration;

use tokio::time::Instant;
use wharf_core::Retry;
use wharf_core::config::ErrorPolicy;
use wharf_core::policy::Backoff;

/// However low `errors.retry.delay.max.ms` is set, a retry does not spin.
const SHORTEST_CAP: Duration = Duration::from_millis(10);

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
