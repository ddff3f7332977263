//! What came of the checks.

use serde::{Deserialize, Serialize};
use wharf_core::plugin::{Kind, Plugin};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It holds.
    Passed,
    /// It holds, but users will stumble over something.
    Warned,
    /// It does not hold.
    Failed,
    /// It could not be made.
    Skipped,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// Stable, for machines: `source.resume`. What stands before the dot is its group.
    pub id: String,
    /// What must hold, in a sentence.
    pub says: String,
    /// How it ended.
    pub status: Status,
    /// What is wrong and what to do; or why the check was skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// What else was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Which plugin was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginName {
    /// The descriptor's name.
    pub name: String,
    /// The descriptor's version.
    pub version: String,
    /// What it says it is.
    pub kind: Kind,
    /// The SHA-256 of the file.
    pub sha256: String,
}

impl PluginName {
    pub(crate) fn of(plugin: &dyn Plugin) -> Self {
        let (id, kind) = (plugin.id().clone(), plugin.descriptor().kind);
        Self { name: id.name, version: id.version, kind, sha256: id.sha256 }
    }
}

/// How many checks ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say all")]
pub struct Summary {
    pub passed: usize,
    pub warned: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// What came of all checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which plugin; `None` where the file is none.
    pub plugin: Option<PluginName>,
    /// One for each check that concerns plugins of this kind, in the order they were made.
    pub checks: Vec<Outcome>,
    /// How many ended how.
    pub summary: Summary,
    /// What to do so that more is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Report {
    pub(crate) fn new(plugin: Option<PluginName>, checks: Vec<Outcome>, hint: Option<String>) -> Self {
        let count = |status| checks.iter().filter(|outcome| outcome.status == status).count();
        let summary = Summary {
            passed: count(Status::Passed),
            warned: count(Status::Warned),
            failed: count(Status::Failed),
            skipped: count(Status::Skipped),
        };
        Self { plugin, checks, summary, hint }
    }

    /// Whether nothing failed.
    pub fn passed(&self) -> bool {
        self.summary.failed == 0
    }

    /// The outcome of one check, `None` where it does not concern this kind of plugin.
    pub fn outcome(&self, id: &str) -> Option<&Outcome> {
        self.checks.iter().find(|outcome| outcome.id == id)
    }
}
