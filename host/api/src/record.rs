//! A record as JSON.

use serde::Serialize;
use wharf_core::Delivery;

/// One record as JSON shows it. Keys and values are strings where they are UTF-8, else `{"base64":"…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Record {
    /// The partition of the topic.
    pub partition: u32,
    /// The place in the partition.
    pub position: i64,
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
            partition,
            position: delivery.positions.get(row).copied().unwrap_or_default(),
            timestamp: batch.timestamps.get(row).copied(),
            key: batch.keys.cell(row).map(Cell::new),
            value: batch.values.cell(row).map(Cell::new),
            headers: (begin..end).filter_map(header).collect(),
        }
    }
}

impl Cell {
    fn new(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Binary { base64: base64(bytes) },
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS.get((bits >> (18 - 6 * place) & 63) as usize).copied().unwrap_or(b'=');
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        let encoded = [&b""[..], b"a", b"ab", b"abc", b"\xff\xfe\xfd\xfc"].map(base64);
        assert_eq!(encoded, ["", "YQ==", "YWI=", "YWJj", "//79/A=="]);
    }
}
