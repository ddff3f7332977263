//! What a check is, and what it finds.

use std::pin::Pin;

use wharf_core::plugin::Kind;

use crate::bench::Bench;
use crate::report::Status;

/// How many reasons are kept; a plugin with 500 keys has no need to hear the same 500 times.
const REASONS: usize = 12;

/// The future of a check.
pub(crate) type Finding<'a> = Pin<Box<dyn Future<Output = Found> + Send + 'a>>;

/// Which plugins a check concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concerns {
    All,
    Only(Kind),
}

impl Concerns {
    pub(crate) fn kind(self, kind: Kind) -> bool {
        match self {
            Self::All => true,
            Self::Only(only) => only == kind,
        }
    }
}

/// What there must be for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// A configuration.
    Config,
    /// A configuration from which the plugin made a task's.
    Task,
}

/// One check.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) id: &'static str,
    /// What must hold.
    pub(crate) says: &'static str,
    pub(crate) concerns: Concerns,
    pub(crate) needs: Needs,
    /// Where it fails, what comes later and needs a task would only fail in the same way.
    pub(crate) gate: bool,
    pub(crate) make: for<'a> fn(&'a Bench) -> Finding<'a>,
}

/// What a check found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    failures: Vec<String>,
    warnings: Vec<String>,
    skipped: Option<String>,
    note: Option<String>,
}

/// Goes on, or ends the check with a failure.
pub(crate) type Step<T = ()> = Result<T, String>;

impl Found {
    /// What must not be. The sentence says what was seen and what to do.
    pub(crate) fn fail(&mut self, reason: impl Into<String>) {
        self.failures.push(reason.into());
    }

    /// What should not be.
    pub(crate) fn warn(&mut self, reason: impl Into<String>) {
        self.warnings.push(reason.into());
    }

    /// The check cannot be made.
    pub(crate) fn skip(&mut self, reason: impl Into<String>) {
        self.skipped = Some(reason.into());
    }

    /// What else was seen.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.note = Some(note.into());
    }

    /// Counts what a step ended with.
    pub(crate) fn take(mut self, step: Step) -> Self {
        if let Err(reason) = step {
            self.failures.push(reason);
        }
        self
    }

    /// The outcome: its status, the reasons for it and what else was seen.
    pub(crate) fn end(self, strict: bool) -> (Status, Vec<String>, Option<String>) {
        let Self { failures, warnings, skipped, note } = self;
        let status = match (failures.is_empty(), warnings.is_empty(), &skipped) {
            (false, ..) => Status::Failed,
            (_, false, _) if strict => Status::Failed,
            (_, false, _) => Status::Warned,
            (.., Some(_)) => Status::Skipped,
            (.., None) => Status::Passed,
        };
        let skipped = skipped.filter(|_| status == Status::Skipped);
        let mut reasons: Vec<String> = failures.into_iter().chain(warnings).chain(skipped).collect();
        let more = reasons.len().saturating_sub(REASONS);
        if more > 0 {
            reasons.truncate(REASONS);
            reasons.push(format!("… and {more} more"));
        }
        (status, reasons, note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_that_was_found_is_the_status() {
        let mut found = Found::default();
        found.warn("w");
        assert_eq!(found.end(false).0, Status::Warned);
        let mut found = Found::default();
        found.warn("w");
        found.skip("s");
        assert_eq!(found.end(true).0, Status::Failed);
        let mut found = Found::default();
        found.skip("s");
        found.fail("f");
        assert_eq!(found.end(false), (Status::Failed, vec!["f".to_owned()], None));
        assert_eq!(Found::default().end(false).0, Status::Passed);
    }

    #[test]
    fn many_reasons_are_cut() {
        let mut found = Found::default();
        (0..100).for_each(|number| found.fail(number.to_string()));
        let reasons = found.end(false).1;
        assert_eq!((reasons.len(), reasons.last().map(String::as_str)), (REASONS + 1, Some("… and 88 more")));
    }
}
