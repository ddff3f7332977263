//! A record that passed, as JSON.

use serde::Serialize;
use utoipa::ToSchema;
use wharf_core::secret::HIDDEN;
use wharf_runtime::{Direction, Passed, PassedCell};

use super::mask::Masks;
use crate::record::{Cell, Header, Record};

/// A record that passed through a task of a connector.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Inspected {
    /// The task's number.
    task: u32,
    /// `source`: from the outside system into the queue. `sink`: from the queue into the outside system.
    direction: &'static str,
    /// Its topic.
    topic: String,
    #[serde(flatten)]
    record: Record,
}

impl Inspected {
    pub(super) fn new(passed: Passed, masks: &Masks) -> Self {
        let header = |(name, value): (String, Option<PassedCell>)| {
            let value = match value {
                Some(PassedCell::Bytes(_)) if masks.hide_header(&name) => Some(Cell::Text(HIDDEN.to_owned())),
                value => value.map(|value| cell(value, masks)),
            };
            Header { name, value }
        };
        let record = Record {
            partition: passed.partition,
            position: passed.position,
            timestamp: passed.timestamp,
            key: passed.key.map(|key| cell(key, masks)),
            value: passed.value.map(|value| cell(value, masks)),
            headers: passed.headers.into_iter().map(header).collect(),
        };
        let direction = match passed.direction {
            Direction::Source => "source",
            Direction::Sink => "sink",
        };
        Self { task: passed.task, direction, topic: passed.topic, record }
    }
}

fn cell(cell: PassedCell, masks: &Masks) -> Cell {
    match cell {
        PassedCell::Size(bytes) => Cell::Size { bytes },
        PassedCell::Bytes(bytes) => masks.masked(&bytes).map_or_else(|| Cell::new(&bytes), Cell::Text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn passed() -> Passed {
        let bytes = |text: &str| Some(PassedCell::Bytes(text.as_bytes().to_vec()));
        Passed {
            task: 1,
            direction: Direction::Sink,
            topic: "t".to_owned(),
            partition: Some(2),
            position: Some(3),
            timestamp: Some(4),
            key: bytes("k"),
            value: bytes(r#"{"id":1,"password":"p"}"#),
            headers: vec![("Token".to_owned(), bytes("t")), ("h".to_owned(), None)],
        }
    }

    #[test]
    fn a_record_is_shown_as_a_topics_with_task_direction_and_topic_and_what_is_named_is_hidden() {
        let shown = serde_json::to_value(Inspected::new(passed(), &Masks::new(["password,token"]))).unwrap();
        let expected = json!({
            "task": 1, "direction": "sink", "topic": "t", "partition": 2, "position": 3, "timestamp": 4, "key": "k",
            "value": r#"{"id":1,"password":"[hidden]"}"#,
            "headers": [{"name": "Token", "value": "[hidden]"}, {"name": "h", "value": null}],
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn where_only_sizes_were_copied_sizes_are_shown() {
        let sized = |bytes| Some(PassedCell::Size(bytes));
        let headers = vec![("token".to_owned(), sized(1))];
        let passed = Passed { partition: None, position: None, key: None, value: sized(23), headers, ..passed() };
        let shown = serde_json::to_value(Inspected::new(passed, &Masks::new(["token"]))).unwrap();
        assert_eq!((&shown["key"], &shown["value"]), (&json!(null), &json!({"bytes": 23})));
        assert_eq!(shown["headers"], json!([{"name": "token", "value": {"bytes": 1}}]));
        assert!(shown.get("partition").is_none() && shown.get("position").is_none());
    }
}
