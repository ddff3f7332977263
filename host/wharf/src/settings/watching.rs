//! `[logs]` and `[inspect]`: what those who watch connectors over REST are shown.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `logs.lines-per-connector` | 500 | log lines kept in memory of each connector |
//! | `logs.bytes-per-connector` | 256 KiB | what they may take, about |
//! | `inspect.enabled` | true | whether records may be looked at while they pass |
//! | `inspect.mask` | `[]` | JSON fields and headers that are hidden then |

use anyhow::bail;
use serde::Deserialize;
use wharf_api::InspectOptions;

use super::at_least;
use crate::logging::Limits;

/// More than this is a slip of the pen: all lines together take no more.
const MOST_BYTES: usize = 64 << 20;

/// `[logs]` as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RawLogs {
    /// Lines kept of each connector.
    pub(crate) lines_per_connector: Option<usize>,
    /// What they may take.
    pub(crate) bytes_per_connector: Option<usize>,
}

/// `[inspect]` as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct RawInspect {
    /// Whether records may be looked at.
    pub(crate) enabled: Option<bool>,
    /// What of them is hidden.
    pub(crate) mask: Vec<String>,
}

/// Every key of the sections.
pub(super) const KEYS: &[&str] =
    &["logs.lines-per-connector", "logs.bytes-per-connector", "inspect.enabled", "inspect.mask"];

/// Checks `[logs]`.
pub(super) fn logs(raw: &RawLogs) -> anyhow::Result<Limits> {
    let default = Limits::default();
    let lines = at_least("logs.lines-per-connector", raw.lines_per_connector.unwrap_or(default.lines), 1)?;
    let bytes = at_least("logs.bytes-per-connector", raw.bytes_per_connector.unwrap_or(default.bytes), 1024)?;
    if bytes > MOST_BYTES {
        bail!("`logs.bytes-per-connector` is {bytes}: write at most {MOST_BYTES}, which is all that lines may take");
    }
    Ok(Limits { lines, bytes })
}

/// Checks `[inspect]`.
pub(super) fn inspect(raw: &RawInspect) -> anyhow::Result<InspectOptions> {
    if let Some(wrong) = raw.mask.iter().find(|mask| mask.trim().is_empty() || mask.contains(',')) {
        bail!(
            "`inspect.mask` has \"{wrong}\": write one name each, such as \"password\", \"card.number\" or \"*.ssn\""
        );
    }
    Ok(InspectOptions { enabled: raw.enabled.unwrap_or(true), mask: raw.mask.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_arrives() {
        let logs = super::logs(&toml::from_str("lines-per-connector = 7\nbytes-per-connector = 2048").unwrap());
        assert_eq!(logs.unwrap(), Limits { lines: 7, bytes: 2048 });
        let inspect = super::inspect(&toml::from_str("enabled = false\nmask = [\"a.b\"]").unwrap());
        assert_eq!(inspect.unwrap(), InspectOptions { enabled: false, mask: vec!["a.b".to_owned()] });
        assert_eq!(super::logs(&RawLogs::default()).unwrap(), Limits { lines: 500, bytes: 262_144 });
        assert_eq!(super::inspect(&RawInspect::default()).unwrap(), InspectOptions::default());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, told) in [
            ("lines-per-connector = 0", "`logs.lines-per-connector` is 0"),
            ("bytes-per-connector = 10", "`logs.bytes-per-connector` is 10"),
            ("bytes-per-connector = 100000000000", "write at most 67108864"),
        ] {
            let error = super::logs(&toml::from_str(text).unwrap()).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        for mask in ["", "a,b"] {
            let raw = RawInspect { mask: vec![mask.to_owned()], ..RawInspect::default() };
            assert!(super::inspect(&raw).unwrap_err().to_string().contains("write one name each"));
        }
    }
}
