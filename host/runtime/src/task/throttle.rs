//! Rows and bytes in a second: `limits.rows.per.second` and `limits.bytes.per.second`.
//!
//! Rows that came have come: they are counted after the fact, and the task waits before it asks for more. So nothing is
//! held back that is on its way, and a batch that is larger than a second's worth is followed by a longer wait. To keep
//! the flow even, a limited task asks for pieces of a tenth of a second's worth.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;
use wharf_core::limits::{Bucket, TaskLimits};
use wharf_core::plugin::PollLimits;

use crate::status::lock;

/// How much of a second's worth is asked for at a time, and saved up while nothing flows.
const PIECE: f64 = 0.1;

/// Keeps a task to its rates, over all its attempts.
#[derive(Debug)]
pub(super) struct Throttle {
    began: Instant,
    rows: Option<Rate>,
    bytes: Option<Rate>,
}

#[derive(Debug)]
struct Rate {
    /// At least one.
    piece: u32,
    bucket: Mutex<Bucket>,
}

impl Rate {
    fn new(per_second: u64) -> Self {
        let rate = per_second as f64;
        let piece = (rate * PIECE).clamp(1.0, f64::from(u32::MAX));
        Self { piece: piece as u32, bucket: Mutex::new(Bucket::new(rate, rate * PIECE).empty()) }
    }

    fn took(&self, amount: u64, now: Duration) {
        lock(&self.bucket).take(amount as f64, now);
    }

    fn wait(&self, now: Duration) -> Duration {
        lock(&self.bucket).wait(now)
    }
}

impl Throttle {
    pub(super) fn new(limits: &TaskLimits) -> Self {
        let rate = |per_second: Option<u64>| per_second.map(Rate::new);
        Self { began: Instant::now(), rows: rate(limits.rows_per_second), bytes: rate(limits.bytes_per_second) }
    }

    /// Whether there is a rate to keep to at all.
    pub(super) fn is_limited(&self) -> bool {
        self.rows.is_some() || self.bytes.is_some()
    }

    /// What to ask for at a time, of what may be asked for in all.
    pub(super) fn piece(&self, mut limits: PollLimits) -> PollLimits {
        if let Some(rows) = &self.rows {
            limits.max_rows = limits.max_rows.min(rows.piece);
        }
        if let Some(bytes) = &self.bytes {
            limits.max_bytes = limits.max_bytes.min(bytes.piece);
        }
        limits
    }

    /// So much came through.
    pub(super) fn took(&self, rows: u32, bytes: u64) {
        let now = self.began.elapsed();
        if let Some(rate) = &self.rows {
            rate.took(rows.into(), now);
        }
        if let Some(rate) = &self.bytes {
            rate.took(bytes, now);
        }
    }

    /// How long to wait before more may come; `None`: not at all.
    pub(super) fn wait(&self) -> Option<Duration> {
        let now = self.began.elapsed();
        let waits = [&self.rows, &self.bytes].into_iter().flatten().map(|rate| rate.wait(now));
        waits.max().filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn limits(rows: Option<u64>, bytes: Option<u64>) -> TaskLimits {
        TaskLimits { rows_per_second: rows, bytes_per_second: bytes, ..TaskLimits::default() }
    }

    const POLL: PollLimits = PollLimits { max_rows: 10_000, max_bytes: 1 << 20, max_wait: Duration::from_millis(500) };

    #[tokio::test(start_paused = true)]
    async fn without_limits_nothing_waits_and_all_is_asked_for() {
        let throttle = Throttle::new(&limits(None, None));
        throttle.took(u32::MAX, u64::MAX);
        assert_eq!((throttle.wait(), throttle.piece(POLL), throttle.is_limited()), (None, POLL, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_tenth_of_a_second_is_asked_for_at_a_time_but_at_least_one_row() {
        let piece = |rows, bytes| Throttle::new(&limits(Some(rows), Some(bytes))).piece(POLL);
        assert_eq!((piece(1_000, 5_000).max_rows, piece(1_000, 5_000).max_bytes), (100, 500));
        assert_eq!((piece(1, 1).max_rows, piece(1, 1).max_bytes), (1, 1));
        assert_eq!(piece(u64::MAX, u64::MAX), POLL);
    }

    #[tokio::test(start_paused = true)]
    async fn the_slower_of_two_rates_holds() {
        let throttle = Throttle::new(&limits(Some(10), Some(1_000)));
        throttle.took(1, 3_000);
        assert_eq!(throttle.wait(), Some(Duration::from_secs(3)));
        advance(Duration::from_secs(3)).await;
        assert_eq!(throttle.wait(), None);
    }
}
