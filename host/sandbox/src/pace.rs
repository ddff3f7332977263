//! Guest CPU time: measured, and kept to a share of one core.
//!
//! Guest code runs only while the future of a call is polled, so the clock of the thread is read before and after each
//! poll: twice in a call that is done at once, and once more for each tick of the epoch. What the host does for a guest
//! within the poll (copying a batch, answering a host function) counts as its time; what other threads do does not.
//!
//! A task that took more than its share is made to wait, for as long as its debt says: a guest that computes at its next
//! tick, one that comes back in time before its next call. The wait is the host's doing, so it moves the call's deadline.
//!
//! A call that computes for long gives way, too, while others want the cores: where the clock of its thread falls behind the
//! wall's, somebody else was waiting. Calls that are done in time, as those of most connectors are, never meet this.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use tokio::task::coop::unconstrained;
use tokio::time::{sleep, sleep_until};
use wharf_core::limits::Bucket;
use wharf_core::meter::Meter;

/// A task may save up so much time's worth of its share while it does nothing.
const BURST: Duration = Duration::from_secs(1);
/// The longest wait at a time. Debts beyond it are forgiven: only one long copy in the host can make them.
const LONGEST_HOLD: Duration = Duration::from_secs(2);

/// A call that computed for so long gives way while others want the cores.
const LONG: Duration = Duration::from_millis(50);
/// For so long at a time, which is what it computes between two looks.
const GIVE_WAY: Duration = crate::engine::TICK;

/// How fast one instance may go.
#[derive(Debug)]
pub(crate) struct Pace {
    meter: Option<Arc<Meter>>,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The thread's clock when the time was last taken.
    thread: Duration,
    /// Of seconds of CPU time. `None`: as much as there is.
    share: Option<Bucket>,
    /// How long the call under way was made to wait.
    held: Duration,
    /// When `thread` was taken.
    wall: Instant,
    /// What the call under way has computed.
    computed: Duration,
}

/// CPU time that this thread took.
fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

