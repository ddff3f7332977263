//! `[connectors]`: what is kept of connectors.

use serde::Deserialize;

use super::at_least;

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// How many configurations of a connector are remembered.
    pub(crate) history: Option<usize>,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &["connectors.history"];

/// How many configurations of a connector are remembered, the one that holds among them.
pub(super) fn history(raw: &Raw, default: usize) -> anyhow::Result<usize> {
    at_least("connectors.history", raw.history.unwrap_or(default), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_holds_is_always_remembered() {
        assert_eq!(history(&Raw::default(), 20).unwrap(), 20);
        assert_eq!(history(&Raw { history: Some(1) }, 20).unwrap(), 1);
        assert!(history(&Raw { history: Some(0) }, 20).unwrap_err().to_string().contains("`connectors.history` is 0"));
    }
}
