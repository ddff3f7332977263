//! Lines out of blocks.

use wharf_sdk::{BatchBuilder, Failure};

/// Cuts blocks of bytes into lines. Lines go straight from the block into the batch; only the piece of a line that a
/// block ends with is kept aside.
#[derive(Debug)]
pub(crate) struct Lines {
    block: Vec<u8>,
    /// Where in `block` the next line begins.
    next: usize,
    /// The beginning of a line whose end is not read yet.
    open: Vec<u8>,
    max_line: usize,
}

/// Why [`Lines::cut`] returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The batch takes no more.
    Full,
    /// The block holds no further whole line: the next one is needed.
    NeedsBlock,
}

impl Lines {
    pub(crate) fn new(max_line: usize) -> Self {
        Self { block: Vec::new(), next: 0, open: Vec::new(), max_line }
    }

    /// Bytes that were read but belong to no line that was handed out.
    pub(crate) fn pending(&self) -> usize {
        self.open.len() + self.block.len().saturating_sub(self.next)
    }

    /// Hands in the next bytes of the file. The block before must be used up.
    pub(crate) fn feed(&mut self, block: Vec<u8>) {
        self.block = block;
        self.next = 0;
    }

    /// Forgets what is pending.
    pub(crate) fn clear(&mut self) {
        self.feed(Vec::new());
        self.open.clear();
    }

    /// Puts whole lines into `batch`, without their ends (LF or CRLF), until it is full or the block is used up. The
    /// answer says which, and how many bytes of the file the lines took, their ends included.
    ///
    /// # Errors
    /// Fatal when a line is longer than the bound.
    pub(crate) fn cut(&mut self, batch: &mut BatchBuilder) -> Result<(Cut, u64), Failure> {
        let rest = self.block.get(self.next..).unwrap_or_default();
        let (mut begin, mut taken) = (0, 0);
        let mut cut = Cut::NeedsBlock;
        for end in memchr::memchr_iter(b'\n', rest) {
            let line = rest.get(begin..end).unwrap_or_default();
            let len = self.open.len() + line.len();
            if !batch.has_room(len) || self.is_too_long(len, batch)? {
                cut = Cut::Full;
                break;
            }
            if self.open.is_empty() {
                batch.push(without_return(line));
            } else {
                self.open.extend_from_slice(line);
                batch.push(without_return(&self.open));
                self.open.clear();
            }
            taken += len as u64 + 1;
            begin = end + 1;
        }
        self.next += begin;
        if cut == Cut::NeedsBlock {
            self.open.extend_from_slice(rest.get(begin..).unwrap_or_default());
            self.feed(Vec::new());
            if self.is_too_long(self.open.len(), batch)? {
                cut = Cut::Full;
            }
        }
        Ok((cut, taken))
    }

    /// Whether a line of `len` bytes is over the bound while there are rows before it, which go first; it is told when
    /// there are none.
    #[inline]
    fn is_too_long(&self, len: usize, batch: &BatchBuilder) -> Result<bool, Failure> {
        if len <= self.max_line {
            return Ok(false);
        }
        if batch.rows() > 0 {
            return Ok(true);
        }
        let max = self.max_line;
        Err(Failure::fatal(format!(
            "a line is longer than {max} bytes: raise `max.line.bytes`, or name a file that has lines"
        )))
    }

    /// Puts the last line of a file that will get no end any more into `batch`, if there is one and it fits. Answers
    /// whether nothing is left.
    pub(crate) fn end(&mut self, batch: &mut BatchBuilder) -> bool {
        if self.open.is_empty() {
            return true;
        }
        if !batch.has_room(self.open.len()) {
            return false;
        }
        batch.push(without_return(&self.open));
        self.open.clear();
        true
    }
}

#[inline]
fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use wharf_sdk::Limits;

    fn batch(max_rows: u32, max_bytes: u32) -> BatchBuilder {
        BatchBuilder::new(Limits { max_rows, max_bytes, max_wait: Duration::ZERO })
    }

    /// All lines of `text`, cut from blocks of `size` bytes into batches of `rows`, and the bytes they took.
    fn all(text: &[u8], size: usize, rows: u32) -> (Vec<Vec<u8>>, u64) {
        let mut lines = Lines::new(1000);
        let (mut found, mut taken) = (Vec::new(), 0);
        let mut blocks = text.chunks(size);
        let mut rows_left = batch(rows, 1000);
        loop {
            let (cut, bytes) = lines.cut(&mut rows_left).unwrap();
            taken += bytes;
            if cut == Cut::NeedsBlock
                && let Some(block) = blocks.next()
            {
                lines.feed(block.to_vec());
                continue;
            }
            let done = std::mem::replace(&mut rows_left, batch(rows, 1000)).finish().unwrap();
            found.extend((0..done.rows as usize).map(|row| done.values.cell(row).unwrap().to_vec()));
            if cut == Cut::NeedsBlock {
                return (found, taken);
            }
        }
    }

    #[test]
    fn lines_are_the_same_however_blocks_and_batches_fall() {
        let text = b"one\r\ntwo\n\n\r\nth\rree\nlast";
        let expected: Vec<Vec<u8>> =
            [&b"one"[..], b"two", b"", b"", b"th\rree"].iter().map(|line| line.to_vec()).collect();
        for size in 1..=text.len() {
            for rows in 1..=6 {
                let (lines, taken) = all(text, size, rows);
                assert_eq!(lines, expected, "blocks of {size}, batches of {rows}");
                assert_eq!(taken as usize, text.len() - 4, "the last line has no end yet");
            }
        }
    }

    #[test]
    fn a_full_batch_takes_no_part_of_the_next_line() {
        let mut lines = Lines::new(100);
        lines.feed(b"12345\n678\n".to_vec());
        let mut first = batch(10, 7);
        assert_eq!(lines.cut(&mut first).unwrap(), (Cut::Full, 6));
        assert_eq!(lines.pending(), 4);
        let mut second = batch(10, 7);
        assert_eq!(lines.cut(&mut second).unwrap(), (Cut::NeedsBlock, 4));
        assert_eq!((first.rows(), second.rows(), lines.pending()), (1, 1, 0));
    }

    #[test]
    fn a_line_over_the_bound_is_fatal_also_before_its_end_is_seen() {
        for text in [&b"123456\n"[..], b"123456"] {
            let mut lines = Lines::new(5);
            lines.feed(text.to_vec());
            assert!(matches!(lines.cut(&mut batch(9, 9)), Err(Failure::Fatal(reason)) if reason.contains("5 bytes")));
        }
    }
}
