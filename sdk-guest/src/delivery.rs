//! Rows on their way to a sink.

use crate::batch::{Batch, Headers, Operation, Schema, Walk};
use crate::failure::Rejection;

/// From `first_row` up to the next origin's, rows come from this partition of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The first row this holds for.
    pub first_row: u32,
    /// The topic.
    pub topic: String,
    /// The partition of the topic.
    pub partition: u32,
}

/// Rows for a sink; walk over them with [`Delivery::rows`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// The rows as columns.
    pub batch: Batch,
    /// Ascending by `first_row`; the first is 0.
    pub origins: Vec<Origin>,
    /// For each row its position in its partition. Empty where the queue has none.
    pub positions: Vec<i64>,
}

impl Delivery {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.batch.rows as usize
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.batch.rows == 0
    }

    /// The rows in order. Everything is borrowed from the delivery: a row costs no allocation and no copy.
    pub fn rows(&self) -> Rows<'_> {
        Rows {
            delivery: self,
            row: 0,
            keys: Walk::new(&self.batch.keys),
            values: Walk::new(&self.batch.values),
            headers: HeaderWalk {
                headers: &self.batch.headers,
                next: 0,
                end: 0,
                cells: Walk::new(&self.batch.headers.cells),
            },
            origin: 0,
        }
    }
}

impl<'a> IntoIterator for &'a Delivery {
    type Item = Row<'a>;
    type IntoIter = Rows<'a>;

    fn into_iter(self) -> Rows<'a> {
        self.rows()
    }
}

/// An iterator over the rows of a [`Delivery`]: one pass over all columns side by side.
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    delivery: &'a Delivery,
    row: u32,
    keys: Walk<'a>,
    values: Walk<'a>,
    headers: HeaderWalk<'a>,
    /// The index after the current origin's.
    origin: usize,
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    #[inline]
    fn next(&mut self) -> Option<Row<'a>> {
        if self.row >= self.delivery.batch.rows {
            return None;
        }
        let index = self.row;
        self.row += 1;
        if self.delivery.origins.get(self.origin).is_some_and(|next| next.first_row <= index) {
            self.origin += 1;
        }
        let headers = self.headers.of_row(index);
        let (key, value) = (self.keys.next_cell(), self.values.next_cell());
        Some(Row { delivery: self.delivery, index, key, value, headers, origin: self.origin })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.delivery.batch.rows.saturating_sub(self.row) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Rows<'_> {}

/// One row of a delivery.
#[derive(Debug, Clone)]
pub struct Row<'a> {
    delivery: &'a Delivery,
    index: u32,
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: HeaderWalk<'a>,
    origin: usize,
}

impl<'a> Row<'a> {
    /// Its place in the delivery, from 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The value; `None` for a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// The key; `None` where it has none.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.key
    }

    /// Its headers in order, names and values; a value may be absent.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        self.headers.clone()
    }

    /// The value of the last header of that name.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().filter(|(header, _)| *header == name).last().and_then(|(_, value)| value)
    }

    /// When it happened, in milliseconds since 1970; `None` where the queue keeps no times.
    pub fn timestamp(&self) -> Option<i64> {
        self.delivery.batch.timestamps.get(self.index as usize).copied()
    }

    /// The topic it was read from.
    pub fn topic(&self) -> &'a str {
        self.origin().map_or("", |origin| origin.topic.as_str())
    }

    /// The partition of the topic.
    pub fn partition(&self) -> u32 {
        self.origin().map_or(0, |origin| origin.partition)
    }

    /// Its position in its partition; `None` where the queue has none.
    pub fn position(&self) -> Option<i64> {
        self.delivery.positions.get(self.index as usize).copied()
    }

    /// What happened to the thing that the row describes.
    pub fn operation(&self) -> Operation {
        self.delivery.batch.operations.get(self.index as usize).copied().unwrap_or_default()
    }

    /// The schema of the key.
    pub fn key_schema(&self) -> Option<&'a Schema> {
        let of = self.delivery.batch.key_schema_of.get(self.index as usize)?;
        self.delivery.batch.schemas.get(usize::from(*of))
    }

    /// The schema of the value.
    pub fn value_schema(&self) -> Option<&'a Schema> {
        let of = self.delivery.batch.value_schema_of.get(self.index as usize)?;
        self.delivery.batch.schemas.get(usize::from(*of))
    }

    /// Says that this row cannot be taken: push it to what [`Sink::put`](crate::Sink::put) returns. `code` is short and
    /// stable, for machines (`too-large`); `reason` is for people.
    pub fn reject(&self, code: impl Into<String>, reason: impl Into<String>) -> Rejection {
        Rejection { row: self.index, code: code.into(), reason: reason.into() }
    }

    fn origin(&self) -> Option<&'a Origin> {
        self.delivery.origins.get(self.origin.checked_sub(1)?)
    }
}

