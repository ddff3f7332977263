//! Where a source stands, and where a queue stands.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};

/// Where in the outside system a source stands.
///
/// Both are JSON objects in text, so that people can read and change them: partition `{"filename":"/var/log/app"}`,
/// offset `{"position":4096}`. Two partitions are the same when their [`canonical`] texts are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceOffset {
    /// The part of the outside system: a file, a table, a shard.
    pub partition: String,
    /// How far that part was read.
    pub offset: String,
}

/// Once `row` and all earlier rows of the same source partition are safe, `at` may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The row of the batch that the checkpoint is behind.
    pub row: u32,
    /// What may be stored.
    pub at: SourceOffset,
}

/// A place in the queue: the next row to read from `partition` of `topic` is at `position`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TopicPosition {
    /// The topic.
    pub topic: String,
    /// The partition of the topic.
    pub partition: u32,
    /// The position of the next row to read.
    pub position: i64,
}

/// The text of a JSON object with its keys sorted and no white space, so that equal objects have equal texts; `None`
/// when `text` is no JSON object.
///
/// ```
/// use wharf_core::offset::canonical;
/// assert_eq!(canonical(r#"{ "b": 1, "a": "x" }"#).as_deref(), Some(r#"{"a":"x","b":1}"#));
/// assert_eq!(canonical("[1]"), None);
/// ```
pub fn canonical(text: &str) -> Option<String> {
    // serde_json's map is sorted by key: the `preserve_order` feature must stay off.
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    if !object.values().any(holds_fraction) {
        return serde_json::to_string(&object).ok();
    }
    exact(serde_json::from_str(text).ok()?).and_then(|object| serde_json::to_string(&object).ok())
}

/// Whether there is a number in it that is no integer.
fn holds_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(holds_fraction),
        Value::Object(object) => object.values().any(holds_fraction),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Reads such numbers once more, with the standard library: what serde_json makes of one may lie a bit beside it, and the
/// text of that a bit beside again, so that a text would not be the canonical text of itself. Whoever calls has read the
/// text as a [`Value`] before, which bounds how deep it is.
fn exact(raw: &RawValue) -> Option<Value> {
    let text = raw.get().trim();
    match text.as_bytes().first()? {
        b'{' => {
            let object: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            let members = object.into_iter().map(|(key, raw)| Some((key, exact(raw)?)));
            members.collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        b'[' => {
            let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            items.into_iter().map(exact).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        _ => match serde_json::from_str(text).ok()? {
            Value::Number(number) if number.is_f64() => Number::from_f64(text.parse().ok()?).map(Value::Number),
            value => Some(value),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            let object = btree_map(any::<String>(), inner.clone(), 0..4);
            prop_oneof![vec(inner, 0..4).prop_map(Value::from), object.prop_map(Value::from_iter),]
        })
    }

    #[test]
    fn a_fraction_keeps_its_text_once_it_is_canonical() {
        for number in
            ["6.934698245112694e276", "8.383658838626809e-78", "-2.693554001703998e265", "0.1", "-0.0", "1e308"]
        {
            let text = canonical(&format!(r#"{{ "in": [ {{"a" : {number} }} ] }}"#)).unwrap();
            assert_eq!(canonical(&text), Some(text.clone()));
            let exact: f64 = number.parse().unwrap();
            let shown = text.trim_start_matches(r#"{"in":[{"a":"#).trim_end_matches("}]}");
            assert_eq!(shown.parse::<f64>().unwrap().to_bits(), exact.to_bits(), "{number}: {text}");
        }
        assert_eq!(canonical(r#"{"a":1e999}"#), None);
    }

    proptest! {
        #[test]
        fn any_fraction_keeps_its_text_once_it_is_canonical(number in any::<f64>().prop_filter("JSON", |it| it.is_finite())) {
            let text = canonical(&format!(r#"{{"a":{number:e}}}"#)).unwrap();
            prop_assert_eq!(canonical(&text), Some(text.clone()));
        }

        #[test]
        fn equal_objects_have_one_text_however_they_are_spelled(entries in btree_map(any::<String>(), value(), 0..5)) {
            // Turned round and spread out.
            let spelled = entries.iter().rev().map(|(key, value)| {
                format!("\n {} :\t{}", serde_json::json!(key), serde_json::to_string_pretty(value).unwrap())
            });
            let spelled = format!(" {{{}}} ", spelled.collect::<Vec<_>>().join(" ,"));
            let plain = serde_json::to_string(&Value::from_iter(entries)).unwrap();
            let text = canonical(&spelled);
            prop_assert_eq!(&text, &canonical(&plain));
            prop_assert_eq!(canonical(text.as_deref().unwrap()), text.clone());
            let again: Value = serde_json::from_str(&text.unwrap()).unwrap();
            prop_assert_eq!(again, serde_json::from_str::<Value>(&plain).unwrap());
        }

        #[test]
        fn what_is_no_object_has_no_canonical_text(value in value(), garbage in any::<String>()) {
            prop_assert_eq!(canonical(&value.to_string()).is_some(), value.is_object());
            let is_object = serde_json::from_str::<Value>(&garbage).is_ok_and(|value| value.is_object());
            prop_assert_eq!(canonical(&garbage).is_some(), is_object);
        }
    }
}
