//! A record as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use wharf_core::Delivery;

/// One record as JSON shows it. Keys and values are strings where they are UTF-8, else `{"base64":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Record {
    /// The partition of the topic; absent where a source has yet to send it and does not say which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<u32>,
    /// The place in the partition; absent where it has yet to be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<i64>,
    /// Milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<Cell>,
    /// The value.
    pub value: Option<Cell>,
    /// Headers in the order they came.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<Header>,
}

/// One header of a [`Record`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RecordHeader)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<Cell>,
}

/// Bytes as JSON shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = Bytes)]
#[serde(untagged)]
pub enum Cell {
    /// UTF-8.
    Text(String),
    /// Anything else.
    Binary {
        /// The bytes in base64 with padding.
        base64: String,
    },
    /// Not shown.
    Size {
        /// How many bytes there are.
        bytes: usize,
    },
}

impl Record {
    /// Row `row` of a delivery from `partition`.
    pub fn new(delivery: &Delivery, row: usize, partition: u32) -> Self {
        let batch = &delivery.batch;
        let headers = &batch.headers;
        let begin = row.checked_sub(1).and_then(|before| headers.row_ends.get(before)).copied().unwrap_or(0);
        let end = headers.row_ends.get(row).copied().unwrap_or(0);
        let header = |index: u32| {
            let index = index as usize;
            let name = headers.name_of.get(index).and_then(|&name| headers.names.get(usize::from(name)));
            name.map(|name| Header { name: name.clone(), value: headers.cells.cell(index).map(Cell::new) })
        };
        Self {
            partition: Some(partition),
            position: Some(delivery.positions.get(row).copied().unwrap_or_default()),
            timestamp: batch.timestamps.get(row).copied(),
            key: batch.keys.cell(row).map(Cell::new),
            value: batch.values.cell(row).map(Cell::new),
            headers: (begin..end).filter_map(header).collect(),
        }
    }
}

impl Cell {
    /// Bytes that are shown.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Binary { base64: STANDARD.encode(bytes) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_are_shown_in_padded_base64() {
        let shown = [&b"\xff"[..], b"\xff\xfe", b"\xff\xfe\xfd", b"text"].map(Cell::new);
        let base64 = |base64: &str| Cell::Binary { base64: base64.to_owned() };
        assert_eq!(shown, [base64("/w=="), base64("//4="), base64("//79"), Cell::Text("text".to_owned())]);
    }
}
