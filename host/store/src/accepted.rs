//! Configurations as they were accepted, and as they are remembered.

use std::collections::BTreeSet;

use wharf_core::config::Config;

/// A configuration that was found valid and shall be stored.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    /// The configuration as it was posted.
    pub config: Config,
    /// The keys whose values are sealed.
    pub secret: BTreeSet<String>,
    /// When it was accepted, RFC 3339.
    pub at: String,
    /// Who asked for it, where that is known.
    pub by: Option<String>,
    /// It becomes a version of its own even where it is the same as the one before.
    pub is_rollback: bool,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configuration holds secrets.
        f.debug_struct("Accepted").field("at", &self.at).field("by", &self.by).finish_non_exhaustive()
    }
}

impl From<Config> for Accepted {
    /// Nothing of it is a secret.
    fn from(config: Config) -> Self {
        Self { config, ..Self::default() }
    }
}

/// A configuration that a connector has or had.
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigVersion {
    /// From 1; the highest is the configuration that it has.
    pub version: u64,
    /// When it was accepted, RFC 3339; empty where it was stored before versions were.
    pub at: String,
    /// Who asked for it; empty where that is not known.
    pub by: String,
    /// The configuration. A sealed value that cannot be opened is `[hidden]`.
    pub config: Config,
    /// The keys whose values are sealed.
    pub sealed: BTreeSet<String>,
    /// The keys whose sealed values cannot be opened.
    pub lost: BTreeSet<String>,
}

impl std::fmt::Debug for ConfigVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigVersion").field("version", &self.version).field("at", &self.at).finish_non_exhaustive()
    }
}
