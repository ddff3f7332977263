//! What the name of a logger means.
//!
//! | name | its lines |
//! |---|---|
//! | `root` | all |
//! | `wharf` | all of Wharf's own |
//! | `wharf_runtime`, `wharf_runtime::task`, `wharf_runtime.task`, … | of that part of Wharf and what is below it |
//! | `wharf::plugin`, `wharf::audit` | of plugins themselves, of the audit trail |
//! | `connector.<name>` | of that connector, its tasks and its plugin; goes before all others |
//! | `connector` | of every connector that has no logger of its own |
//! | `org.apache.kafka.connect…`, `org.apache.kafka.clients…` | of the part of Wharf that does the same work ([`KAFKA`]) |
//! | anything else | of a Rust crate of that name, where there is one; else none |

use wharf_core::loggers::ROOT;

/// Loggers that Wharf has by itself.
pub(super) const OWN: &[&str] = &[
    "wharf",
    "wharf::audit",
    "wharf::plugin",
    "wharf_api",
    "wharf_cli",
    "wharf_drivers",
    "wharf_egress",
    "wharf_registry",
    "wharf_runtime",
    "wharf_sandbox",
    "wharf_store",
];

/// Kafka Connect's classes and packages, and who does their work here; the first that is a prefix counts.
const KAFKA: &[(&str, &str)] = &[
    ("org.apache.kafka.connect.runtime.rest", "wharf_api"),
    ("org.apache.kafka.connect.runtime.isolation", "wharf_registry"),
    ("org.apache.kafka.connect.runtime.WorkerSourceTask", "wharf_runtime::task::source"),
    ("org.apache.kafka.connect.runtime.AbstractWorkerSourceTask", "wharf_runtime::task::source"),
    ("org.apache.kafka.connect.runtime.ExactlyOnceWorkerSourceTask", "wharf_runtime::task::source"),
    ("org.apache.kafka.connect.runtime.WorkerSinkTask", "wharf_runtime::task::sink"),
    ("org.apache.kafka.connect.runtime", "wharf_runtime"),
    ("org.apache.kafka.connect.storage", "wharf_store"),
    ("org.apache.kafka.connect", "wharf"),
    ("org.apache.kafka.clients", "wharf_drivers"),
    ("org.apache.kafka", "wharf"),
];

const CONNECTOR: &str = "connector";

/// Whose lines a logger sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    Everything,
    /// Where in the program: `wharf_runtime::task`.
    Target(String),
    /// Of connectors without a logger of their own.
    Connectors,
    Connector(String),
    Nothing,
}

/// The name under which a logger is kept: `wharf_runtime.task` is `wharf_runtime::task`, and `ROOT` is `root`.
pub(super) fn canonical(name: &str) -> String {
    if name.eq_ignore_ascii_case(ROOT) {
        return ROOT.to_owned();
    }
    let first = name.split(['.', ':']).next().unwrap_or_default();
    let is_own = first == "wharf" || first.starts_with("wharf_");
    if is_own { name.replace('.', "::") } else { name.to_owned() }
}

/// What a canonical name means.
pub(super) fn meaning(name: &str) -> Meaning {
    if name == ROOT {
        return Meaning::Everything;
    }
    if name == CONNECTOR {
        return Meaning::Connectors;
    }
    if let Some(connector) = name.strip_prefix("connector.").filter(|connector| !connector.is_empty()) {
        return Meaning::Connector(connector.to_owned());
    }
    if let Some((_, target)) = KAFKA.iter().find(|(class, _)| name == *class || is_below(name, class)) {
        return Meaning::Target((*target).to_owned());
    }
    let target = name.replace('.', "::");
    let is_identifier = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && part.bytes().next().is_some_and(|first| !first.is_ascii_digit())
    };
    if target.split("::").all(is_identifier) { Meaning::Target(target) } else { Meaning::Nothing }
}

/// Whether a logger stands below another: setting the other sets it too.
pub(super) fn is_below(name: &str, parent: &str) -> bool {
    if parent == ROOT {
        return name != ROOT;
    }
    let Some(rest) = name.strip_prefix(parent) else { return false };
    // Names of connectors may have dots: `a.b` is no part of `a`.
    let is_connector = parent.starts_with("connector.");
    let is_own = parent == "wharf" && rest.starts_with('_');
    !is_connector && (rest.starts_with('.') || rest.starts_with("::") || is_own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Option<String> {
        match meaning(&canonical(name)) {
            Meaning::Target(target) => Some(target),
            _ => None,
        }
    }

    #[test]
    fn wharfs_own_loggers_may_be_written_with_dots() {
        assert_eq!(canonical("wharf_runtime.task.sink"), "wharf_runtime::task::sink");
        assert_eq!(canonical("wharf.plugin"), "wharf::plugin");
        assert_eq!(canonical("Root"), "root");
        for name in ["org.apache.kafka", "golden.x", "connector.wharf_a.b", "wharfage.x"] {
            assert_eq!(canonical(name), name);
        }
        for own in OWN {
            assert_eq!(target(own).as_deref(), Some(*own));
        }
    }

    #[test]
    fn kafkas_loggers_mean_who_does_their_work_here() {
        for (name, expected) in [
            ("org.apache.kafka.connect.runtime.WorkerSinkTask", "wharf_runtime::task::sink"),
            ("org.apache.kafka.connect.runtime.Worker", "wharf_runtime"),
            ("org.apache.kafka.connect.runtime.rest.RestServer", "wharf_api"),
            ("org.apache.kafka.connect", "wharf"),
            ("org.apache.kafka.clients.consumer.KafkaConsumer", "wharf_drivers"),
            ("org.apache.zookeeper", "org::apache::zookeeper"),
        ] {
            assert_eq!(target(name).as_deref(), Some(expected), "{name}");
        }
    }

    #[test]
    fn names_of_connectors_are_taken_as_they_are() {
        assert_eq!(meaning("connector.a.b/c d"), Meaning::Connector("a.b/c d".to_owned()));
        assert_eq!(meaning("connector"), Meaning::Connectors);
        for name in ["", "connector.", "a b", "x,y=debug", "[span]", "1a", "a..b"] {
            assert_eq!(meaning(name), Meaning::Nothing, "{name}");
        }
    }

    #[test]
    fn a_parent_is_told_from_a_name_that_merely_begins_alike() {
        for (name, parent) in [
            ("a.b", "a"),
            ("a.b.c", "a"),
            ("anything", ROOT),
            ("wharf_runtime::task", "wharf_runtime"),
            ("wharf_runtime", "wharf"),
            ("wharf::plugin", "wharf"),
            ("connector.a", "connector"),
        ] {
            assert!(is_below(name, parent), "{name} {parent}");
        }
        for (name, parent) in [
            ("a", "a"),
            (ROOT, ROOT),
            ("ab", "a"),
            ("wharf_runtimes", "wharf_runtime"),
            ("connector.a.b", "connector.a"),
            ("wharfage", "wharf"),
        ] {
            assert!(!is_below(name, parent), "{name} {parent}");
        }
    }
}
