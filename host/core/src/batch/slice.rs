//! Parts of a batch: a range of rows without a copy of their bytes, or single rows gathered into a new batch.
//!
//! A slice shares its bytes with the batch it was taken from and keeps all of them alive. A checkpoint stays with its
//! row: where the row is left out so is the checkpoint. Whoever takes a batch apart and must still commit what it
//! reaches keeps the checkpoints of the whole batch.

use std::ops::Range;

use bytes::BytesMut;

use super::{Batch, Column, Delivery, Headers, Origin};
use crate::offset::Checkpoint;

impl Column {
    /// The cells of `rows`, sharing their bytes with this column. Cells past the end are left out.
    pub fn slice(&self, rows: Range<usize>) -> Self {
        let end = rows.end.min(self.ends.len());
        let start = rows.start.min(end);
        let ends = part(&self.ends, start..end);
        let Some(&last) = ends.last() else {
            return Self::missing();
        };
        let base = start.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        // Only a column that was never checked can have ends out of order or past its data.
        let stop = (last as usize).min(self.data.len());
        let data = self.data.slice((base as usize).min(stop)..stop);
        let ends = ends.into_iter().map(|end| end.saturating_sub(base)).collect();
        let first = self.absent.partition_point(|&row| (row as usize) < start);
        let absent = self.absent.iter().skip(first).take_while(|&&row| (row as usize) < end);
        Self { data, ends, absent: absent.map(|&row| row.saturating_sub(start as u32)).collect() }
    }

    /// The cells of `rows` (ascending, without repeats) in a column of their own.
    fn select(&self, rows: &[u32]) -> Self {
        if self.is_missing() {
            return Self::missing();
        }
        let bytes = rows.iter().filter_map(|&row| self.range(row as usize)).map(|range| range.len()).sum();
        let mut data = BytesMut::with_capacity(bytes);
        let mut ends = Vec::with_capacity(rows.len());
        let mut absent = Vec::new();
        let mut missing = self.absent.iter().copied().peekable();
        for (at, &row) in (0_u32..).zip(rows) {
            while missing.next_if(|&absent| absent < row).is_some() {}
            if missing.next_if_eq(&row).is_some() {
                absent.push(at);
            } else if let Some(cell) = self.range(row as usize).and_then(|range| self.data.get(range)) {
                data.extend_from_slice(cell);
            }
            ends.push(data.len() as u32);
        }
        Self { data: data.freeze(), ends, absent }
    }
}

impl Headers {
    /// Where the headers of `row` lie among all headers.
    fn of(&self, row: usize) -> Range<usize> {
        let end = self.row_ends.get(row).map_or(0, |&end| end as usize);
        let start = row.checked_sub(1).and_then(|before| self.row_ends.get(before)).map_or(0, |&end| end as usize);
        start.min(end)..end
    }

    fn slice(&self, rows: Range<usize>) -> Self {
        let Some(last) = rows.end.checked_sub(1).filter(|_| rows.start < rows.end) else {
            return Self::default();
        };
        let (start, end) = (self.of(rows.start).start, self.of(last).end);
        if start >= end {
            return Self::default();
        }
        Self {
            row_ends: part(&self.row_ends, rows).into_iter().map(|end| end.saturating_sub(start as u32)).collect(),
            names: self.names.clone(),
            name_of: part(&self.name_of, start..end),
            cells: self.cells.slice(start..end),
        }
    }

    fn select(&self, rows: &[u32]) -> Self {
        let mut row_ends = Vec::with_capacity(rows.len());
        let mut taken: Vec<u32> = Vec::new();
        for &row in rows {
            // No more than there are names, however wrong the ends of an unchecked batch.
            let of = self.of(row as usize);
            taken.extend((of.start.min(self.name_of.len()) as u32)..(of.end.min(self.name_of.len()) as u32));
            row_ends.push(taken.len() as u32);
        }
        if taken.is_empty() {
            return Self::default();
        }
        let name_of = gather(&self.name_of, &taken);
        Self { row_ends, names: self.names.clone(), name_of, cells: self.cells.select(&taken) }
    }
}

impl Batch {
    /// The rows of `range` as a batch of their own, numbered from 0, which shares its bytes with this one. Rows past
    /// the end are left out, checkpoints of other rows too. The whole range is a mere clone.
    pub fn slice(&self, range: Range<u32>) -> Self {
        let range = cut(range, self.rows);
        if range == (0..self.rows) {
            return self.clone();
        }
        let rows = range.start as usize..range.end as usize;
        let inside = self.checkpoints.iter().filter(|checkpoint| range.contains(&checkpoint.row));
        let checkpoints = inside.map(|it| Checkpoint { row: it.row - range.start, at: it.at.clone() }).collect();
        Self {
            rows: range.end - range.start,
            keys: self.keys.slice(rows.clone()),
            values: self.values.slice(rows.clone()),
            key_format: self.key_format,
            value_format: self.value_format,
            headers: self.headers.slice(rows.clone()),
            timestamps: part(&self.timestamps, rows.clone()),
            topics: self.topics.clone(),
            topic_of: part(&self.topic_of, rows.clone()),
            partitions: part(&self.partitions, rows.clone()),
            operations: part(&self.operations, rows.clone()),
            schemas: self.schemas.clone(),
            key_schema_of: part(&self.key_schema_of, rows.clone()),
            value_schema_of: part(&self.value_schema_of, rows),
            checkpoints,
        }
    }

