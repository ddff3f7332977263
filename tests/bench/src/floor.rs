//! The least that can be done: lines out of a file, into frames with a checksum, onto the disk.

use std::fs::File;
use std::io::{IoSlice, Read as _, Write as _};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::cpu;

/// What is read, and so written and made durable, at once.
const BLOCK: usize = 1 << 20;

/// Copies the lines of `input` into frames in `output`: a header with lengths and a checksum, where each line ends, and
/// the lines one after the other without their ends; `fdatasync` after each frame. One thread, no queue.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn measure(input: &Path, output: &Path) -> Result<Value> {
    let mut from = File::open(input).with_context(|| format!("open {}", input.display()))?;
    let mut to = File::create(output).with_context(|| format!("create {}", output.display()))?;
    let (begun, before) = (Instant::now(), cpu::used()?);
    let mut block = vec![0; BLOCK];
    let (mut filled, mut rows, mut bytes) = (0, 0, 0);
    let mut frame = Frame::default();
    loop {
        let room = block.get_mut(filled..).unwrap_or_default();
        let read = from.read(room).context("read the input")?;
        filled += read;
        if read > 0 && filled < BLOCK {
            continue;
        }
        let taken = frame.fill(block.get(..filled).unwrap_or_default());
        if taken == 0 {
            break;
        }
        frame.write(&mut to).context("append a frame")?;
        to.sync_data().context("make a frame durable")?;
        rows += frame.ends.len() as u64;
        bytes += frame.data.len() as u64;
        block.copy_within(taken..filled, 0);
        filled -= taken;
    }
    let (seconds, used) = (begun.elapsed().as_secs_f64(), cpu::used()?.saturating_sub(before));
    Ok(json!({"rows": rows, "bytes": bytes, "seconds": seconds, "cpu_seconds": used.as_secs_f64()}))
}

/// The rows of one frame; its memory is used again.
#[derive(Debug, Default)]
struct Frame {
    ends: Vec<u32>,
    data: Vec<u8>,
}

impl Frame {
    /// Takes the whole lines at the beginning of `block`, and says how many bytes they are.
    fn fill(&mut self, block: &[u8]) -> usize {
        self.ends.clear();
        self.data.clear();
        let mut begin = 0;
        for end in memchr::memchr_iter(b'\n', block) {
            self.data.extend_from_slice(block.get(begin..end).unwrap_or_default());
            self.ends.push(self.data.len() as u32);
            begin = end + 1;
        }
        begin
    }

    fn write(&self, to: &mut File) -> std::io::Result<()> {
        let ends: Vec<u8> = self.ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        let sum = crc32c::crc32c_append(crc32c::crc32c(&ends), &self.data);
        let header = [ends.len() as u32, self.data.len() as u32, sum].map(u32::to_le_bytes).concat();
        let mut parts = [IoSlice::new(&header), IoSlice::new(&ends), IoSlice::new(&self.data)];
        let mut parts = parts.as_mut_slice();
        while !parts.is_empty() {
            let written = to.write_vectored(parts)?;
            IoSlice::advance_slices(&mut parts, written);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_input_is_in_a_frame() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        let line = [b'x'; 99];
        // More than two blocks, and a line across each border.
        let text: Vec<u8> = (0..30_000).flat_map(|_| line.iter().copied().chain([b'\n'])).collect();
        std::fs::write(&input, &text).unwrap();
        let found = measure(&input, &output).unwrap();
        assert_eq!((found["rows"].as_u64(), found["bytes"].as_u64()), (Some(30_000), Some(30_000 * 99)));
        let written = std::fs::metadata(&output).unwrap().len();
        assert_eq!(written, 3 * 12 + 30_000 * (99 + 4));
    }
}
