//! Tells the log of tasks that are stalled: once, and once when they move on.

use std::sync::Weak;
use std::time::Duration;

use tokio::select;
use tokio::time::{MissedTickBehavior, interval};

use crate::worker::Inner;

/// However long a task may stand still, it is looked at this often.
const SELDOM: Duration = Duration::from_secs(5);
/// However short that is, no more often.
const OFTEN: Duration = Duration::from_millis(100);

/// Looks at all tasks now and then, until the worker shuts down.
pub(crate) async fn tell(worker: Weak<Inner>, after: Duration) {
    let mut ticks = interval((after / 4).clamp(OFTEN, SELDOM));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let Some(inner) = worker.upgrade() else { return };
        let closing = inner.closing();
        inner.tell_of_stalls();
        // Not held while nothing is done: the worker may go.
        drop(inner);
        select! {
            () = closing.cancelled() => return,
            _ = ticks.tick() => {}
        }
    }
}
