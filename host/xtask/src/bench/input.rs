//! Files of lines to move.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// What lines are filled with. It is not all the same, but compresses well; nothing in Wharf compresses.
const FILLING: &[u8] = b"the quick brown fox jumps over the lazy dog, again and again: ";

/// A file of numbered lines of one length.
#[derive(Debug, Clone)]
pub(super) struct Input {
    pub(super) path: PathBuf,
    /// Bytes of a line, without its end.
    pub(super) size: usize,
    pub(super) lines: u64,
}

impl Input {
    /// Writes it, durably, so that its pages do not compete with what is measured.
    pub(super) fn make(path: &Path, size: usize, lines: u64) -> Result<Self> {
        let cannot = || format!("write {}", path.display());
        let mut out = BufWriter::with_capacity(1 << 20, File::create(path).with_context(cannot)?);
        let filling: Vec<u8> = FILLING.iter().copied().cycle().take(size).collect();
        for line in 0..lines {
            let number = format!("{line:012} ");
            let rest = filling.get(number.len()..).unwrap_or_default();
            [number.as_bytes(), rest, b"\n"].iter().try_for_each(|part| out.write_all(part)).with_context(cannot)?;
        }
        out.into_inner()
            .map_err(std::io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .with_context(cannot)?;
        Ok(Self { path: path.to_owned(), size, lines })
    }

    /// Of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.lines * (self.size as u64 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_their_size_and_differ() {
        let path = std::env::temp_dir().join(format!("wharf-xtask-bench-{}", std::process::id()));
        let input = Input::make(&path, 100, 50).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!((text.len() as u64, text.lines().count()), (input.bytes(), 50));
        assert!(text.lines().all(|line| line.len() == 100));
        assert!(text.lines().nth(7).unwrap().starts_with("000000000007 "));
    }
}
