//! Where a source stands in the outside system, and where a sink stands in the queue.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::failure::Failure;
use crate::host;

/// Where in the outside system a source stands: which part of it (`partition`), and how far (`offset`).
///
/// Both are JSON objects, so that an operator can read and change them over REST. They are kept with their keys sorted
/// and without white space, so that equal objects have equal texts.
///
/// ```
/// use wharf_sdk::{SourceOffset, json};
/// let at = SourceOffset::new(json!({"filename": "/var/log/app"}), json!({"position": 4096}))?;
/// assert_eq!(at.partition, r#"{"filename":"/var/log/app"}"#);
/// assert_eq!(at.offset, r#"{"position":4096}"#);
/// # Ok::<(), wharf_sdk::Failure>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceOffset {
    /// The part of the outside system: a file, a table, a shard.
    pub partition: String,
    /// How far that part was read. Empty only in [`Source::alter`](crate::Source::alter): forget the offset.
    pub offset: String,
}

impl SourceOffset {
    /// Makes an offset of two values that serialise to JSON objects: structs, maps or `json!({…})`.
    ///
    /// # Errors
    /// Fatal when one of them is not an object.
    pub fn new(partition: impl Serialize, offset: impl Serialize) -> Result<Self, Failure> {
        Ok(Self { partition: canonical(partition, "partition")?, offset: canonical(offset, "offset")? })
    }

    /// Reads `offset` as a value of the author's own type; `None` where it is empty, which asks to forget it.
    ///
    /// # Errors
    /// The reason, when the text has another shape. In [`Source::alter`](crate::Source::alter) hand it on with `?`.
    pub fn read<O: DeserializeOwned>(&self) -> Result<Option<O>, String> {
        if self.offset.trim().is_empty() {
            return Ok(None);
        }
        serde_json::from_str(&self.offset)
            .map(Some)
            .map_err(|error| format!("the offset {} of {} has the wrong shape: {error}", self.offset, self.partition))
    }
}

/// The canonical text of a JSON object.
pub(crate) fn canonical(value: impl Serialize, what: &str) -> Result<String, Failure> {
    // Going through `Value` sorts the keys: its map is ordered.
    match serde_json::to_value(value) {
        Ok(object @ Value::Object(_)) => Ok(object.to_string()),
        Ok(other) => Err(Failure::fatal(format!("a source {what} must be a JSON object, not {other}"))),
        Err(error) => Err(Failure::fatal(format!("cannot write a source {what} as JSON: {error}"))),
    }
}

/// The stored offset of one source partition, or `None` where nothing is stored: where to go on reading. Call it in
/// [`Source::start`](crate::Source::start).
///
/// # Errors
/// Fatal when `partition` is no JSON object or what is stored does not have the shape of `O`.
pub fn stored_offset<O: DeserializeOwned>(partition: impl Serialize) -> Result<Option<O>, Failure> {
    Ok(stored_offsets(&[partition])?.pop().flatten())
}

/// The stored offsets of several source partitions, in their order, asked of the host in one call.
///
/// # Errors
/// Fatal when a partition is no JSON object or what is stored does not have the shape of `O`.
pub fn stored_offsets<P: Serialize, O: DeserializeOwned>(partitions: &[P]) -> Result<Vec<Option<O>>, Failure> {
    let partitions = partitions.iter().map(|one| canonical(one, "partition")).collect::<Result<Vec<_>, _>>()?;
    let stored = host::current().offsets(&partitions);
    let with_partition = partitions.into_iter().zip(stored.into_iter().chain(std::iter::repeat(None)));
    with_partition
        .map(|(partition, offset)| {
            let at = SourceOffset { partition, offset: offset.unwrap_or_default() };
            at.read().map_err(|reason| Failure::fatal(format!("stored offset: {reason}; alter or reset it")))
        })
        .collect()
}

/// Once `row` and all earlier rows of the same source partition are safe in the queue, `at` may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The row of the batch that the checkpoint is behind.
    pub row: u32,
    /// What may be stored.
    pub at: SourceOffset,
}

/// A place in the queue: the next row to read from `partition` of `topic` is at `position`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TopicPosition {
    /// The topic.
    pub topic: String,
    /// The partition of the topic.
    pub partition: u32,
    /// The position of the next row to read.
    pub position: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn keys_are_sorted_and_white_space_is_gone() {
        let at = SourceOffset::new(json!({"b": 1, "a": {"d": 1, "c": 2}}), json!({"n": 7})).unwrap();
        assert_eq!(at.partition, r#"{"a":{"c":2,"d":1},"b":1}"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        let refused = SourceOffset::new(json!({}), json!(7)).unwrap_err();
        assert_eq!(refused, Failure::Fatal("a source offset must be a JSON object, not 7".into()));
    }

    #[test]
    fn an_empty_offset_reads_as_none_and_a_wrong_one_is_named() {
        #[derive(Debug, serde::Deserialize, PartialEq)]
        struct At {
            position: u64,
        }
        let mut at = SourceOffset::new(json!({"f": "x"}), json!({"position": 5})).unwrap();
        assert_eq!(at.read(), Ok(Some(At { position: 5 })));
        at.offset = String::new();
        assert_eq!(at.read::<At>(), Ok(None));
        at.offset = r#"{"position":"far"}"#.into();
        let error = at.read::<At>().unwrap_err();
        assert!(error.contains(r#"{"position":"far"}"#) && error.contains(r#"{"f":"x"}"#), "{error}");
    }
}
