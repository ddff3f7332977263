//! Whether a task moves on.
//!
//! A task is stalled when it has something to do and has not come further for as long as `[tasks] stalled-after-ms` says:
//!
//! - it is in one step for that long: a call of the plugin, the queue that takes no rows or commits no position;
//! - rows that it sent are not acknowledged, and none was meanwhile;
//! - there are rows for a sink to read, and it takes none;
//! - requests wait for a webhook source, and none is taken;
//! - it cannot be started, because the queue or the store is not there.
//!
//! A source that has nothing to hand over is not stalled, nor is a sink without lag, a task that is paused, or one that
//! its limits of rows and bytes a second hold back.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use wharf_core::state::State;
use wharf_core::status::Stalled;

use crate::ingest::Inbox;
use crate::status::lock;

/// A step that a task may not come out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Poll,
    Handle,
    Tell,
    Send,
    Assign,
    Put,
    Flush,
    DeadLetters,
    Commit,
}

impl Step {
    fn reason(self) -> &'static str {
        match self {
            Self::Poll => "the plugin's poll does not return",
            Self::Handle => "the plugin does not answer a request",
            Self::Tell => "the plugin does not take note of its committed offsets",
            Self::Send => "the queue takes no more rows",
            Self::Assign => "the plugin does not take note of its partitions",
            Self::Put => "the plugin does not take the rows that were put",
            Self::Flush => "the plugin does not flush what it took",
            Self::DeadLetters => "the dead letter queue takes no rows",
            Self::Commit => "the queue does not commit the position",
        }
    }
}

/// When what began that has not come further since.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    step: Option<(Step, Instant)>,
    unacknowledged: Option<Instant>,
    rows: Option<Instant>,
    outage: Option<Instant>,
    /// Its own limits hold it back.
    is_held: bool,
}

impl Marks {
    /// What is waited for longest, and since when.
    fn oldest(&self, state: State, requests: Option<Instant>) -> Option<(Instant, &'static str)> {
        let all: [Option<(Instant, &'static str)>; 4] = match state {
            State::Running => [
                self.step.map(|(step, since)| (since, step.reason())),
                self.unacknowledged.map(|since| (since, "the queue does not acknowledge rows that were sent")),
                self.rows.filter(|_| !self.is_held).map(|since| (since, "there are rows to read and none is taken")),
                requests.map(|since| (since, "requests wait and none is taken")),
            ],
            State::Restarting => {
                [self.outage.map(|since| (since, "the queue or the store is not available")), None, None, None]
            }
            _ => return None,
        };
        all.into_iter().flatten().min_by_key(|(since, _)| *since)
    }
}

/// See the module's page. The task writes, whoever shows it reads.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    marks: Mutex<Marks>,
    watch: Mutex<Watch>,
}

#[derive(Debug, Default)]
struct Watch {
    /// `None`: the task was not started yet.
    after: Option<Duration>,
    inbox: Option<Arc<Inbox>>,
    /// The log says so already.
    is_told: bool,
}

/// What the log is to hear.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    Stalls(Stalled),
    MovesOn,
}

impl Pulse {
    /// A task begins.
    pub(super) fn watch(&self, after: Duration, inbox: Option<Arc<Inbox>>) {
        let mut watch = lock(&self.watch);
        (watch.after, watch.inbox) = (Some(after), inbox);
    }

    fn change(&self, change: impl FnOnce(&mut Marks)) {
        change(&mut lock(&self.marks));
    }

    /// Enters a step, which is left when the guard is dropped.
    pub(super) fn enter(&self, step: Step) -> Busy<'_> {
        let mut marks = lock(&self.marks);
        let before = marks.step.replace((step, Instant::now()));
        Busy { pulse: self, before }
    }

    /// An attempt begins, or work goes on after a pause: nothing of before holds.
    pub(super) fn begin(&self) {
        self.change(|marks| *marks = Marks { outage: marks.outage, ..Marks::default() });
    }

    /// Rows were sent.
    pub(super) fn sent(&self) {
        self.change(|marks| {
            marks.unacknowledged.get_or_insert_with(Instant::now);
        });
    }

    /// The queue acknowledged rows; `more`: others are on their way.
    pub(super) fn acknowledged(&self, more: bool) {
        self.change(|marks| {
            marks.unacknowledged = more.then(Instant::now);
            marks.outage = None;
        });
    }

    /// Whether the queue has rows that a sink has yet to read.
    pub(super) fn upstream(&self, has_rows: bool) {
        self.change(|marks| {
            if has_rows {
                marks.rows.get_or_insert_with(Instant::now);
            } else {
                marks.rows = None;
            }
        });
    }

    /// A sink took rows, or committed a position.
    pub(super) fn moved(&self) {
        self.change(|marks| {
            let now = Instant::now();
            marks.rows = marks.rows.map(|_| now);
            marks.step = marks.step.map(|(step, _)| (step, now));
            marks.outage = None;
        });
    }

    /// Whether its limits hold it back.
    pub(super) fn held(&self, is_held: bool) {
        self.change(|marks| {
            marks.is_held = is_held;
            marks.rows = marks.rows.map(|_| Instant::now());
        });
    }

    /// The queue or the store was not there; `again`: as it was the last time.
    pub(super) fn outage(&self, again: bool) {
        self.change(|marks| {
            if !again {
                marks.outage = None;
            }
            marks.outage.get_or_insert_with(Instant::now);
        });
    }

    /// The attempt ended otherwise.
    pub(super) fn no_outage(&self) {
        self.change(|marks| marks.outage = None);
    }

    /// Whether the task is stalled, and since when.
    pub(crate) fn stalled(&self, state: State) -> Option<Stalled> {
        let (after, requests) = {
            let watch = lock(&self.watch);
            (watch.after?, watch.inbox.as_ref().and_then(|inbox| inbox.waiting_since()))
        };
        let marks = *lock(&self.marks);
        let (since, reason) = marks.oldest(state, requests)?;
        let waited = since.elapsed();
        let for_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
        (waited >= after).then(|| Stalled { for_ms, reason: reason.to_owned() })
    }

    /// What the log has not heard yet.
    pub(crate) fn news(&self, state: State) -> Option<News> {
        let stalled = self.stalled(state);
        let mut watch = lock(&self.watch);
        if stalled.is_some() == watch.is_told {
            return None;
        }
        watch.is_told = stalled.is_some();
        Some(stalled.map_or(News::MovesOn, News::Stalls))
    }
}