impl Pace {
    /// `percent` of one core; `None`: without limit.
    pub(crate) fn new(percent: Option<u32>, meter: Option<Arc<Meter>>) -> Self {
        let share = percent.map(|percent| {
            let share = f64::from(percent.max(1)) / 100.0;
            Bucket::new(share, share * BURST.as_secs_f64())
        });
        let state = State {
            thread: Duration::ZERO,
            share,
            held: Duration::ZERO,
            wall: Instant::now(),
            computed: Duration::ZERO,
        };
        Self { meter, began: Instant::now(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A deadline begins.
    pub(crate) fn begin(&self) {
        let mut state = self.state();
        state.held = Duration::ZERO;
        state.computed = Duration::ZERO;
    }

    /// A function of the guest is called.
    pub(crate) fn called(&self) {
        if let Some(meter) = &self.meter {
            meter.called();
        }
    }

    /// Guest code is about to run on this thread.
    fn enter(&self) {
        let mut state = self.state();
        state.thread = thread_time();
        state.wall = Instant::now();
    }

    /// Guest code has run, on this thread since [`Pace::enter`]. Says whether the call is a long one and somebody else
    /// wanted its core meanwhile.
    fn leave(&self) -> bool {
        let (now, wall) = (thread_time(), Instant::now());
        let mut state = self.state();
        let took = now.saturating_sub(state.thread);
        // A tenth may be the system's own.
        let is_contended = took < wall.duration_since(state.wall).mul_f32(0.9);
        state.thread = now;
        state.wall = wall;
        state.computed += took;
        let gives_way = is_contended && state.computed > LONG;
        if let Some(meter) = &self.meter {
            meter.computed(took);
        }
        if let Some(share) = &mut state.share {
            share.take(took.as_secs_f64(), self.began.elapsed());
            share.forgive(LONGEST_HOLD);
        }
        gives_way
    }

    /// In the middle of a guest's computing, on its thread: how long it has to wait now.
    pub(crate) fn tick(&self) -> Option<Duration> {
        let gives_way = self.leave();
        self.debt().or(gives_way.then_some(GIVE_WAY))
    }

    fn debt(&self) -> Option<Duration> {
        let now = self.began.elapsed();
        self.state().share.as_mut().map(|share| share.wait(now)).filter(|wait| !wait.is_zero())
    }

    /// Waits until the debt is paid; to be done before a call.
    pub(crate) async fn rest(&self) {
        if let Some(wait) = self.debt() {
            sleep(wait).await;
        }
    }

    /// Lets a guest wait in the middle of a call, and its deadline with it.
    pub(crate) async fn hold(self: Arc<Self>, wait: Duration) {
        // Before, so that the deadline does not pass meanwhile.
        self.state().held += wait;
        let began = Instant::now();
        sleep(wait).await;
        self.state().held += began.elapsed().saturating_sub(wait);
    }

    /// By how much the deadline of the call under way has moved.
    pub(crate) fn held(&self) -> Duration {
        self.state().held
    }
}

/// A call was still not done when its time was over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Runs a call: measures what it computes, and gives it up at `until`, which moves by what it was made to wait.
pub(crate) async fn watch<T>(
    pace: &Pace,
    until: tokio::time::Instant,
    call: impl Future<Output = T>,
) -> Result<T, TooLong> {
    let mut call = pin!(call);
    let mut end = pin!(sleep_until(until));
    poll_fn(|context| {
        pace.enter();
        let polled = call.as_mut().poll(context);
        pace.leave();
        if let Poll::Ready(value) = polled {
            return Poll::Ready(Ok(value));
        }
        // Unconstrained: a call that used up tokio's budget must not keep its own end from being seen.
        while pin!(unconstrained(poll_fn(|context| end.as_mut().poll(context)))).poll(context).is_ready() {
            let later = until + pace.held();
            if tokio::time::Instant::now() >= later {
                return Poll::Ready(Err(TooLong));
            }
            end.as_mut().reset(later);
        }
        Poll::Pending
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// Uses up CPU time.
    fn compute(time: Duration) {
        let began = thread_time();
        while thread_time() - began < time {
            std::hint::spin_loop();
        }
    }

    #[tokio::test]
    async fn what_is_computed_in_any_poll_is_counted_and_waiting_is_not() {
        let meter = Arc::new(Meter::default());
        let pace = Pace::new(None, Some(meter.clone()));
        let until = tokio::time::Instant::now() + Duration::from_secs(60);
        let call = async {
            compute(Duration::from_millis(5));
            sleep(Duration::from_millis(50)).await;
            compute(Duration::from_millis(5));
        };
        watch(&pace, until, call).await.unwrap();
        let seconds = meter.usage().cpu_seconds;
        assert!((0.010..0.050).contains(&seconds), "{seconds}");
        assert_eq!(pace.debt(), None, "no share, no debt");
    }

    #[test]
    fn a_share_is_kept_to_and_a_debt_is_bounded() {
        let pace = Pace::new(Some(10), None);
        pace.enter();
        // A tenth of a second is saved up; this is twice as much.
        compute(Duration::from_millis(200));
        let wait = pace.tick().expect("a debt");
        assert!((Duration::from_millis(500)..=Duration::from_millis(1_100)).contains(&wait), "{wait:?}");
        compute(Duration::from_millis(400));
        assert!(pace.tick().expect("a debt") <= LONGEST_HOLD);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_call_is_made_to_wait_moves_its_end() {
        let pace = Arc::new(Pace::new(None, None));
        let began = tokio::time::Instant::now();
        let until = began + Duration::from_secs(1);
        let held = pace.clone();
        let call = async move {
            held.hold(Duration::from_secs(10)).await;
            pending::<()>().await;
        };
        assert_eq!(watch(&pace, until, call).await, Err(TooLong));
        let lasted = began.elapsed();
        assert!((Duration::from_secs(11)..Duration::from_secs(12)).contains(&lasted), "{lasted:?}");
        pace.begin();
        assert_eq!(pace.held(), Duration::ZERO);
    }
}
