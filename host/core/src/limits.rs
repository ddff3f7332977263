//! How much the tasks of a connector may use, and the arithmetic of "so much in a second".
//!
//! [`TaskLimits`] stands for two things: what a connector's configuration asks for, and the operator's ceiling. What holds
//! is the one [within](TaskLimits::within) the other. [`Bucket`] keeps to a rate, whatever is counted: rows, bytes, CPU
//! time.

use std::time::Duration;

/// Bounds on each task of a connector, as its configuration sets them. `None`: what the worker allows, which is also the
/// most that can be set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskLimits {
    /// Linear memory of an instance, in bytes.
    pub memory_bytes: Option<usize>,
    /// Guest CPU time, in percent of one core.
    pub cpu_percent: Option<u32>,
    /// How long one call may take.
    pub call_deadline: Option<Duration>,
    /// Rows in a second.
    pub rows_per_second: Option<u64>,
    /// Bytes of keys, values and headers in a second.
    pub bytes_per_second: Option<u64>,
    /// Log lines in a second.
    pub log_lines_per_second: Option<u32>,
    /// Sockets open at a time.
    pub sockets: Option<usize>,
    /// HTTP requests under way at a time.
    pub http_requests: Option<usize>,
    /// Bytes over the network in a second, both directions together.
    pub network_bytes_per_second: Option<u64>,
}

impl TaskLimits {
    /// What holds below `ceiling`: of each bound the lower one.
    ///
    /// ```
    /// use wharf_core::limits::TaskLimits;
    /// let ceiling = TaskLimits { sockets: Some(8), rows_per_second: Some(100), ..TaskLimits::default() };
    /// let asked = TaskLimits { sockets: Some(9), cpu_percent: Some(50), ..TaskLimits::default() };
    /// let holds = asked.within(&ceiling);
    /// assert_eq!((holds.sockets, holds.rows_per_second, holds.cpu_percent), (Some(8), Some(100), Some(50)));
    /// ```
    #[must_use]
    pub fn within(&self, ceiling: &Self) -> Self {
        Self {
            memory_bytes: lower(self.memory_bytes, ceiling.memory_bytes),
            cpu_percent: lower(self.cpu_percent, ceiling.cpu_percent),
            call_deadline: lower(self.call_deadline, ceiling.call_deadline),
            rows_per_second: lower(self.rows_per_second, ceiling.rows_per_second),
            bytes_per_second: lower(self.bytes_per_second, ceiling.bytes_per_second),
            log_lines_per_second: lower(self.log_lines_per_second, ceiling.log_lines_per_second),
            sockets: lower(self.sockets, ceiling.sockets),
            http_requests: lower(self.http_requests, ceiling.http_requests),
            network_bytes_per_second: lower(self.network_bytes_per_second, ceiling.network_bytes_per_second),
        }
    }
}

/// The lower of two bounds; `None` is no bound.
pub fn lower<T: Ord>(left: Option<T>, right: Option<T>) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, None) | (None, one) => one,
    }
}

/// So much in a second: a bucket that fills at a rate and may be overdrawn.
///
/// What happens has happened: it is taken from the bucket although that leaves a debt, and whoever took it waits until
/// the debt is paid. So the rate holds over time, however large a single piece is, and nothing has to be split. The
/// clock is the caller's: any duration that only grows.
///
/// ```
/// use std::time::Duration;
/// use wharf_core::limits::Bucket;
/// let seconds = Duration::from_secs;
/// let mut bucket = Bucket::new(10.0, 10.0);
/// bucket.take(40.0, seconds(0));
/// assert_eq!(bucket.wait(seconds(0)), seconds(3));
/// assert_eq!(bucket.wait(seconds(3)), seconds(0));
/// ```
#[derive(Debug, Clone)]
pub struct Bucket {
    per_second: f64,
    most: f64,
    level: f64,
    at: Duration,
}

impl Bucket {
    /// The longest wait that is ever asked for; where a rate is so low, it is asked again.
    pub const LONGEST_WAIT: Duration = Duration::from_secs(3600);

    /// A full bucket. `burst` is what may be taken at once after a time in which nothing was.
    pub fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, most: burst, level: burst, at: Duration::ZERO }
    }

    /// The same that begins empty, so that even the first second brings no more than the rate.
    #[must_use]
    pub fn empty(self) -> Self {
        Self { level: 0.0, ..self }
    }

    /// So much was used.
    pub fn take(&mut self, amount: f64, now: Duration) {
        self.fill(now);
        self.level -= amount;
    }

    /// How long to wait before more may be used; zero: use it now.
    pub fn wait(&mut self, now: Duration) -> Duration {
        self.fill(now);
        if self.level >= 0.0 {
            return Duration::ZERO;
        }
        let wait = Duration::try_from_secs_f64(-self.level / self.per_second);
        // Never less than a nanosecond while there is a debt, or the caller would be told to go on and to wait at once.
        wait.unwrap_or(Self::LONGEST_WAIT).clamp(Duration::from_nanos(1), Self::LONGEST_WAIT)
    }

    /// Forgets debts beyond what `longest` pays.
    pub fn forgive(&mut self, longest: Duration) {
        self.level = self.level.max(-self.per_second * longest.as_secs_f64());
    }

    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.at);
        self.at = self.at.max(now);
        self.level = (self.level + passed.as_secs_f64() * self.per_second).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn time_in_which_nothing_is_used_is_saved_up_to_the_burst() {
        let mut bucket = Bucket::new(10.0, 5.0).empty();
        let hour = Duration::from_secs(3600);
        bucket.take(5.0, hour);
        assert_eq!(bucket.wait(hour), Duration::ZERO);
        bucket.take(1.0, hour);
        assert_eq!(bucket.wait(hour), Duration::from_millis(100));
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        let mut bucket = Bucket::new(1.0, 1.0).empty();
        bucket.take(1.0, Duration::from_secs(10));
        bucket.take(1.0, Duration::from_secs(5));
        assert_eq!(bucket.wait(Duration::from_secs(10)), Duration::from_secs(1));
    }

    #[test]
    fn a_debt_is_forgiven_but_for_what_is_bearable() {
        let mut bucket = Bucket::new(10.0, 0.0);
        bucket.take(1e300, Duration::ZERO);
        assert_eq!(bucket.wait(Duration::ZERO), Bucket::LONGEST_WAIT);
        bucket.forgive(Duration::from_secs(2));
        assert_eq!(bucket.wait(Duration::ZERO), Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn whoever_waits_as_told_keeps_to_the_rate(
            rate in 1.0_f64..1e6, burst in 0.0_f64..1e3, pieces in prop::collection::vec(0.0_f64..1e4, 1..50),
        ) {
            let mut bucket = Bucket::new(rate, burst);
            let (mut now, mut used, mut last) = (Duration::ZERO, 0.0, 0.0);
            for piece in pieces {
                now += bucket.wait(now);
                prop_assert!(bucket.wait(now) <= Duration::from_nanos(1));
                bucket.take(piece, now);
                used += piece;
                last = piece;
            }
            // All but the last piece is paid for.
            let allowed = burst + rate * now.as_secs_f64() + last;
            prop_assert!(used <= allowed * (1.0 + 1e-6) + 1e-3, "{} of {}", used, allowed);
        }
    }
}