/// Held while a task is in a step.
pub(super) struct Busy<'a> {
    pulse: &'a Pulse,
    before: Option<(Step, Instant)>,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        lock(&self.pulse.marks).step = self.before;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const AFTER: Duration = Duration::from_secs(60);

    fn pulse() -> Pulse {
        let pulse = Pulse::default();
        pulse.watch(AFTER, None);
        pulse
    }

    fn seconds(pulse: &Pulse) -> Option<u64> {
        pulse.stalled(State::Running).map(|stalled| stalled.for_ms / 1000)
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_takes_too_long_is_a_stall_until_it_is_left() {
        let pulse = pulse();
        let busy = pulse.enter(Step::Put);
        advance(Duration::from_secs(59)).await;
        assert_eq!(seconds(&pulse), None);
        advance(Duration::from_secs(3)).await;
        let stalled = pulse.stalled(State::Running).unwrap();
        assert_eq!(stalled.for_ms, 62_000);
        assert!(stalled.reason.contains("put"), "{stalled:?}");
        for state in [State::Paused, State::Failed, State::Restarting, State::Stopped, State::Unassigned] {
            assert_eq!(pulse.stalled(state), None, "{state}");
        }
        drop(busy);
        assert_eq!(seconds(&pulse), None);
    }

    #[tokio::test(start_paused = true)]
    async fn rows_that_are_taken_in_parts_are_progress() {
        let pulse = pulse();
        let _busy = pulse.enter(Step::Put);
        advance(Duration::from_secs(50)).await;
        pulse.moved();
        advance(Duration::from_secs(50)).await;
        assert_eq!(seconds(&pulse), None);
        advance(Duration::from_secs(10)).await;
        assert_eq!(seconds(&pulse), Some(60));
    }

    #[tokio::test(start_paused = true)]
    async fn lag_alone_is_no_stall_while_rows_are_taken() {
        let pulse = pulse();
        for _ in 0..100 {
            pulse.upstream(true);
            advance(Duration::from_secs(20)).await;
            pulse.moved();
            assert_eq!(seconds(&pulse), None);
        }
        advance(Duration::from_secs(61)).await;
        assert_eq!(seconds(&pulse), Some(61));
        pulse.upstream(false);
        assert_eq!(seconds(&pulse), None);
        advance(Duration::from_secs(600)).await;
        pulse.upstream(true);
        assert_eq!(seconds(&pulse), None, "the time begins when there is something to do");
    }

    #[tokio::test(start_paused = true)]
    async fn a_sink_that_its_limits_hold_back_is_not_stalled() {
        let pulse = pulse();
        pulse.upstream(true);
        pulse.held(true);
        advance(Duration::from_secs(600)).await;
        assert_eq!(seconds(&pulse), None);
        pulse.held(false);
        advance(Duration::from_secs(61)).await;
        assert_eq!(seconds(&pulse), Some(61));
    }

    #[tokio::test(start_paused = true)]
    async fn rows_that_nobody_acknowledges_are_a_stall_but_each_acknowledgement_is_progress() {
        let pulse = pulse();
        pulse.sent();
        advance(Duration::from_secs(40)).await;
        pulse.sent();
        pulse.acknowledged(true);
        advance(Duration::from_secs(40)).await;
        assert_eq!(seconds(&pulse), None);
        advance(Duration::from_secs(40)).await;
        assert_eq!(seconds(&pulse), Some(80));
        pulse.acknowledged(false);
        advance(Duration::from_secs(600)).await;
        assert_eq!(seconds(&pulse), None);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_counts_from_its_first_failure_and_only_while_the_task_waits() {
        let pulse = pulse();
        pulse.outage(false);
        advance(Duration::from_secs(30)).await;
        pulse.begin();
        pulse.outage(true);
        advance(Duration::from_secs(31)).await;
        assert_eq!(pulse.stalled(State::Restarting).unwrap().for_ms, 61_000);
        assert_eq!(seconds(&pulse), None);
        pulse.outage(false);
        assert_eq!(pulse.stalled(State::Restarting), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_hears_of_a_stall_once_and_once_of_its_end() {
        let pulse = pulse();
        let busy = pulse.enter(Step::Poll);
        assert_eq!(pulse.news(State::Running), None);
        advance(AFTER).await;
        assert!(matches!(pulse.news(State::Running), Some(News::Stalls(stalled)) if stalled.for_ms == 60_000));
        assert_eq!(pulse.news(State::Running), None);
        drop(busy);
        assert_eq!(pulse.news(State::Running), Some(News::MovesOn));
        assert_eq!(pulse.news(State::Running), None);
    }
}
