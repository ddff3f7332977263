//! What happened in the last minute: Kafka Connect's averages, maxima and rates are of a moving window.
//!
//! As in Kafka, time is cut into windows of 30 seconds, and what is shown is the window that is under way and the one
//! before it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long a window is.
const WINDOW: Duration = Duration::from_secs(30);

/// The values of the last 30 to 60 seconds. Recording takes an uncontended lock and allocates nothing.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Windows>);

#[derive(Debug, Clone, Copy, Default)]
struct Windows {
    /// The number of the window that is under way.
    number: u64,
    now: Window,
    before: Window,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Window {
    count: u64,
    sum: f64,
    max: f64,
}

/// What [`Recent`] has to say.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Summary {
    /// The average; `None`: there was no value.
    pub average: Option<f64>,
    /// The largest; `None`: there was no value.
    pub max: Option<f64>,
    /// The sum of the values, a second.
    pub rate: f64,
}

impl Windows {
    /// Turns to the window in which `now` lies. A clock that goes back changes nothing.
    fn turn(&mut self, now: Duration) {
        let number = now.as_secs() / WINDOW.as_secs();
        if number > self.number {
            self.before = if number == self.number + 1 { self.now } else { Window::default() };
            self.now = Window::default();
            self.number = number;
        }
    }
}

impl Recent {
    /// A value, seen at `now` on a clock that began when this did.
    pub fn record(&self, value: f64, now: Duration) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        let window = &mut windows.now;
        window.max = if window.count == 0 { value } else { window.max.max(value) };
        window.count += 1;
        window.sum += value;
    }

    /// What was seen lately.
    pub fn summary(&self, now: Duration) -> Summary {
        let mut windows = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        windows.turn(now);
        let Windows { number, now: current, before } = windows;
        let count = current.count + before.count;
        let sum = current.sum + before.sum;
        let max = [current, before].iter().filter(|it| it.count > 0).map(|it| it.max).reduce(f64::max);
        // Since the window before began, or all began; a second at least, so that the first value is no burst.
        let since = WINDOW * u32::try_from(number.saturating_sub(1)).unwrap_or(u32::MAX);
        let seconds = now.saturating_sub(since).as_secs_f64().max(1.0);
        Summary { average: (count > 0).then(|| sum / count as f64), max, rate: sum / seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_seen_has_no_average() {
        assert_eq!(Recent::default().summary(at(100)), Summary { average: None, max: None, rate: 0.0 });
    }

    #[test]
    fn values_count_for_the_window_they_came_in_and_the_next() {
        let recent = Recent::default();
        recent.record(4.0, at(1));
        recent.record(2.0, at(10));
        assert_eq!(recent.summary(at(12)), Summary { average: Some(3.0), max: Some(4.0), rate: 0.5 });
        recent.record(3.0, at(59));
        assert_eq!(recent.summary(at(59)).average, Some(3.0));
        assert_eq!(recent.summary(at(60)), Summary { average: Some(3.0), max: Some(3.0), rate: 0.1 });
        assert_eq!(recent.summary(at(90)).max, None);
    }

    #[test]
    fn a_negative_maximum_is_no_zero() {
        let recent = Recent::default();
        recent.record(-5.0, at(0));
        assert_eq!(recent.summary(at(0)).max, Some(-5.0));
    }

    #[test]
    fn after_a_long_pause_nothing_is_left_and_a_clock_that_goes_back_does_no_harm() {
        let recent = Recent::default();
        recent.record(1.0, at(500));
        recent.record(1.0, at(3));
        assert_eq!(recent.summary(at(2)).average, Some(1.0));
        assert_eq!(recent.summary(at(560)).average, None);
    }
}
