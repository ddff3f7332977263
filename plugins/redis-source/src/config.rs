//! The configuration: keys, what cannot work, and how the work is split.

use redis_client::{Server, ServerConfig};
use serde::Deserialize;
use wharf_sdk::{ConfigKey, ConfigMap, Context, Descriptor, Importance, Problem};

use crate::id::Id;

/// What is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Streams,
    Lists,
    Pubsub,
}

/// What becomes of an entry's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ValueFormat {
    Json,
    Field,
}

/// Which end of a list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    Left,
    Right,
}

/// Where a stream is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Start {
    Earliest,
    Latest,
}

/// The configuration.
#[derive(Debug, Deserialize)]
pub struct Config {
    #[serde(rename = "redis.url")]
    url: String,
    #[serde(rename = "redis.tls")]
    tls: bool,
    #[serde(rename = "redis.tls.server.name")]
    tls_server_name: Option<String>,
    #[serde(rename = "redis.username")]
    username: Option<String>,
    #[serde(rename = "redis.password")]
    password: Option<Secret>,
    #[serde(rename = "redis.database")]
    database: Option<u32>,
    #[serde(rename = "redis.timeout.ms")]
    timeout_ms: u32,
    pub(crate) mode: Mode,
    #[serde(default)]
    pub(crate) streams: Vec<String>,
    #[serde(default)]
    pub(crate) lists: Vec<String>,
    #[serde(default)]
    pub(crate) channels: Vec<String>,
    #[serde(default)]
    pub(crate) patterns: Vec<String>,
    pub(crate) group: Option<String>,
    pub(crate) consumer: Option<String>,
    pub(crate) start: Start,
    #[serde(rename = "claim.idle.ms")]
    pub(crate) claim_idle_ms: u64,
    #[serde(rename = "list.end")]
    pub(crate) list_end: End,
    pub(crate) topic: Option<String>,
    #[serde(rename = "topic.prefix")]
    pub(crate) topic_prefix: Option<String>,
    #[serde(rename = "value.format")]
    pub(crate) value_format: ValueFormat,
    #[serde(rename = "value.field")]
    pub(crate) value_field: String,
    #[serde(rename = "key.field")]
    pub(crate) key_field: Option<String>,
    #[serde(rename = "batch.size")]
    pub(crate) batch_size: u32,
}

/// A password, which shows itself to nobody.
#[derive(Deserialize)]
#[serde(transparent)]
struct Secret(String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[hidden]")
    }
}

pub(crate) fn describe() -> Descriptor {
    let about =
        Descriptor::new("redis-source", env!("CARGO_PKG_VERSION"), "Reads streams, lists and channels of Redis.")
            .documentation(include_str!("../README.md"));
    redis_client::keys(about)
        .key(
            ConfigKey::string("mode")
                .default_value("streams")
                .allowed(["streams", "lists", "pubsub"])
                .importance(Importance::High)
                .doc("What to read: `streams`, `lists`, or `pubsub`, which loses what is published while nobody listens."),
        )
        .key(ConfigKey::list("streams").doc("The streams to read, with `mode = streams`."))
        .key(ConfigKey::list("lists").doc("The lists to empty, with `mode = lists`."))
        .key(ConfigKey::list("channels").doc("The channels to listen to, with `mode = pubsub`."))
        .key(ConfigKey::list("patterns").doc("Patterns of channels to listen to, like `news.*`, with `mode = pubsub`."))
        .key(ConfigKey::string("topic").doc("The topic that all rows go to. Without it: one for each stream, list or channel."))
        .key(ConfigKey::string("topic.prefix").doc(
            "Without `topic`: what stands before the name of the stream, list or channel in the topic's name. Characters \
             that a topic's name cannot have become dots.",
        ))
        .key(ConfigKey::string("group").doc(
            "The consumer group, created where it is missing. Without one, streams are read like logs, and only Wharf \
             keeps the position.",
        ))
        .key(ConfigKey::string("consumer").importance(Importance::Low).doc("The name in the group. Default: the connector's."))
        .key(ConfigKey::string("start").default_value("earliest").allowed(["earliest", "latest"]).doc(
            "Where to begin a stream that has no stored offset, or where a new group begins: with its first entry, or with \
             what comes from now on.",
        ))
        .key(ConfigKey::long("claim.idle.ms").default_value(300_000).importance(Importance::Low).doc(
            "Entries that another consumer of the group took and did not acknowledge for so long are taken over, in \
             milliseconds. 0: never.",
        ))
        .key(
            ConfigKey::string("list.end")
                .default_value("left")
                .allowed(["left", "right"])
                .importance(Importance::Low)
                .doc("Which end of the lists is read: `left` for producers that use RPUSH, `right` for LPUSH."),
        )
        .key(ConfigKey::string("value.format").default_value("json").allowed(["json", "field"]).doc(
            "The value of a row from a stream: `json`, an object of all fields of the entry, or `field`, the bytes of the \
             field that `value.field` names.",
        ))
        .key(ConfigKey::string("value.field").default_value("value").doc("The field for `value.format = field`."))
        .key(ConfigKey::string("key.field").doc("The field of a stream's entries that becomes the key of the row."))
        .key(ConfigKey::int("batch.size").default_value(1000).importance(Importance::Low).doc(
            "Entries asked for at once, at most. Fewer are asked for where they are large.",
        ))
}

