//! A batch seen row by row, borrowed: no cell is copied and nothing is allocated.

use std::iter::FusedIterator;

use super::column::Cells;
use super::{Batch, Headers, Operation};

/// One row of a [`Batch`].
#[derive(Debug, Clone)]
pub struct Row<'a> {
    /// Its number in the batch, from 0.
    pub index: u32,
    /// Its key; `None`: it has none.
    pub key: Option<&'a [u8]>,
    /// Its value; `None`: it has none (a tombstone).
    pub value: Option<&'a [u8]>,
    /// Its headers in order, as name and value. Cloning is cheap, so a row can be walked more than once.
    pub headers: RowHeaders<'a>,
    /// Milliseconds since 1970; `None`: not stamped yet.
    pub timestamp: Option<i64>,
    /// The topic that the batch names for it; `None`: the connector's configured topic.
    pub topic: Option<&'a str>,
    /// The partition wanted; `None`: the queue chooses.
    pub partition: Option<i32>,
    /// What happened to the thing that the row describes.
    pub operation: Operation,
}

/// The headers of one row: pairs of name and value, `None` for a header without a value.
#[derive(Debug, Clone)]
pub struct RowHeaders<'a> {
    headers: &'a Headers,
    at: usize,
    end: usize,
    /// The first entry of `headers.cells.absent` that is not before `at`.
    absent: usize,
}

impl<'a> Iterator for RowHeaders<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let name = self.headers.names.get(usize::from(*self.headers.name_of.get(self.at)?))?;
        let cells = &self.headers.cells;
        let value = if cells.absent.get(self.absent).is_some_and(|&at| at as usize == self.at) {
            self.absent += 1;
            None
        } else {
            cells.range(self.at).and_then(|range| cells.data.get(range))
        };
        self.at += 1;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // In a batch that was not checked a name may be missing, which ends the walk early.
        (0, Some(self.end.saturating_sub(self.at)))
    }
}

impl FusedIterator for RowHeaders<'_> {}

/// An iterator over the rows of a [`Batch`]; see [`Batch::iter`].
#[derive(Debug, Clone)]
pub struct Rows<'a> {
    batch: &'a Batch,
    row: u32,
    keys: Cells<'a>,
    values: Cells<'a>,
    header: usize,
    absent_header: usize,
}

impl<'a> Rows<'a> {
    fn headers(&mut self, row: usize) -> RowHeaders<'a> {
        let headers = &self.batch.headers;
        let end = headers.row_ends.get(row).map_or(self.header, |&end| end as usize);
        let of_row = RowHeaders { headers, at: self.header, end, absent: self.absent_header };
        while headers.cells.absent.get(self.absent_header).is_some_and(|&at| (at as usize) < end) {
            self.absent_header += 1;
        }
        self.header = end;
        of_row
    }
}

impl<'a> Iterator for Rows<'a> {
    type Item = Row<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.row >= self.batch.rows {
            return None;
        }
        let index = self.row;
        self.row += 1;
        let headers = self.headers(index as usize);
        Some(self.batch.assemble(index, self.keys.next().flatten(), self.values.next().flatten(), headers))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.batch.rows - self.row) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Rows<'_> {}
impl FusedIterator for Rows<'_> {}

impl<'a> IntoIterator for &'a Batch {
    type Item = Row<'a>;
    type IntoIter = Rows<'a>;

    fn into_iter(self) -> Rows<'a> {
        self.iter()
    }
}

impl Batch {
    /// All rows in order, in one pass over the columns.
    ///
    /// ```
    /// use wharf_core::{Batch, Column};
    /// let values: Column = [Some(b"one".as_slice()), None].into_iter().collect();
    /// let batch = Batch { rows: 2, values, ..Batch::default() };
    /// let seen: Vec<_> = batch.iter().map(|row| (row.index, row.value)).collect();
    /// assert_eq!(seen, [(0, Some(b"one".as_slice())), (1, None)]);
    /// ```
    pub fn iter(&self) -> Rows<'_> {
        let (keys, values) = (self.keys.cells(), self.values.cells());
        Rows { batch: self, row: 0, keys, values, header: 0, absent_header: 0 }
    }

    /// Row `index`, or `None` past the end. For a walk over all rows use [`Batch::iter`], which searches nothing.
    pub fn row(&self, index: u32) -> Option<Row<'_>> {
        if index >= self.rows {
            return None;
        }
        let row = index as usize;
        let headers = &self.headers;
        let at = row.checked_sub(1).and_then(|before| headers.row_ends.get(before)).map_or(0, |&end| end as usize);
        let end = headers.row_ends.get(row).map_or(at, |&end| end as usize);
        let absent = headers.cells.absent.partition_point(|&header| (header as usize) < at);
        let headers = RowHeaders { headers, at, end, absent };
        Some(self.assemble(index, self.keys.cell(row), self.values.cell(row), headers))
    }

    fn assemble<'a>(
        &'a self,
        index: u32,
        key: Option<&'a [u8]>,
        value: Option<&'a [u8]>,
        headers: RowHeaders<'a>,
    ) -> Row<'a> {
        let row = index as usize;
        Row {
            index,
            key,
            value,
            headers,
            timestamp: self.timestamps.get(row).copied(),
            topic: self.topic_for(index, None),
            partition: self.partitions.get(row).copied().filter(|&partition| partition >= 0),
            operation: self.operations.get(row).copied().unwrap_or_default(),
        }
    }

    /// Where `row` goes: the topic that the batch names for it, or else `default`.
    pub fn topic_for<'a>(&'a self, row: u32, default: Option<&'a str>) -> Option<&'a str> {
        let index = self.topic_of.get(row as usize).copied().map_or(0, usize::from);
        self.topics.get(index).map(String::as_str).or(default)
    }

    /// How many bytes the keys, values and header values hold. Needs no walk over the rows; names of headers and the
    /// columns of fixed size are not counted.
    pub fn payload_bytes(&self) -> usize {
        self.keys.data.len() + self.values.data.len() + self.headers.cells.data.len()
    }
}
