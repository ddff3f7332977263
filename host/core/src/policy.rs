//! Back-off, retries and the crash-loop limit.

use std::collections::VecDeque;
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

/// What to do with a task that has just failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start it again.
    Restart {
        /// Not before this has passed.
        after: Duration,
    },
    /// Leave it FAILED: the policy never restarts.
    Disabled,
    /// Leave it FAILED: it crashes in a loop.
    CrashLoop {
        /// How often it failed within the policy's window.
        failures: u32,
    },
}

/// The recent failures of one task, counted against a [`RestartPolicy`].
///
/// It has no clock of its own: `now` is the time since any fixed moment, by a clock that does not go back.
#[derive(Debug, Clone, Default)]
pub struct CrashLoop {
    /// When each failure within the window happened, oldest first; at most `max_failures` of them.
    failures: VecDeque<Duration>,
}

impl CrashLoop {
    /// Counts a failure at `now` and says what follows. Failures older than the window no longer count, neither for the
    /// limit nor for the length of the wait, so a task that ran well for long is back at once. For `jitter` see
    /// [`Backoff::wait`].
    pub fn failed(&mut self, policy: &RestartPolicy, now: Duration, jitter: f64) -> Verdict {
        if !policy.enabled {
            return Verdict::Disabled;
        }
        while self.failures.front().is_some_and(|&at| now.saturating_sub(at) >= policy.window) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        let failures = u32::try_from(self.failures.len()).unwrap_or(u32::MAX);
        if failures >= policy.max_failures {
            self.failures.clear();
            return Verdict::CrashLoop { failures };
        }
        Verdict::Restart { after: policy.backoff.wait(failures, jitter) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(max_failures: u32, window: u64) -> RestartPolicy {
        RestartPolicy { max_failures, window: Duration::from_secs(window), ..RestartPolicy::default() }
    }

    fn seconds(at: u64) -> Duration {
        Duration::from_secs(at)
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { initial: seconds(1), max: seconds(5), factor: 2.0 };
        let waits: Vec<u64> = (1..=5).map(|failures| backoff.wait(failures, 0.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 5, 5]);
    }

    #[test]
    fn a_task_that_fails_too_often_within_the_window_is_given_up() {
        let (policy, mut crashes) = (policy(3, 60), CrashLoop::default());
        assert!(matches!(crashes.failed(&policy, seconds(0), 0.0), Verdict::Restart { .. }));
        assert!(matches!(crashes.failed(&policy, seconds(1), 0.0), Verdict::Restart { .. }));
        assert_eq!(crashes.failed(&policy, seconds(2), 0.0), Verdict::CrashLoop { failures: 3 });
    }

    #[test]
    fn failures_older_than_the_window_are_forgotten() {
        let (policy, mut crashes) = (policy(2, 60), CrashLoop::default());
        let first = Verdict::Restart { after: policy.backoff.initial };
        for at in [0, 60, 120, 180] {
            assert_eq!(crashes.failed(&policy, seconds(at), 0.0), first);
        }
    }

    #[test]
    fn a_policy_that_is_off_never_restarts() {
        let policy = RestartPolicy { enabled: false, ..RestartPolicy::default() };
        assert_eq!(CrashLoop::default().failed(&policy, seconds(0), 0.0), Verdict::Disabled);
    }

    proptest! {
        #[test]
        fn the_limit_is_reached_exactly_when_the_window_holds_so_many_failures(
            gaps in prop::collection::vec(0_u64..20, 1..40), max_failures in 1_u32..6, window in 1_u64..30,
        ) {
            let (policy, mut crashes) = (policy(max_failures, window), CrashLoop::default());
            let (mut now, mut seen) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                seen.push(now);
                seen.retain(|&at| now - at < window);
                let gives_up = matches!(crashes.failed(&policy, seconds(now), 0.0), Verdict::CrashLoop { .. });
                prop_assert_eq!(gives_up, seen.len() >= max_failures as usize);
                if gives_up {
                    seen.clear();
                }
            }
        }

        #[test]
        fn jitter_never_lengthens_a_wait_nor_more_than_halves_it(failures in 1_u32..1000, jitter in -1.0..2.0) {
            let backoff = Backoff::default();
            let (full, wait) = (backoff.wait(failures, 0.0), backoff.wait(failures, jitter));
            prop_assert!(wait <= full && wait >= full.mul_f64(0.499));
        }
    }
}
