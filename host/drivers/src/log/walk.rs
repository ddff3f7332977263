//! From frame to frame through a segment, reading heads and checkpoints and, only when asked, rows.

use std::fs::File;
use std::path::Path;

use super::files::{Doing, FileError, read_at};
use super::frame::{HEAD, Head, Marks};

/// Read at once, so that many small frames cost few calls.
const BUFFER: usize = 64 << 10;

/// What stands at the walker's place.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame; the walker stands behind it now.
    Frame(Seen),
    /// The end.
    End,
    /// Something else than the frame that belongs there. The walker stays.
    Broken,
}

/// A frame that was walked over.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Where it begins.
    pub(crate) position: u64,
    /// Its head, which is sound.
    pub(crate) head: Head,
    /// Its checkpoints.
    pub(crate) marks: Option<Marks>,
}

/// Walks through one segment file.
#[derive(Debug)]
pub(crate) struct Walker<'a> {
    file: &'a File,
    path: &'a Path,
    len: u64,
    /// Where the next frame begins.
    pub(crate) position: u64,
    buffer: Vec<u8>,
    buffered_at: u64,
}

impl<'a> Walker<'a> {
    /// Begins at a frame at `position`; what lies behind byte `len` is not looked at.
    pub(crate) fn new(file: &'a File, path: &'a Path, position: u64, len: u64) -> Self {
        Self { file, path, len, position, buffer: Vec::new(), buffered_at: 0 }
    }

    /// The next frame. With `verify` its rows are read too, and compared with their checksum; else only the head and the
    /// checkpoints are.
    pub(crate) fn step(&mut self, verify: bool) -> Result<Step, FileError> {
        if self.position >= self.len {
            return Ok(Step::End);
        }
        let position = self.position;
        let Some(head) = self.bytes(HEAD)?.and_then(Head::parse) else {
            return Ok(Step::Broken);
        };
        let need = if verify { head.length as usize } else { head.body() };
        if position + u64::from(head.length) > self.len {
            return Ok(Step::Broken);
        }
        let Some(bytes) = self.bytes(need)? else {
            return Ok(Step::Broken);
        };
        if !head.is_sound(bytes) || (verify && !head.is_body_sound(bytes)) {
            return Ok(Step::Broken);
        }
        let marks = bytes.get(HEAD..head.body()).and_then(Marks::decode);
        self.position += u64::from(head.length);
        Ok(Step::Frame(Seen { position, head, marks }))
    }

    /// `need` bytes from where the walker stands; `None` when there are fewer.
    fn bytes(&mut self, need: usize) -> Result<Option<&[u8]>, FileError> {
        let left = self.len.saturating_sub(self.position);
        if (need as u64) > left {
            return Ok(None);
        }
        let end = self.buffered_at + self.buffer.len() as u64;
        if self.position < self.buffered_at || self.position + need as u64 > end {
            self.buffered_at = self.position;
            let len = need.max(BUFFER).min(usize::try_from(left).unwrap_or(usize::MAX));
            let filled = read_at(self.file, &mut self.buffer, 0, len, self.position).doing("read", self.path)?;
            self.buffer.truncate(filled);
        }
        let from = (self.position - self.buffered_at) as usize;
        Ok(self.buffer.get(from..from + need))
    }
}
