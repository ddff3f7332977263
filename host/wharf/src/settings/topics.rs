//! `[topics]`: whether the topics that connectors use are remembered, Kafka Connect's `topic.tracking.*`.

use serde::Deserialize;
use wharf_runtime::TopicTracking;

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// Whether they are.
    pub(crate) tracking: Option<bool>,
    /// Whether `PUT /connectors/{name}/topics/reset` makes the worker forget them.
    pub(crate) allow_reset: Option<bool>,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &["topics.tracking", "topics.allow-reset"];

/// Checks the section.
pub(super) fn resolve(raw: &Raw) -> TopicTracking {
    let default = TopicTracking::default();
    TopicTracking {
        enabled: raw.tracking.unwrap_or(default.enabled),
        allow_reset: raw.allow_reset.unwrap_or(default.allow_reset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_tracked_and_may_be_reset_unless_the_file_says_otherwise() {
        let read = |text: &str| resolve(&toml::from_str(text).unwrap());
        assert_eq!(read(""), TopicTracking { enabled: true, allow_reset: true });
        assert_eq!(read("tracking = false\nallow-reset = false"), TopicTracking { enabled: false, allow_reset: false });
    }
}
