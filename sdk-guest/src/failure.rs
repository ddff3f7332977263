//! How a connector says that something went wrong.

use std::fmt;
use std::time::Duration;

/// What is wrong with one configuration key, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key.
    pub key: String,
    /// A sentence that says what to write.
    pub message: String,
}

/// A passing failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// Why.
    pub reason: String,
    /// Not before this has passed; `None`: the host's back-off decides.
    pub after: Option<Duration>,
    /// Everything before this row was taken, so a retry begins here; `None`: nothing was taken.
    pub at_row: Option<u32>,
}

/// Why a hook could not do its work.
///
/// ```
/// use std::time::Duration;
/// use wharf_sdk::Failure;
///
/// let busy = Failure::retry("the server answered 503").after(Duration::from_secs(2));
/// assert_eq!(busy.to_string(), "the server answered 503");
/// let wrong = Failure::config("file", "name a file, not a directory");
/// assert_eq!(wrong.to_string(), "file: name a file, not a directory");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It will pass: the host backs off and calls again, with the same rows, on the same instance.
    Retriable(Retry),
    /// This configuration can never work; the task is FAILED and not restarted.
    InvalidConfig(Vec<Problem>),
    /// The task is FAILED and not restarted.
    Fatal(String),
}

impl Failure {
    /// A failure that will pass.
    pub fn retry(reason: impl Into<String>) -> Self {
        Self::Retriable(Retry { reason: reason.into(), after: None, at_row: None })
    }

    /// A failure that no retry will cure.
    pub fn fatal(reason: impl Into<String>) -> Self {
        Self::Fatal(reason.into())
    }

    /// The value of `key` cannot work; `message` says what to write instead.
    pub fn config(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidConfig(vec![Problem { key: key.into(), message: message.into() }])
    }

    /// Asks for a retry no earlier than `wait`. Nothing changes for a failure that is not retriable.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        if let Self::Retriable(retry) = &mut self {
            retry.after = Some(wait);
        }
        self
    }

    /// Says that every row before `row` was taken, so that the retry begins there. Nothing changes for a failure that
    /// is not retriable.
    #[must_use]
    pub fn at_row(mut self, row: u32) -> Self {
        if let Self::Retriable(retry) = &mut self {
            retry.at_row = Some(row);
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retriable(retry) => f.write_str(&retry.reason),
            Self::InvalidConfig(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "; " };
                    write!(f, "{separator}{}: {}", problem.key, problem.message)?;
                }
                Ok(())
            }
            Self::Fatal(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::InvalidConfig(vec![problem])
    }
}

/// One row that a sink cannot take while it takes the others; made by [`Row::reject`](crate::Row::reject).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The row's index in the delivery.
    pub row: u32,
    /// Short and stable, for machines: `too-large`, `constraint-violated`, …
    pub code: String,
    /// For people.
    pub reason: String,
}
