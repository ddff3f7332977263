//! A report for people.

use std::fmt;

use crate::report::{Outcome, Report, Status};

impl Status {
    fn mark(self) -> char {
        match self {
            Self::Passed => '✓',
            Self::Warned => '!',
            Self::Failed => '✗',
            Self::Skipped => '-',
        }
    }
}

impl fmt::Display for Report {
    /// Many lines: the plugin, the checks by group with the reasons below those that did not pass, and the figures.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(plugin) = &self.plugin {
            writeln!(f, "{} {} ({})", plugin.name, plugin.version, plugin.kind.as_str())?;
        }
        let width = self.checks.iter().map(|outcome| outcome.id.len()).max().unwrap_or_default();
        let mut group = "";
        for outcome in &self.checks {
            let of = outcome.id.split('.').next().unwrap_or_default();
            if of != group {
                writeln!(f, "\n{of}")?;
                group = of;
            }
            line(f, outcome, width)?;
        }
        let summary = &self.summary;
        write!(f, "\n{} passed, {} failed", summary.passed, summary.failed)?;
        if summary.warned > 0 {
            write!(f, ", {} with warnings", summary.warned)?;
        }
        if summary.skipped > 0 {
            write!(f, ", {} skipped", summary.skipped)?;
        }
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, outcome: &Outcome, width: usize) -> fmt::Result {
    write!(f, "  {} {:width$}  {}", outcome.status.mark(), outcome.id, outcome.says)?;
    match &outcome.note {
        Some(note) => writeln!(f, " ({note})")?,
        None => writeln!(f)?,
    }
    outcome.reasons.iter().try_for_each(|reason| writeln!(f, "      {}", printable(reason)))
}

/// A plugin's own words are in the reasons: no control character of theirs reaches a terminal.
fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => safe.push_str("\n      "),
            char if char.is_control() => safe.extend(char.escape_default()),
            char => safe.push(char),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(id: &str, status: Status, reasons: &[&str]) -> Outcome {
        let reasons = reasons.iter().map(|&reason| reason.to_owned()).collect();
        Outcome { id: id.into(), says: "it holds".into(), status, reasons, note: None }
    }

    #[test]
    fn checks_stand_under_their_group_with_the_reasons_below() {
        let checks = vec![
            outcome("load.loads", Status::Passed, &[]),
            outcome("source.resume", Status::Failed, &["row 3 is\nlost \u{1b}[31m"]),
            outcome("source.polls", Status::Skipped, &["no configuration"]),
        ];
        let text = Report::new(None, checks, Some("do this".into())).to_string();
        let expected = "\nload\n  ✓ load.loads     it holds\n\nsource\n  ✗ source.resume  it holds\n      row 3 is\n      \
                        lost \\u{1b}[31m\n  - source.polls   it holds\n      no configuration\n\n1 passed, 1 failed, 1 \
                        skipped\ndo this";
        assert_eq!(text, expected);
    }
}
