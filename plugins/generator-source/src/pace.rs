//! So many rows a second.

use std::time::{Duration, Instant};

/// Says how many rows are due. It is exact over time, not per poll: what one poll could not make, the next makes.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: f64,
    begun: Instant,
    made: u64,
}

impl Pace {
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate, begun: Instant::now(), made: 0 }
    }

    /// Counts from `now` on: what was missed before is not made up for.
    pub(crate) fn restart(&mut self, now: Instant) {
        (self.begun, self.made) = (now, 0);
    }

    pub(crate) fn made(&mut self, rows: u64) {
        self.made += rows;
    }

    /// How many rows are due at `now`.
    pub(crate) fn due(&self, now: Instant) -> u64 {
        let wanted = now.saturating_duration_since(self.begun).as_secs_f64() * self.rate;
        (wanted as u64).saturating_sub(self.made)
    }

    /// How long after `now` the next row is due.
    pub(crate) fn until_next(&self, now: Instant) -> Duration {
        // A hair late rather than early: a poll that comes too early finds nothing due.
        let at = (self.made + 1) as f64 / self.rate + 0.000_001;
        let at = Duration::try_from_secs_f64(at).unwrap_or(Duration::MAX);
        at.saturating_sub(now.saturating_duration_since(self.begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_due_at_their_rate_whatever_the_polls_did() {
        let mut pace = Pace::new(10.0);
        let at = |millis| pace_at(&pace, millis);
        assert_eq!((at(0), at(99), at(101), at(1001)), (0, 0, 1, 10));
        pace.made(7);
        assert_eq!(pace_at(&pace, 1001), 3);
        assert_eq!(pace_at(&pace, 0), 0);
    }

    fn pace_at(pace: &Pace, millis: u64) -> u64 {
        pace.due(pace.begun + Duration::from_millis(millis))
    }

    #[test]
    fn after_the_wait_a_row_is_due() {
        let mut pace = Pace::new(3.0);
        for _ in 0..100 {
            let then = pace.begun + pace.until_next(pace.begun);
            assert!(pace.due(then) >= 1);
            pace.made(1);
        }
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let mut pace = Pace::new(1000.0);
        let later = pace.begun + Duration::from_secs(60);
        pace.restart(later);
        assert_eq!(pace.due(later + Duration::from_millis(11)), 11);
    }
}
