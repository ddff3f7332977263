//! Rows that go out in one request.

use std::ops::Range;

use serde::de::IgnoredAny;
use wharf_sdk::{Rejection, Row};

use crate::config::{BatchFormat, ValueFormat};

/// Where a request goes, and how: rows that agree in all of it can share one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) method: String,
    pub(crate) url: String,
    /// Names, and values as rows filled them.
    pub(crate) headers: Vec<(String, String)>,
}

/// Rows that go out in one request.
#[derive(Debug)]
pub(crate) struct Group {
    format: BatchFormat,
    value_format: ValueFormat,
    pub(crate) address: Address,
    /// The rows' numbers in the delivery.
    rows: Vec<u32>,
    /// Their values, one after the other, and where each ends.
    data: Vec<u8>,
    ends: Vec<usize>,
    body: Vec<u8>,
}

impl Group {
    pub(crate) fn new(format: BatchFormat, value_format: ValueFormat) -> Self {
        Self {
            format,
            value_format,
            address: Address::default(),
            rows: Vec::new(),
            data: Vec::new(),
            ends: Vec::new(),
            body: Vec::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The bytes of the values so far.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn clear(&mut self) {
        self.rows.clear();
        self.data.clear();
        self.ends.clear();
    }

    /// The number of the row at a place in the group.
    pub(crate) fn row(&self, at: usize) -> Option<u32> {
        self.rows.get(at).copied()
    }

    /// Adds a row, whose value must be what the format is made of.
    pub(crate) fn push(&mut self, row: &Row<'_>) -> Result<(), Rejection> {
        let value = row.value().unwrap_or_default();
        match (self.format, self.value_format) {
            (BatchFormat::None, _) => self.data.extend_from_slice(value),
            (_, ValueFormat::Json) => {
                let checked = serde_json::from_slice::<IgnoredAny>(value);
                checked.map_err(|error| row.reject("not-json", format!("the value is no JSON: {error}")))?;
                // Between its parts JSON may have line ends, within its strings none: a space is the same.
                let one_line =
                    value.trim_ascii().iter().map(|&byte| if byte == b'\n' || byte == b'\r' { b' ' } else { byte });
                self.data.extend(one_line);
            }
            (_, ValueFormat::Text) => {
                let text = std::str::from_utf8(value);
                let text = text.map_err(|error| row.reject("not-text", format!("the value is no UTF-8: {error}")))?;
                let before = self.data.len();
                if let Err(error) = serde_json::to_writer(&mut self.data, text) {
                    self.data.truncate(before);
                    return Err(row.reject("not-text", error.to_string()));
                }
            }
        }
        self.push_empty(row.index());
        Ok(())
    }

    /// Adds a row of which nothing is sent.
    pub(crate) fn push_empty(&mut self, row: u32) {
        self.rows.push(row);
        self.ends.push(self.data.len());
    }

    /// The body of a request with the rows at these places.
    pub(crate) fn body(&mut self, places: Range<usize>) -> &[u8] {
        let begin = places.start.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        let ends = self.ends.get(places).unwrap_or_default();
        if self.format == BatchFormat::None {
            return self.data.get(begin..ends.last().copied().unwrap_or(begin)).unwrap_or_default();
        }
        let is_array = self.format == BatchFormat::JsonArray;
        self.body.clear();
        if is_array {
            self.body.push(b'[');
        }
        let mut from = begin;
        for (at, &end) in ends.iter().enumerate() {
            if at > 0 && is_array {
                self.body.push(b',');
            }
            self.body.extend_from_slice(self.data.get(from..end).unwrap_or_default());
            if !is_array {
                self.body.push(b'\n');
            }
            from = end;
        }
        if is_array {
            self.body.push(b']');
        }
        &self.body
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_sdk::{BatchBuilder, Delivery, Limits};

    use super::*;

    fn group(format: BatchFormat, value_format: ValueFormat, values: &[&[u8]]) -> (Group, Vec<Rejection>) {
        let limits = Limits { max_rows: 100, max_bytes: 10_000, max_wait: Duration::ZERO };
        let mut batch = BatchBuilder::new(limits);
        for value in values {
            batch.push(value);
        }
        let delivery = Delivery { batch: batch.finish().unwrap(), ..Delivery::default() };
        let mut group = Group::new(format, value_format);
        let rejections = delivery.rows().filter_map(|row| group.push(&row).err()).collect();
        (group, rejections)
    }

    #[test]
    fn values_are_put_together_and_bad_ones_left_out() {
        let values: [&[u8]; 4] = [b" {\"a\":\n1}\n", b"nope", b"2", b"\"x\""];
        let (mut array, rejections) = group(BatchFormat::JsonArray, ValueFormat::Json, &values);
        assert_eq!(array.body(0..3), b"[{\"a\": 1},2,\"x\"]");
        assert_eq!((rejections.len(), rejections[0].row, rejections[0].code.as_str()), (1, 1, "not-json"));
        assert_eq!(array.body(1..2), b"[2]");
        assert_eq!(array.row(1), Some(2));
        let (mut lines, _) = group(BatchFormat::NdJson, ValueFormat::Json, &values);
        assert_eq!(lines.body(0..3), b"{\"a\": 1}\n2\n\"x\"\n");
        assert_eq!(lines.body(2..3), b"\"x\"\n");
    }

    #[test]
    fn text_becomes_json_strings_and_a_single_value_stays_as_it_is() {
        let values: [&[u8]; 3] = [b"a\"\n", b"\xff", "ü".as_bytes()];
        let (mut text, rejections) = group(BatchFormat::JsonArray, ValueFormat::Text, &values);
        assert_eq!(text.body(0..2), "[\"a\\\"\\n\",\"ü\"]".as_bytes());
        assert_eq!(rejections[0].code, "not-text");
        let (mut raw, rejections) = group(BatchFormat::None, ValueFormat::Json, &values);
        assert_eq!((raw.body(1..2), rejections.len()), (&b"\xff"[..], 0));
    }
}