/// A walk over headers: from `next` to `end` are those of the current row.
#[derive(Debug, Clone)]
struct HeaderWalk<'a> {
    headers: &'a Headers,
    next: u32,
    end: u32,
    cells: Walk<'a>,
}

impl<'a> HeaderWalk<'a> {
    /// The headers of `row`; the walk goes on behind them.
    #[inline]
    fn of_row(&mut self, row: u32) -> Self {
        let Some(&end) = self.headers.row_ends.get(row as usize) else { return self.clone() };
        let row = Self { end, ..self.clone() };
        while self.next < end {
            self.cells.next_cell();
            self.next += 1;
        }
        self.end = end;
        row
    }
}

impl<'a> Iterator for HeaderWalk<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let name = self.headers.name_of.get(self.next as usize).and_then(|&of| self.headers.names.get(usize::from(of)));
        self.next += 1;
        Some((name.map_or("", String::as_str), self.cells.next_cell()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::{BatchBuilder, Limits};
    use std::time::Duration;

    fn delivery() -> Delivery {
        let limits = Limits { max_rows: 10, max_bytes: 1000, max_wait: Duration::ZERO };
        let mut batch = BatchBuilder::new(limits);
        batch.push(b"v0").key(b"k0").header("a", b"1").header("b", b"2");
        batch.push_absent().timestamp(7);
        batch.push(b"").header("a", b"3").operation(Operation::Update);
        let origins = vec![
            Origin { first_row: 0, topic: "t".into(), partition: 0 },
            Origin { first_row: 2, topic: "u".into(), partition: 5 },
        ];
        Delivery { batch: batch.finish().unwrap(), origins, positions: vec![40, 41, 9] }
    }

    #[test]
    fn rows_show_every_column_in_one_pass() {
        let delivery = delivery();
        let rows: Vec<_> = delivery.rows().collect();
        let values: Vec<_> = rows.iter().map(Row::value).collect();
        assert_eq!(values, [Some(&b"v0"[..]), None, Some(&b""[..])]);
        let keys: Vec<_> = rows.iter().map(Row::key).collect();
        assert_eq!(keys, [Some(&b"k0"[..]), None, None]);
        let places: Vec<_> = rows.iter().map(|row| (row.topic(), row.partition(), row.position())).collect();
        assert_eq!(places, [("t", 0, Some(40)), ("t", 0, Some(41)), ("u", 5, Some(9))]);
        assert_eq!(rows[1].timestamp(), Some(7));
        assert_eq!(rows[2].operation(), Operation::Update);
    }

    #[test]
    fn each_row_has_its_own_headers() {
        let delivery = delivery();
        let headers: Vec<Vec<_>> = delivery.rows().map(|row| row.headers().collect()).collect();
        assert_eq!(headers[0], [("a", Some(&b"1"[..])), ("b", Some(&b"2"[..]))]);
        assert_eq!(headers[1], []);
        assert_eq!(headers[2], [("a", Some(&b"3"[..]))]);
        assert_eq!(delivery.rows().next().unwrap().header("b"), Some(&b"2"[..]));
    }

    #[test]
    fn a_row_is_rejected_by_its_index() {
        let delivery = delivery();
        let rejection = delivery.rows().nth(1).unwrap().reject("no-value", "a value is needed");
        assert_eq!((rejection.row, rejection.code.as_str()), (1, "no-value"));
    }

    #[test]
    fn rows_without_headers_or_origins_are_fine() {
        let delivery = Delivery { batch: Batch { rows: 2, ..Batch::default() }, ..Delivery::default() };
        for row in &delivery {
            assert_eq!((row.value(), row.headers().count(), row.topic(), row.position()), (None, 0, "", None));
        }
        assert_eq!(delivery.rows().len(), 2);
    }
}
