//! By what operations are grouped: the path, so that a new route has its place without saying so.

/// A group of operations.
pub(super) struct Group {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// A path belongs to the group whose longest prefix it begins with, segment by segment; `*` is any segment.
    prefixes: &'static [&'static str],
}

/// In the order in which they are shown.
pub(super) const GROUPS: &[Group] = &[
    Group {
        name: "Connectors",
        about: "Creating, showing, changing and deleting connectors, and telling them what to do. As Kafka Connect.",
        prefixes: &["connectors"],
    },
    Group {
        name: "Configuration",
        about: "Configurations of connectors, their history, and the way back.",
        prefixes: &["connectors/*/config", "connectors/*/tasks-config"],
    },
    Group { name: "Tasks", about: "Tasks of a connector. As Kafka Connect.", prefixes: &["connectors/*/tasks"] },
    Group {
        name: "Offsets",
        about: "How far a connector has come in the outside system (sources) or in the queue (sinks). As Kafka Connect.",
        prefixes: &["connectors/*/offsets"],
    },
    Group {
        name: "Watching",
        about: "What connectors do, use, say and move. Most of it is Wharf's own.",
        prefixes: &[
            "audit",
            "metrics",
            "connectors/*/progress",
            "connectors/*/usage",
            "connectors/*/logs",
            "connectors/*/inspect",
            "connectors/*/topics",
        ],
    },
    Group {
        name: "Connector plugins",
        about: "Plugins and their configuration keys, in the shape of Kafka Connect.",
        prefixes: &["connector-plugins"],
    },
    Group {
        name: "Plugins",
        about: "Installing, approving and checking plugins. Wharf's own.",
        prefixes: &["plugins"],
    },
    Group { name: "Topics", about: "Topics of the queue and their records. Wharf's own.", prefixes: &["topics"] },
    Group { name: "Worker", about: "The worker itself, and whether it is well.", prefixes: &[""] },
    Group { name: "Loggers", about: "What the worker's log tells. As Kafka Connect.", prefixes: &["admin/loggers"] },
    Group { name: "Documentation", about: "This description.", prefixes: &["openapi.json", "docs"] },
    Group {
        name: "Between workers",
        about: "Kafka Connect's workers speak to each other here. Wharf's do not: these answer as to a wrong signature.",
        prefixes: &["connectors/*/fence"],
    },
];

/// The group of a path.
pub(super) fn of(path: &str) -> &'static str {
    let fits = |prefix: &str| {
        let mut segments = path.trim_start_matches('/').split('/');
        prefix.is_empty()
            || prefix.split('/').all(|wanted| segments.next().is_some_and(|it| wanted == "*" || wanted == it))
    };
    let all = GROUPS.iter().flat_map(|group| group.prefixes.iter().map(|prefix| (group.name, *prefix)));
    all.filter(|(_, prefix)| fits(prefix)).max_by_key(|(_, prefix)| prefix.len()).map_or("Worker", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_the_group_of_its_longest_prefix() {
        for (path, group) in [
            ("/", "Worker"),
            ("/getClusterInfo", "Worker"),
            ("/connectors", "Connectors"),
            ("/connectors/{name}/pause", "Connectors"),
            ("/connectors/{name}/config/versions", "Configuration"),
            ("/connectors/{name}/tasks/{task}/status", "Tasks"),
            ("/connectors/{name}/tasks-config", "Configuration"),
            ("/connector-plugins/{plugin}/config", "Connector plugins"),
        ] {
            assert_eq!(of(path), group, "{path}");
        }
    }
}
