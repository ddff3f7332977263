//! `[rest]`: how the REST API answers.

use serde::Deserialize;

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// Whether `GET /connectors/{name}?config={json}` creates a connector, as in OpenMessaging's quick start.
    pub(crate) openmessaging_legacy: Option<bool>,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &["rest.openmessaging-legacy"];

/// How the REST API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    /// See [`Raw::openmessaging_legacy`]. A `GET` that creates is a hole, so it is off unless asked for.
    pub(crate) openmessaging_legacy: bool,
}

/// Checks the section.
pub(super) fn resolve(raw: &Raw) -> Rest {
    Rest { openmessaging_legacy: raw.openmessaging_legacy.unwrap_or(false) }
}