    /// The rows named, which must ascend, as a batch of their own. Rows that are not there or out of order are left
    /// out, checkpoints of other rows too. Neighbours without a gap are a [`Batch::slice`]; else the cells are copied.
    pub fn select(&self, rows: &[u32]) -> Self {
        self.gather(&Selection::of(rows, self.rows))
    }

    fn gather(&self, selection: &Selection) -> Self {
        let rows = match selection {
            Selection::Range(range) => return self.slice(range.clone()),
            Selection::Rows(rows) => rows,
        };
        let checkpoints = self.checkpoints.iter().filter_map(|checkpoint| {
            let row = rows.binary_search(&checkpoint.row).ok()? as u32;
            Some(Checkpoint { row, at: checkpoint.at.clone() })
        });
        Self {
            rows: rows.len() as u32,
            keys: self.keys.select(rows),
            values: self.values.select(rows),
            key_format: self.key_format,
            value_format: self.value_format,
            headers: self.headers.select(rows),
            timestamps: gather(&self.timestamps, rows),
            topics: self.topics.clone(),
            topic_of: gather(&self.topic_of, rows),
            partitions: gather(&self.partitions, rows),
            operations: gather(&self.operations, rows),
            schemas: self.schemas.clone(),
            key_schema_of: gather(&self.key_schema_of, rows),
            value_schema_of: gather(&self.value_schema_of, rows),
            checkpoints: checkpoints.collect(),
        }
    }
}

impl Delivery {
    /// The rows of `range`, as [`Batch::slice`] takes them, with the places in the queue that they came from.
    pub fn slice(&self, range: Range<u32>) -> Self {
        let range = cut(range, self.batch.rows);
        if range == (0..self.batch.rows) {
            return self.clone();
        }
        let first = self.origins.partition_point(|origin| origin.first_row <= range.start).saturating_sub(1);
        let inside = self.origins.iter().skip(first).take_while(|origin| origin.first_row < range.end);
        let origins = inside
            .filter(|_| !range.is_empty())
            .map(|origin| Origin { first_row: origin.first_row.saturating_sub(range.start), ..origin.clone() });
        Self {
            batch: self.batch.slice(range.clone()),
            origins: origins.collect(),
            positions: part(&self.positions, range.start as usize..range.end as usize),
        }
    }

    /// The rows named, as [`Batch::select`] takes them, with the places in the queue that they came from.
    pub fn select(&self, rows: &[u32]) -> Self {
        let selection = Selection::of(rows, self.batch.rows);
        let rows = match &selection {
            Selection::Range(range) => return self.slice(range.clone()),
            Selection::Rows(rows) => rows,
        };
        let mut origins: Vec<Origin> = Vec::new();
        let mut last = None;
        for (at, &row) in (0_u32..).zip(rows) {
            let index = self.origins.partition_point(|origin| origin.first_row <= row).checked_sub(1);
            if index != last
                && let Some(origin) = index.and_then(|index| self.origins.get(index))
            {
                origins.push(Origin { first_row: at, ..origin.clone() });
            }
            last = index;
        }
        Self { batch: self.batch.gather(&selection), origins, positions: gather(&self.positions, rows) }
    }
}

/// Rows that were asked for, once those that are not there or out of order are left out.
enum Selection {
    /// Neighbours without a gap, maybe none.
    Range(Range<u32>),
    /// Ascending, with a gap.
    Rows(Vec<u32>),
}

impl Selection {
    fn of(rows: &[u32], count: u32) -> Self {
        let mut next = 0;
        let mut kept = Vec::with_capacity(rows.len());
        for &row in rows {
            if row >= next && row < count {
                kept.push(row);
                next = row + 1;
            }
        }
        match (kept.first(), kept.last()) {
            (Some(&first), Some(&last)) if (last - first) as usize + 1 == kept.len() => Self::Range(first..last + 1),
            (Some(_), _) => Self::Rows(kept),
            (None, _) => Self::Range(0..0),
        }
    }
}

fn cut(range: Range<u32>, rows: u32) -> Range<u32> {
    let end = range.end.min(rows);
    range.start.min(end)..end
}

/// The entries of `range`, or none where the list has not one for each row.
fn part<T: Clone>(list: &[T], range: Range<usize>) -> Vec<T> {
    list.get(range).map(<[T]>::to_vec).unwrap_or_default()
}

/// The entries of `rows`, or none where the list has not one for each row.
fn gather<T: Copy>(list: &[T], rows: &[u32]) -> Vec<T> {
    if list.is_empty() {
        return Vec::new();
    }
    rows.iter().filter_map(|&row| list.get(row as usize).copied()).collect()
}
