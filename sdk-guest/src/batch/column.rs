//! A column, and how one grows.

use super::Buffer;

/// Cells one after the other: cell `i` is `data[ends[i - 1]..ends[i]]`. `absent` names, ascending, the rows whose cell
/// is missing rather than empty. With `ends` empty the column is missing as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// All cells.
    pub data: Vec<u8>,
    /// Where each cell ends in `data`.
    pub ends: Vec<u32>,
    /// Rows without a cell.
    pub absent: Vec<u32>,
}

impl Column {
    /// The cell of `row`; `None` where it is absent or there is no such row. It searches: to walk over all rows use
    /// [`Delivery::rows`](crate::Delivery::rows).
    pub fn cell(&self, row: usize) -> Option<&[u8]> {
        let number = u32::try_from(row).ok()?;
        if self.absent.binary_search(&number).is_ok() {
            return None;
        }
        let begin = match row.checked_sub(1) {
            Some(before) => *self.ends.get(before)? as usize,
            None => 0,
        };
        self.data.get(begin..*self.ends.get(row)? as usize)
    }
}

/// A walk over the cells of a column in row order: one merge of cells and absent rows, without a search.
#[derive(Debug, Clone)]
pub(crate) struct Walk<'a> {
    column: &'a Column,
    row: usize,
    absent: usize,
    begin: usize,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(column: &'a Column) -> Self {
        Self { column, row: 0, absent: 0, begin: 0 }
    }

    /// The next row's cell; `None` where it is absent, or past the end.
    #[inline]
    pub(crate) fn next_cell(&mut self) -> Option<&'a [u8]> {
        let end = *self.column.ends.get(self.row)? as usize;
        let cell = self.column.data.get(self.begin..end);
        self.begin = end;
        let is_absent = self.column.absent.get(self.absent).is_some_and(|&row| row as usize == self.row);
        self.row += 1;
        if is_absent {
            self.absent += 1;
            return None;
        }
        cell
    }
}

/// A column that grows by rows. It takes no room until the first row has a cell.
#[derive(Debug, Default)]
pub(crate) struct ColumnBuilder {
    data: Buffer,
    ends: Vec<u32>,
    absent: Vec<u32>,
    /// Room to make for the first cell.
    capacity: (usize, usize),
}

impl ColumnBuilder {
    /// Room for `rows` cells of `bytes` in all, made when the first cell comes.
    pub(crate) fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self { capacity: (rows, bytes), ..Self::default() }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Gives `row` a cell made of `parts`, one after the other. Rows that were left out get none. `row` must be the
    /// last row so far or a later one.
    #[inline]
    pub(crate) fn set(&mut self, row: u32, parts: &[&[u8]]) {
        if self.ends.len() != row as usize {
            self.reach(row);
        } else if self.ends.capacity() == 0 {
            self.reserve();
        }
        for part in parts {
            self.data.push_slice(part);
        }
        self.ends.push(self.data.len() as u32);
    }

    /// Appends whole cells: `ends` are relative to `data`.
    pub(crate) fn extend(&mut self, row: u32, data: &[u8], ends: impl Iterator<Item = u32>) -> u32 {
        self.reach(row);
        let base = self.data.len() as u32;
        self.data.push_slice(data);
        let before = self.ends.len();
        self.ends.extend(ends.map(|end| base.saturating_add(end)));
        (self.ends.len() - before) as u32
    }

    /// The column for `rows` rows.
    pub(crate) fn finish(mut self, rows: u32) -> Column {
        if self.ends.len() == self.absent.len() {
            return Column::default();
        }
        self.reach(rows);
        Column { data: self.data.into_vec(), ends: self.ends, absent: self.absent }
    }

    #[cold]
    fn reserve(&mut self) {
        let (rows, bytes) = self.capacity;
        self.ends.reserve(rows);
        if self.data.is_empty() && bytes > 0 {
            self.data = Buffer::with_capacity(bytes);
        }
    }

    /// Brings the column to the point where the next cell is that of `row`: earlier rows that have none get an absent
    /// one; a cell that `row` has already is taken back.
    #[cold]
    fn reach(&mut self, row: u32) {
        if self.ends.capacity() == 0 {
            self.reserve();
        }
        while self.ends.len() < row as usize {
            self.absent.push(self.ends.len() as u32);
            self.ends.push(self.data.len() as u32);
        }
        if self.ends.len() > row as usize {
            self.ends.truncate(row as usize);
            self.data.truncate(self.ends.last().map_or(0, |&end| end as usize));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(column: &Column, rows: usize) -> Vec<Option<&[u8]>> {
        let mut walk = Walk::new(column);
        let walked: Vec<_> = (0..rows).map(|_| walk.next_cell()).collect();
        let asked: Vec<_> = (0..rows).map(|row| column.cell(row)).collect();
        assert_eq!(walked, asked, "a walk and single questions give the same");
        walked
    }

    #[test]
    fn rows_left_out_are_absent_and_empty_cells_are_not() {
        let mut builder = ColumnBuilder::default();
        builder.set(1, &[b"a", b"b"]);
        builder.set(2, &[]);
        builder.set(4, &[b"c"]);
        let column = builder.finish(6);
        assert_eq!(cells(&column, 6), [None, Some(&b"ab"[..]), Some(&b""[..]), None, Some(&b"c"[..]), None]);
        assert_eq!(column.absent, [0, 3, 5]);
        assert_eq!(column.ends, [0, 2, 2, 2, 3, 3]);
    }

    #[test]
    fn a_column_without_any_cell_is_missing_as_a_whole() {
        assert_eq!(ColumnBuilder::with_capacity(8, 8).finish(5), Column::default());
    }

    #[test]
    fn a_cell_that_is_set_twice_has_the_last_value() {
        let mut builder = ColumnBuilder::default();
        builder.set(0, &[b"one"]);
        builder.set(0, &[b"2"]);
        assert_eq!(cells(&builder.finish(1), 1), [Some(&b"2"[..])]);
    }

    #[test]
    fn blocks_of_cells_follow_single_ones() {
        let mut builder = ColumnBuilder::default();
        builder.set(0, &[b"x"]);
        assert_eq!(builder.extend(1, b"abcd", [1, 4].into_iter()), 2);
        assert_eq!(cells(&builder.finish(3), 3), [Some(&b"x"[..]), Some(&b"a"[..]), Some(&b"bcd"[..])]);
    }
}
