//! One partition that is assigned to a consumer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::task::JoinHandle;
use wharf_core::{Batch, Delivery, Origin, TopicPosition};

use crate::driver::DriverError;
use crate::log::merge::{merge, run};
use crate::log::partition::Partition;
use crate::log::read::{Cursor, Rows};

/// No two shares, and no two places of one, have the same number.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// A partition and how far it was read.
#[derive(Debug)]
pub(super) struct Share {
    /// Changes with every seek, so that what was read for another place is known.
    pub(super) id: u64,
    partition: Arc<Partition>,
    /// The next row to hand out.
    next: u64,
    /// Where to read on; away while something is read.
    cursor: Option<Cursor>,
    ready: VecDeque<Rows>,
    /// What is ready, in bytes.
    pub(super) bytes: usize,
}

/// What a read brought.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Which share it was for.
    pub(super) share: u64,
    cursor: Cursor,
    rows: Result<Vec<Rows>, DriverError>,
}

impl Share {
    pub(super) fn new(partition: Arc<Partition>, offset: u64) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { id, partition, next: offset, cursor: Some(Cursor::new(offset)), ready: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn is(&self, topic: &str, partition: u32) -> bool {
        *self.partition.place.topic == *topic && self.partition.place.number == partition
    }

    pub(super) fn position(&self) -> TopicPosition {
        let place = &self.partition.place;
        TopicPosition { topic: place.topic.to_string(), partition: place.number, position: signed(self.next) }
    }

    pub(super) fn end(&self) -> i64 {
        signed(self.partition.end())
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Whether there is something to read, and nobody reads it yet.
    pub(super) fn is_behind(&self) -> bool {
        let unusable = || self.partition.check().is_err();
        self.cursor.as_ref().is_some_and(|cursor| cursor.offset < self.partition.end() || unusable())
    }

    pub(super) fn seek(&mut self, offset: u64) {
        *self = Self::new(Arc::clone(&self.partition), within(&self.partition, offset));
    }

    /// Starts to read about `limit` bytes.
    pub(super) fn fetch(&mut self, limit: usize) -> Option<JoinHandle<Fetched>> {
        let mut cursor = self.cursor.take()?;
        let (share, partition) = (self.id, Arc::clone(&self.partition));
        Some(tokio::task::spawn_blocking(move || {
            let rows = read(&mut cursor, &partition, limit);
            Fetched { share, cursor, rows }
        }))
    }

    /// Takes in what was read.
    pub(super) fn fetched(&mut self, fetched: Fetched) -> Result<(), DriverError> {
        self.cursor = Some(fetched.cursor);
        let rows = fetched.rows?;
        self.bytes += rows.iter().map(|rows| rows.bytes).sum::<usize>();
        self.ready.extend(rows);
        Ok(())
    }

    /// Takes rows out: the next frame, part of it, or several small ones.
    pub(super) fn take(&mut self, max_rows: u32, max_bytes: u32) -> Option<Delivery> {
        let count = run(self.ready.iter(), max_rows, max_bytes as usize);
        let mut rows = merge(self.ready.drain(..count).collect())?;
        self.bytes = self.bytes.saturating_sub(rows.bytes);
        let fit = rows_within(&rows.batch, max_bytes).min(max_rows);
        if fit < rows.batch.rows {
            let rest = rows.batch.slice(fit..rows.batch.rows);
            let bytes = rest.payload_bytes();
            self.bytes += bytes;
            self.ready.push_front(Rows { base: rows.base + u64::from(fit), batch: rest, bytes });
            rows.batch = rows.batch.slice(0..fit);
        }
        self.next = rows.end();
        Some(delivery(&self.partition.place.topic, self.partition.place.number, rows))
    }
}

fn read(cursor: &mut Cursor, partition: &Partition, limit: usize) -> Result<Vec<Rows>, DriverError> {
    partition.check()?;
    let start = partition.start();
    if cursor.offset < start {
        tracing::warn!(
            topic = %partition.place.topic, partition = partition.place.number, from = cursor.offset, to = start,
            "rows were deleted by retention before they were read"
        );
        *cursor = Cursor::new(start);
    }
    match cursor.read(&partition.segments, limit) {
        // Retention may delete a segment at the very moment in which it is opened.
        Err(_) if cursor.offset < partition.start() => read(cursor, partition, limit),
        read => Ok(read?),
    }
}

/// A place that is there: a log that lost its end, or its start to retention, may not have the one asked for.
pub(super) fn within(partition: &Partition, offset: u64) -> u64 {
    let (start, end) = (partition.start(), partition.end());
    let at = offset.clamp(start, end.max(start));
    if at != offset {
        tracing::warn!(
            topic = %partition.place.topic, partition = partition.place.number, wanted = offset, start, end,
            "the position is not in the log any more: reading goes on at the nearest one"
        );
    }
    at
}

/// Rows as a sink gets them.
pub(crate) fn delivery(topic: &str, partition: u32, rows: Rows) -> Delivery {
    Delivery {
        origins: vec![Origin { first_row: 0, topic: topic.to_owned(), partition }],
        positions: (signed(rows.base)..).take(rows.batch.rows as usize).collect(),
        batch: rows.batch,
    }
}

/// How many rows from the first on have at most `max` bytes; at least 1.
fn rows_within(batch: &Batch, max: u32) -> u32 {
    if batch.payload_bytes() <= max as usize {
        return batch.rows;
    }
    let end = |ends: &[u32], row: u32| ends.get(row as usize).map_or(0, |&end| u64::from(end));
    let upto = |row: u32| {
        let headers = end(&batch.headers.row_ends, row) as u32;
        let cells = headers.checked_sub(1).map_or(0, |last| end(&batch.headers.cells.ends, last));
        end(&batch.keys.ends, row) + end(&batch.values.ends, row) + cells
    };
    let (mut low, mut high) = (1, batch.rows);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if upto(middle - 1) <= u64::from(max) { low = middle } else { high = middle - 1 }
    }
    low
}

fn signed(offset: u64) -> i64 {
    i64::try_from(offset).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use wharf_core::Column;

    use super::*;

    #[test]
    fn as_many_rows_are_taken_as_fit_but_at_least_one() {
        let values: Column = [10, 20, 30].iter().map(|&len| Some(&[7_u8; 30][..len])).collect();
        let batch = Batch { rows: 3, values, ..Batch::default() };
        for (max, rows) in [(0, 1), (9, 1), (10, 1), (29, 1), (30, 2), (59, 2), (60, 3), (1000, 3)] {
            assert_eq!(rows_within(&batch, max), rows, "{max} bytes");
        }
    }
}
