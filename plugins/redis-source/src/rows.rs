//! An entry of a stream as a row.

use redis_client::Value;
use wharf_sdk::{BatchBuilder, encode};

use crate::config::{Config, ValueFormat};
use crate::id::Id;

/// How entries become rows.
#[derive(Debug)]
pub(crate) struct Shape {
    format: ValueFormat,
    value_field: String,
    key_field: Option<String>,
    /// The value of the row that is made, so that there is one buffer for all.
    json: Vec<u8>,
    id: String,
}

impl Shape {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            format: config.value_format,
            value_field: config.value_field.clone(),
            key_field: config.key_field.clone(),
            json: Vec::new(),
            id: String::new(),
        }
    }

    /// Whether the values are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == ValueFormat::Json
    }

    /// Pushes an entry as a row, if there is room; otherwise `false`.
    pub(crate) fn push(
        &mut self,
        batch: &mut BatchBuilder,
        stream: &str,
        topic: &str,
        id: Id,
        fields: &[Value<'_>],
    ) -> bool {
        let find = |name: &str| {
            let mut pairs = fields.chunks_exact(2);
            pairs.find_map(|pair| match pair {
                [field, value] if field.bytes() == Some(name.as_bytes()) => value.bytes(),
                _ => None,
            })
        };
        let key = self.key_field.as_deref().and_then(find);
        let value = match self.format {
            ValueFormat::Field => find(&self.value_field),
            ValueFormat::Json => {
                self.json.clear();
                object(fields, &mut self.json);
                Some(&*self.json)
            }
        };
        self.id.clear();
        std::fmt::Write::write_fmt(&mut self.id, format_args!("{id}")).ok();
        let bytes = value.map_or(0, <[u8]>::len) + key.map_or(0, <[u8]>::len) + stream.len() + self.id.len();
        if !batch.has_room(bytes) {
            return false;
        }
        let row = match value {
            Some(value) => batch.push(value),
            None => batch.push_absent(),
        };
        let mut row = row.topic(topic).header("redis.stream", stream.as_bytes()).header("redis.id", self.id.as_bytes());
        if let Some(key) = key {
            row = row.key(key);
        }
        if let Ok(millis) = i64::try_from(id.millis) {
            row.timestamp(millis);
        }
        true
    }
}

/// Writes fields, names and values in turn, as a JSON object.
fn object(fields: &[Value<'_>], json: &mut Vec<u8>) {
    json.push(b'{');
    for (at, pair) in fields.chunks_exact(2).enumerate() {
        let [name, value] = pair else { continue };
        if at > 0 {
            json.push(b',');
        }
        let name = String::from_utf8_lossy(name.bytes().unwrap_or_default());
        string(&name, json);
        json.push(b':');
        let value = value.bytes().unwrap_or_default();
        match std::str::from_utf8(value) {
            Ok(text) => string(text, json),
            Err(_) => {
                json.extend_from_slice(b"{\"base64\":\"");
                encode::base64(value, json);
                json.extend_from_slice(b"\"}");
            }
        }
    }
    json.push(b'}');
}

fn string(text: &str, json: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    json.push(b'"');
    for &byte in text.as_bytes() {
        match byte {
            b'"' | b'\\' => json.extend_from_slice(&[b'\\', byte]),
            b'\n' => json.extend_from_slice(b"\\n"),
            b'\r' => json.extend_from_slice(b"\\r"),
            b'\t' => json.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digit = |half: u8| HEX.get(usize::from(half)).copied().unwrap_or(b'0');
                json.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => json.push(byte),
        }
    }
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(fields: &[&[u8]]) -> String {
        let fields: Vec<_> = fields.iter().map(|bytes| Value::Bulk(bytes)).collect();
        let mut json = Vec::new();
        object(&fields, &mut json);
        String::from_utf8(json).unwrap()
    }

    #[test]
    fn fields_become_an_object() {
        assert_eq!(json(&[]), "{}");
        assert_eq!(json(&[b"a", b"1", "ü".as_bytes(), b"\"\\\n\x01"]), r#"{"a":"1","ü":"\"\\\n\u0001"}"#);
    }

    #[test]
    fn bytes_that_are_no_text_are_kept() {
        assert_eq!(json(&[b"a", b"\xff\xfe\xfd"]), r#"{"a":{"base64":"//79"}}"#);
    }
}
