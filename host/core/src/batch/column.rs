//! A column of cells of variable size.

use bytes::{Bytes, BytesMut};

/// Cells one after the other: cell `i` is `data[ends[i - 1]..ends[i]]`.
///
/// `absent` names, ascending, the rows whose cell is missing rather than empty. With `ends` empty the column is missing
/// as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// All cells.
    pub data: Bytes,
    /// Where each cell ends in `data`.
    pub ends: Vec<u32>,
    /// Rows without a cell.
    pub absent: Vec<u32>,
}

impl Column {
    /// A column that is missing as a whole.
    pub fn missing() -> Self {
        Self::default()
    }

    /// Whether the column is missing as a whole.
    pub fn is_missing(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many cells there are, absent ones counted; 0 when the column is missing.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Where cell `row` lies in `data`; `None` past the end or in a column that does not pass [`super::Batch::check`].
    pub fn range(&self, row: usize) -> Option<std::ops::Range<usize>> {
        let end = usize::try_from(*self.ends.get(row)?).ok()?;
        let begin = match row.checked_sub(1) {
            Some(previous) => usize::try_from(*self.ends.get(previous)?).ok()?,
            None => 0,
        };
        (begin <= end && end <= self.data.len()).then_some(begin..end)
    }

    /// The cell of `row`, or `None` where it is absent. For a walk over all rows use [`Column::cells`].
    pub fn cell(&self, row: usize) -> Option<&[u8]> {
        let at = u32::try_from(row).ok()?;
        if self.absent.binary_search(&at).is_ok() {
            return None;
        }
        self.data.get(self.range(row)?)
    }

    /// All cells in order, `None` for the absent ones.
    pub fn cells(&self) -> Cells<'_> {
        Cells { column: self, row: 0, absent: 0, begin: 0 }
    }
}

/// An iterator over the cells of a [`Column`].
#[derive(Debug, Clone)]
pub struct Cells<'a> {
    column: &'a Column,
    row: usize,
    absent: usize,
    begin: usize,
}

impl<'a> Iterator for Cells<'a> {
    type Item = Option<&'a [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = *self.column.ends.get(self.row)? as usize;
        let cell = self.column.data.get(self.begin..end);
        self.begin = end;
        let is_absent = self.column.absent.get(self.absent).is_some_and(|&row| row as usize == self.row);
        self.row += 1;
        if is_absent {
            self.absent += 1;
            return Some(None);
        }
        Some(cell)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.column.ends.len().saturating_sub(self.row);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Cells<'_> {}

/// Builds a [`Column`] cell by cell. A column may hold at most `u32::MAX` bytes; callers bound batches far below that.
#[derive(Debug, Default)]
pub struct ColumnBuilder {
    data: BytesMut,
    ends: Vec<u32>,
    absent: Vec<u32>,
}

impl ColumnBuilder {
    /// Room for `rows` cells of `bytes` in all.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { data: BytesMut::with_capacity(bytes), ends: Vec::with_capacity(rows), absent: Vec::new() }
    }

    /// Adds a cell, or an absent one.
    pub fn push(&mut self, cell: Option<&[u8]>) {
        match cell {
            Some(bytes) => self.data.extend_from_slice(bytes),
            None => self.absent.push(self.ends.len() as u32),
        }
        self.ends.push(self.data.len() as u32);
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no cell yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The column. When every cell is absent it is missing as a whole.
    pub fn finish(self) -> Column {
        if self.absent.len() == self.ends.len() {
            return Column::missing();
        }
        Column { data: self.data.freeze(), ends: self.ends, absent: self.absent }
    }
}

impl<'a> FromIterator<Option<&'a [u8]>> for Column {
    fn from_iter<I: IntoIterator<Item = Option<&'a [u8]>>>(cells: I) -> Self {
        let mut builder = ColumnBuilder::default();
        cells.into_iter().for_each(|cell| builder.push(cell));
        builder.finish()
    }
}
