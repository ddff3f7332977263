//! Which offsets an operator may store: Kafka Connect's `FileStreamSource` says the same in the same words.

use serde_json::{Map, Value};
use wharf_sdk::SourceOffset;

/// Any file may be named, because an earlier configuration of the connector may have read another.
pub(crate) fn check(at: &SourceOffset) -> Result<(), String> {
    let partition: Map<String, Value> =
        serde_json::from_str(&at.partition).map_err(|error| format!("{} is no JSON object: {error}", at.partition))?;
    if !partition.contains_key("filename") {
        return Err("Partition objects should contain the key 'filename'".to_owned());
    }
    let Some(offset) = at.read::<Map<String, Value>>()? else { return Ok(()) };
    let Some(position) = offset.get("position") else {
        return Err("Offset objects should either be null or contain the key 'position'".to_owned());
    };
    match position.as_i64() {
        Some(0..) => Ok(()),
        Some(_) => Err("The value for the 'position' key in the offset should be a non-negative value".to_owned()),
        None => Err("The value for the 'position' key in the offset is expected to be a Long value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(partition: &str, offset: &str) -> Result<(), String> {
        check(&SourceOffset { partition: partition.to_owned(), offset: offset.to_owned() })
    }

    #[test]
    fn bytes_from_the_start_of_any_file_may_be_stored_and_forgotten() {
        assert_eq!(said(r#"{"filename":"a"}"#, r#"{"position":4}"#), Ok(()));
        assert_eq!(said(r#"{"filename":"b","x":1}"#, r#"{"position":0,"y":2}"#), Ok(()));
        assert_eq!(said(r#"{"filename":"c"}"#, ""), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let file = r#"{"filename":"a"}"#;
        for (partition, offset, words) in [
            ("{}", r#"{"position":1}"#, "'filename'"),
            (file, "{}", "either be null or contain"),
            (file, r#"{"position":-1}"#, "non-negative"),
            (file, r#"{"position":"4"}"#, "a Long value"),
            (file, r#"{"position":1.5}"#, "a Long value"),
            (file, r#"{"position":null}"#, "a Long value"),
            (file, r#"{"position":99999999999999999999}"#, "a Long value"),
        ] {
            let refusal = said(partition, offset).unwrap_err();
            assert!(refusal.contains(words), "{offset}: {refusal}");
        }
    }
}
