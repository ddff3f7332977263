//! The states of connectors and tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an operator wants of a connector. Stored, so that it survives the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
