//! JSON. Numbers keep their spelling, which `serde_json::Value` would lose.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Wrong;
use super::node::{Node, Value, line_of};

/// So deep that nobody writes it, and shallow enough for any stack.
const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<Node, Wrong> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
        let line = error.line().max(1);
        Wrong::at(line, format!("it is no JSON: {}", message(&error)))
    })?;
    node(text, raw.get(), 0)
}

/// Without the place, which is told in another way.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn node(text: &str, raw: &str, depth: usize) -> Result<Node, Wrong> {
    // `raw` is a part of `text`, so that its place there is the distance of the two.
    let line = line_of(text, (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize));
    let unreadable = |error: serde_json::Error| Wrong::at(line, format!("it is no JSON: {}", message(&error)));
    if depth > MAX_DEPTH {
        return Err(Wrong::at(line, "it is nested too deeply"));
    }
    let value = match raw.as_bytes().first() {
        Some(b'{') => {
            let Entries(entries) = serde_json::from_str(raw).map_err(unreadable)?;
            let node = |(key, raw): (String, &RawValue)| Ok((key, node(text, raw.get(), depth + 1)?));
            Value::Map(entries.into_iter().map(node).collect::<Result<_, _>>()?)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw).map_err(unreadable)?;
            Value::List(items.into_iter().map(|raw| node(text, raw.get(), depth + 1)).collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(raw).map_err(unreadable)?),
        _ if raw == "null" => Value::Null,
        _ => Value::Text(raw.to_owned()),
    };
    Ok(Node::new(line, value))
}

/// The entries of an object, also those whose key stands there twice.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(All)
    }
}
