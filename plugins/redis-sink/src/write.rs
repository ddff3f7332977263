//! A row as a command.

use redis_client::Commands;
use serde_json::{Map, Value};
use wharf_sdk::{Failure, Rejection, Row, Template};

use crate::config::{Config, End, Mode, Tombstones, ValueFormat};

/// Writes rows as commands.
#[derive(Debug)]
pub(crate) struct Writer {
    config: Config,
    target: Template,
    hash_field: Template,
    tombstones: Tombstones,
    /// The name that the row is written to, so that there is one buffer for all.
    name: Vec<u8>,
    field: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(config: Config) -> Result<Self, Failure> {
        let target = config.target().map_err(|message| Failure::config("target", message))?;
        let hash_field = config.hash_field().map_err(|message| Failure::config("hash.field", message))?;
        let tombstones = config.tombstones();
        Ok(Self { config, target, hash_field, tombstones, name: Vec::new(), field: Vec::new() })
    }

    /// Adds the command for a row; none for one that is skipped.
    pub(crate) fn write(&mut self, row: &Row<'_>, commands: &mut Commands) -> Result<(), Rejection> {
        let value = match (row.value(), self.tombstones) {
            (None, Tombstones::Skip) => return Ok(()),
            (None, Tombstones::Reject) => {
                return Err(row.reject("no-value", "the row has no value, and `tombstones` is `reject`"));
            }
            (value, _) => value,
        };
        fill(&self.target, row, &mut self.name)?;
        let name = self.name.as_slice();
        match self.config.mode {
            Mode::Streams => self.entry(row, value.unwrap_or_default(), commands)?,
            Mode::Lists => {
                let push: &[u8] = if self.config.list_end == End::Right { b"RPUSH" } else { b"LPUSH" };
                commands.push(&[push, name, value.unwrap_or_default()]);
            }
            Mode::Pubsub => commands.push(&[b"PUBLISH", name, value.unwrap_or_default()]),
            Mode::Strings => match value {
                None => commands.push(&[b"DEL", name]),
                Some(value) if self.config.ttl_ms == 0 => commands.push(&[b"SET", name, value]),
                Some(value) => {
                    commands.begin(5);
                    for part in [&b"SET"[..], name, value, b"PX"] {
                        commands.part(part);
                    }
                    commands.number(self.config.ttl_ms);
                }
            },
            Mode::Hashes => match (value, self.config.value_format) {
                (None, ValueFormat::Json) => commands.push(&[b"DEL", name]),
                (Some(value), ValueFormat::Json) => {
                    let members = object(row, value)?;
                    commands.begin(2 + 2 * members.len());
                    commands.part(b"HSET");
                    commands.part(name);
                    fields(&members, commands);
                }
                (value, ValueFormat::Field) => {
                    fill(&self.hash_field, row, &mut self.field)?;
                    match value {
                        None => commands.push(&[b"HDEL", name, &self.field]),
                        Some(value) => commands.push(&[b"HSET", name, &self.field, value]),
                    }
                }
            },
        }
        Ok(())
    }

    fn entry(&self, row: &Row<'_>, value: &[u8], commands: &mut Commands) -> Result<(), Rejection> {
        let members = match self.config.value_format {
            ValueFormat::Json => object(row, value)?,
            ValueFormat::Field => Map::new(),
        };
        let key = row.key().filter(|_| self.config.value_format == ValueFormat::Field);
        let headers = || row.headers().filter(|_| self.config.headers);
        let own = usize::from(self.config.value_format == ValueFormat::Field) + usize::from(key.is_some());
        let maxlen = if self.config.stream_maxlen > 0 { 3 } else { 0 };
        commands.begin(3 + maxlen + 2 * (own + members.len() + headers().count()));
        commands.part(b"XADD");
        commands.part(&self.name);
        if maxlen > 0 {
            commands.part(b"MAXLEN");
            commands.part(if self.config.stream_maxlen_exact { b"=" } else { b"~" });
            commands.number(self.config.stream_maxlen);
        }
        commands.part(b"*");
        if let Some(key) = key {
            commands.part(self.config.key_field.as_bytes());
            commands.part(key);
        }
        if self.config.value_format == ValueFormat::Field {
            commands.part(self.config.value_field.as_bytes());
            commands.part(value);
        }
        fields(&members, commands);
        for (name, value) in headers() {
            commands.part(format!("header.{name}").as_bytes());
            commands.part(value.unwrap_or_default());
        }
        Ok(())
    }
}

/// Writes members as names and values: text as it is, everything else as JSON.
fn fields(members: &Map<String, Value>, commands: &mut Commands) {
    for (name, value) in members {
        commands.part(name.as_bytes());
        match value {
            Value::String(text) => commands.part(text.as_bytes()),
            other => commands.part(other.to_string().as_bytes()),
        }
    }
}

fn object(row: &Row<'_>, value: &[u8]) -> Result<Map<String, Value>, Rejection> {
    match serde_json::from_slice::<Map<String, Value>>(value) {
        Ok(members) if members.is_empty() => {
            Err(row.reject("no-fields", "the value is an empty object, and an entry needs a field"))
        }
        Ok(members) => Ok(members),
        Err(error) => Err(row.reject("not-an-object", format!("the value is no JSON object: {error}"))),
    }
}

fn fill(template: &Template, row: &Row<'_>, out: &mut Vec<u8>) -> Result<(), Rejection> {
    out.clear();
    template.fill(row, out, |bytes, out| out.extend_from_slice(bytes)).map_err(|missing| {
        let code = format!("no-{}", missing.to_string().split('.').next().unwrap_or_default());
        row.reject(code, format!("the row has no {missing} to be named by"))
    })
}
