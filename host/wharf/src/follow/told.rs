//! Telling the audit what files changed, as the API tells what its callers did.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wharf_core::audit::{AuditEvent, Auditor, Change};
use wharf_core::config::Config;

/// Tells of one connector. `before` and `after` are configurations as they may be shown, `None` where there was no
/// connector.
pub(super) fn tell(audit: &dyn Auditor, connector: &str, file: &str, before: Option<&Config>, after: Option<&Config>) {
    let what = match (before, after) {
        (None, Some(_)) => "connector.create",
        (Some(_), None) => "connector.delete",
        _ => "connector.config",
    };
    let event = AuditEvent {
        code: format!("change.{what}"),
        connector: connector.to_owned(),
        task: None,
        plugin: String::new(),
        detail: format!("by the file {file}"),
    };
    let change = Change {
        who: "file".to_owned(),
        from: String::new(),
        method: String::new(),
        path: file.to_owned(),
        status: 0,
        before: before.and_then(|before| differing(before, after)),
        after: after.and_then(|after| differing(after, before)),
    };
    audit.record_change(event, change);
}

/// What of one configuration is not so in the other.
fn differing(of: &Config, other: Option<&Config>) -> Option<Value> {
    let is_same = |key: &str, value: &str| other.and_then(|it| it.get(key)).is_some_and(|it| it == value);
    let found: BTreeMap<_, _> = of.iter().filter(|(key, value)| !is_same(key, value)).collect();
    (!found.is_empty()).then(|| json!(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let config = |value: &str| Config::from([("a".to_owned(), "1".to_owned()), ("b".to_owned(), value.to_owned())]);
        assert_eq!(differing(&config("x"), Some(&config("y"))), Some(json!({"b": "x"})));
        assert_eq!(differing(&config("x"), Some(&config("x"))), None);
        assert_eq!(differing(&config("x"), None), Some(json!({"a": "1", "b": "x"})));
    }
}
