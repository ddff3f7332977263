//! A batch on its way into a segment.

use std::io::IoSlice;

use bytes::BufMut;
use wharf_core::{Batch, Operation};

use super::header::{HEAD, Head, SECTIONS};
use super::marks::Marks;

/// A batch that waits to be written. Its columns are borrowed by the write, not copied.
#[derive(Debug)]
pub(crate) struct Frame {
    batch: Batch,
    pub(crate) marks: Option<Marks>,
    pub(crate) head: Head,
    bytes: [u8; HEAD],
    checkpoints: Vec<u8>,
    names: Vec<u8>,
    operations: Vec<u8>,
    schemas: Vec<u8>,
}

impl Frame {
    /// Prepares a batch, all of whose rows go to one partition: topics, partitions and the checkpoints of the batch
    /// itself are not looked at. Rows without a timestamp get `now`, in milliseconds since 1970. `None` when the frame
    /// would be larger than 4 GiB.
    pub(crate) fn new(mut batch: Batch, marks: Option<Marks>, now: i64) -> Option<Self> {
        let (timestamp, max_timestamp) = timestamps(&mut batch, now);
        let mut frame = Self {
            marks: None,
            head: Head {
                length: 0,
                head_crc: 0,
                body_crc: 0,
                base: 0,
                acknowledged: 0,
                timestamp,
                max_timestamp,
                rows: batch.rows,
                key_format: batch.key_format,
                value_format: batch.value_format,
                sections: [0; SECTIONS],
            },
            bytes: [0; HEAD],
            checkpoints: marks.as_ref().map(Marks::encode).unwrap_or_default(),
            names: names(&batch.headers.names),
            operations: batch.operations.iter().copied().map(number_of).collect(),
            schemas: schemas(&batch),
            batch,
        };
        frame.marks = marks;
        let (mut sections, mut length, mut crc) = ([0; SECTIONS], HEAD as u64, 0);
        for (at, (slot, part)) in sections.iter_mut().zip(frame.sections()).enumerate() {
            *slot = u32::try_from(part.len()).ok()?;
            length += part.len() as u64;
            if at > 0 && !part.is_empty() {
                crc = crc32c::crc32c_append(crc, part);
            }
        }
        frame.head.sections = sections;
        frame.head.length = u32::try_from(length).ok()?;
        frame.head.body_crc = crc;
        Some(frame)
    }

    /// How many bytes the frame takes.
    pub(crate) fn len(&self) -> u64 {
        u64::from(self.head.length)
    }

    /// Gives the frame its place; returns the offset behind it.
    pub(crate) fn seal(&mut self, base: u64, acknowledged: u64) -> u64 {
        self.head.base = base;
        self.head.acknowledged = acknowledged;
        self.bytes = self.head.seal(&self.checkpoints);
        self.head.end()
    }

    /// Adds the parts of the sealed frame to a vectored write.
    pub(crate) fn slices<'a>(&'a self, out: &mut Vec<IoSlice<'a>>) {
        out.push(IoSlice::new(&self.bytes));
        out.extend(self.sections().into_iter().filter(|part| !part.is_empty()).map(IoSlice::new));
    }

    fn sections(&self) -> [&[u8]; SECTIONS] {
        let Batch { keys, values, headers, timestamps, key_schema_of, value_schema_of, .. } = &self.batch;
        [
            &self.checkpoints,
            &keys.data,
            bytemuck::cast_slice(&keys.ends),
            bytemuck::cast_slice(&keys.absent),
            &values.data,
            bytemuck::cast_slice(&values.ends),
            bytemuck::cast_slice(&values.absent),
            bytemuck::cast_slice(&headers.row_ends),
            &self.names,
            bytemuck::cast_slice(&headers.name_of),
            &headers.cells.data,
            bytemuck::cast_slice(&headers.cells.ends),
            bytemuck::cast_slice(&headers.cells.absent),
            bytemuck::cast_slice(timestamps),
            &self.operations,
            &self.schemas,
            bytemuck::cast_slice(key_schema_of),
            bytemuck::cast_slice(value_schema_of),
        ]
    }
}

/// Empties the timestamps when they are all the same. The timestamp of all rows, and the largest.
fn timestamps(batch: &mut Batch, now: i64) -> (i64, i64) {
    let Some(&first) = batch.timestamps.first() else {
        return (now, now);
    };
    let max = batch.timestamps.iter().copied().max().unwrap_or(first);
    if batch.timestamps.iter().all(|&timestamp| timestamp == first) {
        batch.timestamps = Vec::new();
    }
    (first, max)
}

fn names(names: &[String]) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        out.put_u32_le(name.len() as u32);
        out.put_slice(name.as_bytes());
    }
    out
}

fn schemas(batch: &Batch) -> Vec<u8> {
    if batch.schemas.is_empty() {
        return Vec::new();
    }
    // Text and numbers always make JSON.
    serde_json::to_vec(&batch.schemas).unwrap_or_default()
}

pub(super) fn number_of(operation: Operation) -> u8 {
    match operation {
        Operation::Unknown => 0,
        Operation::Create => 1,
        Operation::Update => 2,
        Operation::Delete => 3,
        Operation::Snapshot => 4,
    }
}
