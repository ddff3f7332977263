//! Other names that a key may be written by.
//!
//! | written | means | from |
//! |---|---|---|
//! | `connector-class` | `connector.class` | OpenMessaging Connect |
//! | `task-parallelism` | `tasks.max` | OpenMessaging Connect |
//! | `max.tasks` | `tasks.max` | RocketMQ Connect |
//! | `source-record-converter` | `value.converter` | OpenMessaging Connect |
//!
//! `oms-driver-url` keeps its name: Kafka Connect has no such key.

use super::Config;

const ALIASES: [(&str, &str); 4] = [
    ("connector-class", "connector.class"),
    ("task-parallelism", "tasks.max"),
    ("max.tasks", "tasks.max"),
    ("source-record-converter", "value.converter"),
];

/// The same configuration with every alias under the name that the worker knows. Where both are set, the worker's name
/// wins and the alias is dropped.
///
/// ```
/// use wharf_core::config::{Config, normalize};
/// let seed = |key: &str, value: &str| (key.to_owned(), value.to_owned());
/// let config = Config::from([seed("connector-class", "file-source"), seed("task-parallelism", "2")]);
/// assert_eq!(normalize(&config), Config::from([seed("connector.class", "file-source"), seed("tasks.max", "2")]));
///
/// let both = Config::from([seed("max.tasks", "2"), seed("tasks.max", "3")]);
/// assert_eq!(normalize(&both), Config::from([seed("tasks.max", "3")]));
/// ```
pub fn normalize(config: &Config) -> Config {
    let mut normal = config.clone();
    for (alias, name) in ALIASES {
        if let Some(value) = normal.remove(alias) {
            normal.entry(name.to_owned()).or_insert(value);
        }
    }
    normal
}
