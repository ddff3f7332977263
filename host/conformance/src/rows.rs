//! Rows for sinks, ordinary and odd.

use wharf_core::batch::Origin;
use wharf_core::{Batch, Column, Delivery, Format, Headers, Operation, Schema};

/// A batch as it comes out of partition 0 of a topic, the first row at `position`.
pub(crate) fn deliver(topic: &str, position: i64, batch: Batch) -> Delivery {
    let rows = i64::from(batch.rows);
    let origins =
        if rows == 0 { Vec::new() } else { vec![Origin { first_row: 0, topic: topic.to_owned(), partition: 0 }] };
    Delivery { batch, origins, positions: (position..position.saturating_add(rows)).collect() }
}

/// A column of these cells.
pub(crate) fn column(cells: &[Option<&[u8]>]) -> Column {
    cells.iter().copied().collect()
}

/// Rows with these values and no more.
pub(crate) fn values(cells: &[Option<&[u8]>]) -> Batch {
    Batch { rows: cells.len() as u32, values: column(cells), ..Batch::default() }
}

/// Rows with a key, a short text and a timestamp.
pub(crate) fn ordinary(topic: &str, position: i64, rows: u32) -> Delivery {
    let texts: Vec<String> = (0..rows).map(|row| format!("row {row}")).collect();
    let cells: Vec<Option<&[u8]>> = texts.iter().map(|text| Some(text.as_bytes())).collect();
    let timestamps = (0..rows).map(|row| 1_700_000_000_000 + i64::from(row)).collect();
    deliver(topic, position, Batch { keys: column(&cells), timestamps, ..values(&cells) })
}

/// One row without headers, one with several: an empty one, one without a value, one name twice, one that is binary.
pub(crate) fn headers() -> Batch {
    let cells = column(&[Some(b"a"), Some(b""), None, Some(&[0xff, 0x00])]);
    let names = vec!["trace".to_owned(), "empty".to_owned(), "ünïcode".to_owned()];
    let headers = Headers { row_ends: vec![0, 4], names, name_of: vec![0, 1, 2, 0], cells };
    Batch { headers, ..values(&[Some(b"none"), Some(b"many")]) }
}

/// Every operation, every sort of timestamp, a schema on one row.
pub(crate) fn details() -> Batch {
    let all =
        [Operation::Unknown, Operation::Create, Operation::Update, Operation::Delete, Operation::Snapshot].to_vec();
    let schema = Schema {
        id: "s".to_owned(),
        version: Some(1),
        language: "json-schema".to_owned(),
        definition: r#"{"type":"object"}"#.to_owned(),
    };
    let none = Batch::NO_SCHEMA;
    let json: &[u8] = br#"{"a":1}"#;
    Batch {
        value_format: Format::Json,
        operations: all,
        timestamps: vec![0, -1, i64::MAX, i64::MIN, 1_700_000_000_000],
        schemas: vec![schema],
        value_schema_of: vec![none, 0, none, 0, none],
        ..values(&[Some(json), Some(json), Some(json), Some(json), Some(json)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_deliveries_fit() {
        for batch in [headers(), details(), values(&[]), values(&[None, Some(b"")])] {
            assert_eq!(deliver("t", 7, batch).check(), Ok(()));
        }
        assert_eq!(ordinary("t", 0, 3).check(), Ok(()));
    }
}
