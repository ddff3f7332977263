//! How a plugin fails: as it says itself, or as the sandbox saw it.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What is wrong with one configuration key, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// A sentence.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// A passing failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Why.
    pub reason: String,
    /// Not before this has passed; `None`: the host's back-off decides.
    pub after: Option<Duration>,
    /// Everything before this row was taken; `None`: nothing was.
    pub at_row: Option<u32>,
}

/// What a plugin says of its own failure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Try the same rows again, with the same instance.
    #[error("{}", .0.reason)]
    Retriable(Retry),
    /// The configuration can never work.
    #[error("{}", join(.0))]
    InvalidConfig(Vec<Problem>),
    /// The task has failed for good.
    #[error("{0}")]
    Fatal(String),
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ")
}

/// Why an instance is dead. Stable names: they are shown in `status`, logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeathKind {
    /// It trapped: a panic, a division by zero, an unreachable.
    Trap,
    /// It computed past its deadline and was interrupted.
    DeadlineExceeded,
    /// It was blocked in a host call past its deadline.
    HostCallTimeout,
    /// It asked for more memory than it may have.
    MemoryLimit,
    /// It handed over more bytes in one call than it may.
    OutputLimit,
    /// It handed over something that breaks the contract.
    ContractViolation,
    /// It could not be instantiated.
    Instantiation,
    /// The host's side of it is gone: shut down, or a fault of ours.
    Gone,
}

impl DeathKind {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::DeadlineExceeded => "deadline-exceeded",
            Self::HostCallTimeout => "host-call-timeout",
            Self::MemoryLimit => "memory-limit",
            Self::OutputLimit => "output-limit",
            Self::ContractViolation => "contract-violation",
            Self::Instantiation => "instantiation",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for DeathKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The end of an instance: it must be dropped, and a new one made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Death {
    /// The class.
    pub kind: DeathKind,
    /// What happened, with figures: asked and allowed bytes, the deadline, the guest's backtrace.
    pub message: String,
}

/// What a call into an instance may come back with instead of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstanceError {
    /// The plugin answered, with a failure; the instance is alive.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The instance is dead.
    #[error(transparent)]
    Died(#[from] Death),
}

/// One row that a sink cannot take; the others of the batch were taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The row.
    pub row: u32,
    /// Short and stable, for machines.
    pub code: String,
    /// For people.
    pub reason: String,
}
