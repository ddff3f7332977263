//! The configuration: keys, and what cannot work.

use redis_client::{Server, ServerConfig};
use serde::Deserialize;
use wharf_sdk::{ConfigKey, Context, Descriptor, Field, Importance, Problem, Template};

/// What rows are written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Streams,
    Lists,
    Pubsub,
    Strings,
    Hashes,
}

/// What becomes of a value where fields are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ValueFormat {
    Field,
    Json,
}

/// Which end of a list grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum End {
    Left,
    Right,
}

/// What becomes of rows without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tombstones {
    Delete,
    Skip,
    Reject,
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
    target: Option<String>,
    #[serde(rename = "hash.field")]
    hash_field: Option<String>,
    #[serde(rename = "value.format")]
    pub(crate) value_format: ValueFormat,
    #[serde(rename = "value.field")]
    pub(crate) value_field: String,
    #[serde(rename = "key.field")]
    pub(crate) key_field: String,
    pub(crate) headers: bool,
    #[serde(rename = "list.end")]
    pub(crate) list_end: End,
    #[serde(rename = "stream.maxlen")]
    pub(crate) stream_maxlen: u64,
    #[serde(rename = "stream.maxlen.exact")]
    pub(crate) stream_maxlen_exact: bool,
    #[serde(rename = "ttl.ms")]
    pub(crate) ttl_ms: u64,
    tombstones: Option<Tombstones>,
    #[serde(rename = "batch.size")]
    pub(crate) batch_size: u32,
    #[serde(rename = "replicas.min")]
    pub(crate) replicas_min: u32,
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
    let summary = "Writes rows to streams, lists, channels, strings and hashes of Redis.";
    let about =
        Descriptor::new("redis-sink", env!("CARGO_PKG_VERSION"), summary).documentation(include_str!("../README.md"));
    redis_client::keys(about)
        .key(
            ConfigKey::string("mode")
                .default_value("streams")
                .allowed(["streams", "lists", "pubsub", "strings", "hashes"])
                .importance(Importance::High)
                .doc("What to write: entries of streams, elements of lists, messages, strings, or fields of hashes."),
        )
        .key(ConfigKey::string("target").importance(Importance::High).doc(
            "The name of the stream, list, channel or key. `${topic}`, `${key}`, `${partition}`, `${position}`, \
             `${timestamp}` and `${header.NAME}` are filled by the row. Default: `${topic}`; `${topic}:${key}` for strings \
             and for hashes of JSON.",
        ))
        .key(ConfigKey::string("hash.field").doc(
            "Hashes with `value.format = field`: the name of the field, filled like `target`. Default: `${key}`.",
        ))
        .key(ConfigKey::string("value.format").default_value("field").allowed(["field", "json"]).doc(
            "Streams and hashes: `field` writes the value into one field, `json` each member of the value, a JSON object, \
             into a field of its own.",
        ))
        .key(ConfigKey::string("value.field").default_value("value").doc("Streams: the field for the value."))
        .key(ConfigKey::string("key.field").default_value("key").doc("Streams: the field for the key, where a row has one."))
        .key(ConfigKey::boolean("headers").default_value(false).doc("Streams: write headers too, as fields `header.NAME`."))
        .key(
            ConfigKey::string("list.end")
                .default_value("right")
                .allowed(["left", "right"])
                .doc("Lists: the end that grows: `right` for RPUSH, `left` for LPUSH."),
        )
        .key(ConfigKey::long("stream.maxlen").default_value(0).doc(
            "Streams: keep about so many entries, and trim the oldest. 0: keep all.",
        ))
        .key(
            ConfigKey::boolean("stream.maxlen.exact")
                .default_value(false)
                .importance(Importance::Low)
                .doc("Streams: keep exactly so many entries, which costs more."),
        )
        .key(ConfigKey::long("ttl.ms").default_value(0).doc("Strings: how long they live, in milliseconds. 0: for ever."))
        .key(ConfigKey::string("tombstones").allowed(["delete", "skip", "reject"]).doc(
            "Rows without a value: `delete` the string, hash or field, `skip` them, or `reject` them. Default: `delete` \
             for strings and hashes, `skip` for all else.",
        ))
        .key(
            ConfigKey::int("batch.size")
                .default_value(1000)
                .importance(Importance::Low)
                .doc("Commands that are sent before their answers are awaited, at most."),
        )
        .key(ConfigKey::int("replicas.min").default_value(0).importance(Importance::Low).doc(
            "Rows count as done only when so many replicas have them (WAIT). 0: the server itself is enough.",
        ))
}

impl Config {
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

    pub(crate) fn target(&self) -> Result<Template, String> {
        let default = match (self.mode, self.value_format) {
            (Mode::Strings, _) | (Mode::Hashes, ValueFormat::Json) => "${topic}:${key}",
            _ => "${topic}",
        };
        Template::parse(self.target.as_deref().unwrap_or(default), "${")
    }

    pub(crate) fn hash_field(&self) -> Result<Template, String> {
        Template::parse(self.hash_field.as_deref().unwrap_or("${key}"), "${")
    }

    pub(crate) fn tombstones(&self) -> Tombstones {
        let default = if self.has_keys() { Tombstones::Delete } else { Tombstones::Skip };
        self.tombstones.unwrap_or(default)
    }

    /// Whether each row writes a place of its own, which a tombstone can delete.
    fn has_keys(&self) -> bool {
        matches!(self.mode, Mode::Strings | Mode::Hashes)
    }

    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.server_named("").err().unwrap_or_default();
        let mut problem = |key: &str, message: String| problems.push(Problem { key: key.to_owned(), message });
        match self.target() {
            Err(message) => problem("target", message),
            Ok(target) if self.mode == Mode::Strings && !target.fields().any(of_one_row) => {
                problem("target", "rows would overwrite each other: use ${key} in it".to_owned());
            }
            Ok(_) => {}
        }
        if let Err(message) = self.hash_field() {
            problem("hash.field", message);
        }
        if self.hash_field.is_some() && (self.mode != Mode::Hashes || self.value_format == ValueFormat::Json) {
            problem("hash.field", "this is for `mode = hashes` with `value.format = field`: remove it".to_owned());
        }
        if self.value_format == ValueFormat::Json && !matches!(self.mode, Mode::Streams | Mode::Hashes) {
            problem("value.format", "only streams and hashes have fields: write `field`".to_owned());
        }
        if self.tombstones == Some(Tombstones::Delete) && !self.has_keys() {
            problem("tombstones", "only strings and hashes can be deleted: write `skip` or `reject`".to_owned());
        }
        if self.ttl_ms > 0 && self.mode != Mode::Strings {
            problem("ttl.ms", "only strings can be given a time to live: remove it".to_owned());
        }
        if self.stream_maxlen > 0 && self.mode != Mode::Streams {
            problem("stream.maxlen", "only streams are trimmed: remove it".to_owned());
        }
        if self.batch_size == 0 {
            problem("batch.size", "write a number from 1 up".to_owned());
        }
        problems
    }
}

fn of_one_row(field: &Field) -> bool {
    matches!(field, Field::Key | Field::Position | Field::Header(_))
}
