//! Where a source stands, and where a queue stands.

use serde::{Deserialize, Serialize};

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
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    serde_json::to_string(&object).ok()
}
