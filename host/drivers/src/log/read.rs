//! Reads whole frames, several with one call, and takes their batches apart without copying rows.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::Batch;

use super::files::{Doing, FileError, read_at};
use super::frame::{HEAD, Head, decode};
use super::segment::{Segment, SegmentList};
use crate::driver::DriverError;

/// Rows that follow one another in one partition.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    /// The offset of the first.
    pub(crate) base: u64,
    /// The rows.
    pub(crate) batch: Batch,
    /// About how many bytes of memory they hold.
    pub(crate) bytes: usize,
}

impl Rows {
    /// The offset behind the last row.
    pub(crate) fn end(&self) -> u64 {
        self.base + u64::from(self.batch.rows)
    }
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(
        "{} is damaged at byte {position} (row {offset}): restore the file from a backup, or move the readers past it",
        path.display()
    )]
    Damaged { path: std::path::PathBuf, position: u64, offset: u64 },
    #[error("row {offset} is gone: no segment file holds it")]
    Missing { offset: u64 },
}

impl From<ReadError> for DriverError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::File(error) => error.into(),
            ReadError::Damaged { .. } | ReadError::Missing { .. } => Self::Fatal(error.to_string()),
        }
    }
}

/// A place in a partition from which rows are read.
#[derive(Debug)]
pub(crate) struct Cursor {
    /// The next row to read.
    pub(crate) offset: u64,
    place: Option<Place>,
    /// What was read last; its memory is used again once nobody holds rows of it.
    last: Bytes,
    /// Whether something broken at the very end is the end: another process may be writing there.
    tolerant: bool,
}

#[derive(Debug)]
struct Place {
    segment: Arc<Segment>,
    file: File,
    position: u64,
}

impl Cursor {
    /// Reads from row `offset` on.
    pub(crate) fn new(offset: u64) -> Self {
        Self { offset, place: None, last: Bytes::new(), tolerant: false }
    }

    /// As `new`, for files that another process may be writing.
    pub(crate) fn tolerant(offset: u64) -> Self {
        Self { tolerant: true, ..Self::new(offset) }
    }

    /// The next frames, about `limit` bytes of them or one; none at the end.
    pub(crate) fn read(&mut self, segments: &SegmentList, limit: usize) -> Result<Vec<Rows>, ReadError> {
        loop {
            let place = match &mut self.place {
                Some(place) => place,
                None => {
                    let Some(segment) = segments.at(self.offset) else {
                        return if segments.all().is_empty() { Ok(Vec::new()) } else { Err(self.missing()) };
                    };
                    let file = segment.open()?;
                    let position = segment.locate(&file, self.offset)?;
                    self.place.insert(Place { segment, file, position })
                }
            };
            // The order matters: once there is a next segment, all of this one is visible.
            let next = segments.after(place.segment.base);
            let visible = place.segment.visible();
            if place.position < visible {
                let before = place.position;
                let rows = self.frames(visible, limit, next.is_none())?;
                let stuck = self.place.as_ref().is_some_and(|place| place.position == before);
                if stuck || !rows.is_empty() {
                    return Ok(rows);
                }
                continue;
            }
            match next {
                None => return Ok(Vec::new()),
                Some(next) if next.base == self.offset => self.place = None,
                Some(_) => return Err(self.missing()),
            }
        }
    }

    fn missing(&self) -> ReadError {
        ReadError::Missing { offset: self.offset }
    }

    /// Rows from where the cursor stands in its segment, and moves on. None when there are only frames without rows, or,
    /// for a tolerant cursor in the last segment, when what follows is broken; the cursor then stands before it.
    fn frames(&mut self, visible: u64, limit: usize, is_last: bool) -> Result<Vec<Rows>, ReadError> {
        let Some(place) = &mut self.place else { return Ok(Vec::new()) };
        let path = &place.segment.path;
        let bytes = wharf_faults::hit("log.read")
            .and_then(|()| load(&place.file, &mut self.last, place.position, visible, limit))
            .doing("read", path)?;
        let (mut rows, mut at) = (Vec::new(), 0);
        while at == 0 || at < bytes.len() {
            let Some(frame) = sound_frame(&bytes, at, rows.is_empty(), self.offset) else {
                if at > 0 || (self.tolerant && is_last) {
                    break;
                }
                let (path, position) = (path.clone(), place.position);
                return Err(ReadError::Damaged { path, position, offset: self.offset });
            };
            let (head, batch) = frame;
            at += head.length as usize;
            place.position += u64::from(head.length);
            if head.end() > self.offset {
                let skipped = (self.offset - head.base) as u32;
                let batch = if skipped > 0 { batch.slice(skipped..head.rows) } else { batch };
                rows.push(Rows { base: self.offset, batch, bytes: head.length as usize });
                self.offset = head.end();
            }
        }
        self.last = bytes;
        Ok(rows)
    }
}

/// The frame at `at`, with its checksums compared. `None` when it is broken, cut, or not the one that continues at
/// `offset`; the first may begin earlier.
fn sound_frame(bytes: &Bytes, at: usize, is_first: bool, offset: u64) -> Option<(Head, Batch)> {
    let rest = bytes.get(at..)?;
    let head = Head::parse(rest)?;
    let frame = rest.get(..head.length as usize)?;
    let continues = head.base == offset || (is_first && head.base < offset);
    if !continues || !head.is_sound(frame) || !head.is_body_sound(frame) {
        return None;
    }
    let batch = decode(&head, &bytes.slice(at..at + head.length as usize))?;
    Some((head, batch))
}

/// Whole frames from `position` on: about `limit` bytes of them, or the first if that is larger. What follows the last
/// whole frame is left out where its length is known.
fn load(file: &File, last: &mut Bytes, position: u64, visible: u64, limit: usize) -> std::io::Result<Bytes> {
    let left = usize::try_from(visible - position).unwrap_or(usize::MAX);
    let mut buffer = reuse(std::mem::take(last));
    // Room for a last frame that was read only in part, so that completing it moves nothing.
    buffer.reserve_exact(limit.saturating_mul(2).min(left).saturating_sub(buffer.len()));
    let mut filled = read_at(file, &mut buffer, 0, limit.max(HEAD).min(left), position)?;
    let mut whole = 0;
    while let Some(head) = buffer.get(whole..filled).and_then(Head::parse) {
        let length = head.length as usize;
        if whole + length > filled {
            // What ends behind the visible end is broken; what is large and not first is better read with the next call.
            if whole + length <= left && (whole == 0 || length <= limit) {
                let (missing, at) = (whole + length - filled, position + filled as u64);
                filled = read_at(file, &mut buffer, filled, missing, at)?;
                whole += length;
            }
            break;
        }
        whole += length;
    }
    buffer.truncate(if whole > 0 { whole.min(filled) } else { filled });
    Ok(Bytes::from(buffer))
}

/// The memory of what was read last, when no row of it is held any more.
fn reuse(last: Bytes) -> Vec<u8> {
    if !last.is_unique() {
        return Vec::new();
    }
    Vec::from(last)
}