impl Config {
    /// Where the server is; `context` names the client there.
    pub(crate) fn server(&self, context: &Context) -> Result<Server, Vec<Problem>> {
        self.server_named(&format!("{}-{}", context.connector, context.task))
    }

    fn server_named(&self, name: &str) -> Result<Server, Vec<Problem>> {
        let config = ServerConfig {
            url: self.url.clone(),
            tls: self.tls,
            tls_server_name: self.tls_server_name.clone(),
            username: self.username.clone(),
            password: self.password.as_ref().map(|secret| secret.0.clone()),
            database: self.database,
            timeout_ms: self.timeout_ms,
        };
        Server::new(&config, name)
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.server_named("").err().unwrap_or_default();
        let mut problem = |key: &str, message: &str| {
            problems.push(Problem { key: key.to_owned(), message: message.to_owned() });
        };
        let names: [(&str, &[String], Mode); 4] = [
            ("streams", &self.streams, Mode::Streams),
            ("lists", &self.lists, Mode::Lists),
            ("channels", &self.channels, Mode::Pubsub),
            ("patterns", &self.patterns, Mode::Pubsub),
        ];
        for (key, names, mode) in names {
            if mode != self.mode && !names.is_empty() {
                problem(key, "this key is for another `mode`: remove it, or change `mode`");
            }
            let mut distinct = names.to_vec();
            distinct.sort_unstable();
            distinct.dedup();
            if distinct.len() < names.len() {
                problem(key, "name each once");
            }
        }
        match self.mode {
            Mode::Streams if self.streams.is_empty() => problem("streams", "name at least one stream"),
            Mode::Lists if self.lists.is_empty() => problem("lists", "name at least one list"),
            Mode::Pubsub if self.channels.is_empty() && self.patterns.is_empty() => {
                problem("channels", "name at least one channel here, or a pattern in `patterns`");
            }
            _ => {}
        }
        if self.group.is_some() && self.mode != Mode::Streams {
            problem("group", "only streams have consumer groups: remove it");
        }
        if self.topic.is_some() && self.topic_prefix.is_some() {
            problem("topic.prefix", "with `topic` there is nothing to put it before: set one of the two");
        }
        if self.batch_size == 0 {
            problem("batch.size", "write a number from 1 up");
        }
        problems
    }

    /// The topic for what is called `name` at the server.
    pub(crate) fn topic_of(&self, name: &str) -> String {
        match &self.topic {
            Some(topic) => topic.clone(),
            None => {
                let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
                let name = name.replace(|c: char| !fits(c), ".");
                format!("{}{name}", self.topic_prefix.as_deref().unwrap_or_default())
            }
        }
    }

    /// Where a stream without a stored offset begins; `None`: at its end.
    pub(crate) fn first(&self) -> Option<Id> {
        (self.start == Start::Earliest).then_some(Id::ZERO)
    }
}

/// The streams, lists or channels in turn to at most `max` tasks. Each is read by one task.
pub(crate) fn split(config: &ConfigMap, max: u32) -> Vec<ConfigMap> {
    const NAMES: [&str; 4] = ["streams", "lists", "channels", "patterns"];
    let items = |key: &'static str| -> Vec<(&'static str, String)> {
        let text = config.get(key).map(String::as_str).unwrap_or_default();
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(|name| (key, name.to_owned())).collect()
    };
    let all: Vec<_> = NAMES.into_iter().flat_map(items).collect();
    let tasks = all.len().clamp(1, max.max(1) as usize);
    let mut parts = vec![config.clone(); tasks];
    for (number, part) in parts.iter_mut().enumerate() {
        for key in NAMES {
            let mine = all.iter().skip(number).step_by(tasks).filter(|(of, _)| *of == key);
            let names: Vec<&str> = mine.map(|(_, name)| name.as_str()).collect();
            if config.contains_key(key) {
                part.insert(key.to_owned(), names.join(","));
            }
        }
    }
    parts
}
