//! Headers of rows.

use super::column::{Column, ColumnBuilder};

/// Headers of rows. Row `i` has the headers `row_ends[i - 1]..row_ends[i]`; header `h` is called `names[name_of[h]]`
/// and has cell `h` of `cells` as its value. All empty: no row has headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// One end for each row.
    pub row_ends: Vec<u32>,
    /// The names that occur.
    pub names: Vec<String>,
    /// For each header the index of its name.
    pub name_of: Vec<u16>,
    /// For each header its value.
    pub cells: Column,
}

/// Headers that grow by rows.
#[derive(Debug, Default)]
pub(super) struct HeadersBuilder {
    row_ends: Vec<u32>,
    names: Vec<String>,
    name_of: Vec<u16>,
    cells: ColumnBuilder,
}

impl HeadersBuilder {
    pub(super) fn bytes(&self) -> usize {
        self.cells.bytes()
    }

    /// Adds a header to `row`, the last row so far. `false` when a batch cannot hold that many different names.
    pub(super) fn push(&mut self, row: u32, name: &str, value: &[u8]) -> bool {
        let Some(name) = intern(&mut self.names, name) else { return false };
        let count = self.name_of.len() as u32;
        while self.row_ends.len() <= row as usize {
            self.row_ends.push(count);
        }
        self.cells.set(count, &[value]);
        self.name_of.push(name);
        if let Some(end) = self.row_ends.last_mut() {
            *end = count + 1;
        }
        true
    }

    pub(super) fn finish(mut self, rows: u32) -> Headers {
        if self.name_of.is_empty() {
            return Headers::default();
        }
        let count = self.name_of.len() as u32;
        self.row_ends.resize(rows as usize, count);
        Headers { row_ends: self.row_ends, names: self.names, name_of: self.name_of, cells: self.cells.finish(count) }
    }
}

/// The index of `text` in `texts`, added where it is not there yet; `None` when there are too many for an index.
/// A plain search: a batch has few different topics and header names.
pub(super) fn intern(texts: &mut Vec<String>, text: &str) -> Option<u16> {
    if let Some(index) = texts.iter().position(|known| known == text) {
        return u16::try_from(index).ok();
    }
    // 65535 is kept free: elsewhere it means "none".
    let index = u16::try_from(texts.len()).ok().filter(|&index| index != u16::MAX)?;
    texts.push(text.to_owned());
    Some(index)
}
