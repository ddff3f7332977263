//! The states of connectors and tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an operator wants of a connector. Stored, so that it survives the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum TargetState {
    /// Its tasks run.
    #[default]
    Running,
    /// Its tasks keep their instances but do nothing.
    Paused,
    /// It has no tasks; its configuration and offsets are kept.
    Stopped,
}

impl TargetState {
    /// As Kafka Connect writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Stopped => "STOPPED",
        }
    }
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a connector or a task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum State {
    /// It was not started yet.
    Unassigned,
    /// It works.
    Running,
    /// It keeps its instance and does nothing.
    Paused,
    /// It gave up and waits for an operator.
    Failed,
    /// A connector: it has no tasks. A task: its bounded job is done.
    Stopped,
    /// It is being started again, at once or after a back-off.
    Restarting,
}

impl State {
    /// As Kafka Connect writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unassigned => "UNASSIGNED",
            Self::Running => "RUNNING",
            Self::Paused => "PAUSED",
            Self::Failed => "FAILED",
            Self::Stopped => "STOPPED",
            Self::Restarting => "RESTARTING",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What happens to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaskEvent {
    /// Its instance is up.
    Started,
    /// Its instance was told to pause.
    Paused,
    /// Its instance was told to go on.
    Resumed,
    /// It failed and will be started again.
    Crashed,
    /// It failed and will not be started again without being asked.
    GaveUp,
    /// Its bounded job is done.
    Finished,
    /// An operator asked for a restart.
    Restarted,
}

impl State {
    /// The state of a task after `event`; `None` where the event cannot happen in this state. FAILED and STOPPED are
    /// left only when an operator restarts the task.
    ///
    /// ```
    /// use wharf_core::state::{State, TaskEvent};
    /// assert_eq!(State::Running.after(TaskEvent::Crashed), Some(State::Restarting));
    /// assert_eq!(State::Failed.after(TaskEvent::Resumed), None);
    /// ```
    pub fn after(self, event: TaskEvent) -> Option<Self> {
        match (self, event) {
            (_, TaskEvent::Restarted) => Some(Self::Restarting),
            (Self::Failed | Self::Stopped, _) => None,
            (_, TaskEvent::Crashed) => Some(Self::Restarting),
            (_, TaskEvent::GaveUp) => Some(Self::Failed),
            (Self::Unassigned | Self::Restarting, TaskEvent::Started) => Some(Self::Running),
            (Self::Running, TaskEvent::Paused) => Some(Self::Paused),
            (Self::Paused, TaskEvent::Resumed) => Some(Self::Running),
            (Self::Running, TaskEvent::Finished) => Some(Self::Stopped),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENTS: [TaskEvent; 7] = [
        TaskEvent::Started,
        TaskEvent::Paused,
        TaskEvent::Resumed,
        TaskEvent::Crashed,
        TaskEvent::GaveUp,
        TaskEvent::Finished,
        TaskEvent::Restarted,
    ];

    proptest! {
        #[test]
        fn failed_and_stopped_are_left_only_by_a_restart(events in prop::collection::vec(0..EVENTS.len(), 0..50)) {
            let mut state = State::Unassigned;
            for event in events.into_iter().map(|index| EVENTS[index]) {
                let Some(next) = state.after(event) else { continue };
                if matches!(state, State::Failed | State::Stopped) {
                    prop_assert_eq!(event, TaskEvent::Restarted);
                }
                // Work begins only with a started instance, or goes on with one that was paused.
                if next == State::Running {
                    prop_assert!(matches!(event, TaskEvent::Started | TaskEvent::Resumed));
                }
                prop_assert_ne!(next, State::Unassigned);
                state = next;
            }
        }
    }

    #[test]
    fn every_state_but_unassigned_is_reached_from_unassigned() {
        use TaskEvent::{Crashed, Finished, GaveUp, Paused, Started};
        let reach = |events: &[TaskEvent]| {
            events.iter().try_fold(State::Unassigned, |state, &event| state.after(event)).unwrap()
        };
        assert_eq!(reach(&[Started]), State::Running);
        assert_eq!(reach(&[Started, Paused]), State::Paused);
        assert_eq!(reach(&[Started, Finished]), State::Stopped);
        assert_eq!(reach(&[Crashed]), State::Restarting);
        assert_eq!(reach(&[Started, Crashed, GaveUp]), State::Failed);
    }
}
