//! How commands end: the one table of exit codes.

use std::process::ExitCode;

/// An exit code and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Usage = 2,
    NotFound = 3,
    Refused = 4,
    Unreachable = 5,
    Interrupted = 130,
}

impl Exit {
    /// All of them, in order, with the words of `wharf --help` and docs/CLI.md.
    pub(crate) const TABLE: [(Self, &'static str); 7] = [
        (Self::Done, "done; for `wharf run`: stopped as asked"),
        (Self::Failed, "failed, or a check found something wrong; the reason is printed"),
        (Self::Usage, "the command line is wrong"),
        (Self::NotFound, "the worker has no such connector, task, plugin, topic or version"),
        (Self::Refused, "the worker lets nobody in without other credentials (401), or not for this (403)"),
        (Self::Unreachable, "no worker answers"),
        (Self::Interrupted, "`wharf run` was told twice to stop, and stopped at once"),
    ];

    /// The code of a failure.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        if error.chain().any(|cause| cause.is::<Unreachable>()) {
            return Self::Unreachable;
        }
        match error.chain().find_map(|cause| cause.downcast_ref::<Answered>()).map(|answer| answer.status) {
            Some(404) => Self::NotFound,
            Some(401 | 403) => Self::Refused,
            _ if error.chain().any(|cause| cause.is::<Usage>()) => Self::Usage,
            _ => Self::Failed,
        }
    }

    /// What the operating system is told.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// The table, as it stands below `wharf --help`.
pub(crate) fn help() -> String {
    let line = |(exit, meaning): (Exit, &str)| format!("\n  {:<4} {meaning}", exit.code());
    format!("Exit codes:{}", Exit::TABLE.map(line).concat())
}

/// The worker answered, and did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) message: String,
}

/// Nobody answered.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreachable(pub(crate) String);

/// What was typed makes no sense, which only showed when it was to be done.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_failure_has_the_code_of_its_cause() {
        let answered = |status| anyhow::Error::new(Answered { status, message: "m".to_owned() });
        for (error, exit) in [
            (answered(404), Exit::NotFound),
            (answered(401), Exit::Refused),
            (answered(403), Exit::Refused),
            (answered(409), Exit::Failed),
            (answered(500), Exit::Failed),
            (anyhow::anyhow!("x"), Exit::Failed),
            (anyhow::Error::new(Unreachable("x".to_owned())), Exit::Unreachable),
            (anyhow::Error::new(Usage("x".to_owned())), Exit::Usage),
        ] {
            assert_eq!(Exit::of(&error), exit, "{error}");
            assert_eq!(Exit::of(&Err::<(), _>(error).context("while").unwrap_err()), exit);
        }
    }

    #[test]
    fn the_documentation_has_the_same_table() {
        let doc = include_str!("../../../../docs/CLI.md");
        for (exit, meaning) in Exit::TABLE {
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(doc.contains(&row), "docs/CLI.md has no row `{row}`");
        }
    }
}
