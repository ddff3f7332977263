//! The files beside a segment that say where in it things are.
//!
//! Both are lists of pairs of numbers, 16 bytes each, in little-endian. `.index` holds (offset, position): the frame that
//! begins with row `offset` lies at byte `position`. `.timeindex` holds (timestamp, offset): up to and with the frame
//! that begins with row `offset`, no row is later than `timestamp`. Entries are written after their frame is durable and
//! are never synced themselves: they are hints, checked against the log before they are believed, and rebuilt from it
//! when they are lost.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::files::{Doing, FileError, open_rw, replace};

const ENTRY: usize = 16;

/// Two numbers; what they mean depends on the file.
pub(crate) type Entry = (u64, u64);

/// The entries of a file that lie before the first that does not grow; none where there is no file.
pub(crate) fn load(path: &Path) -> Vec<Entry> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let mut entries: Vec<Entry> = Vec::with_capacity(bytes.len() / ENTRY);
    let (pairs, _) = bytes.as_chunks::<ENTRY>();
    for pair in pairs {
        let number = u128::from_le_bytes(*pair);
        let entry = (number as u64, (number >> 64) as u64);
        match entries.last() {
            Some(last) if entry.0 < last.0 || entry.1 <= last.1 => break,
            _ => entries.push(entry),
        }
    }
    entries
}

fn encode(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(|&(a, b)| (u128::from(a) | u128::from(b) << 64).to_le_bytes()).collect()
}

/// Replaces the whole file.
pub(crate) fn store(path: &Path, entries: &[Entry]) -> Result<(), FileError> {
    replace(path, &encode(entries))
}

/// Timestamps as numbers that grow as they do.
pub(crate) fn from_timestamp(timestamp: i64) -> u64 {
    (timestamp as u64) ^ (1 << 63)
}

/// The timestamp that [`from_timestamp`] was given.
pub(crate) fn to_timestamp(number: u64) -> i64 {
    (number ^ (1 << 63)) as i64
}

/// A file that entries are added to. Errors are only logged: the log can do without.
#[derive(Debug)]
pub(crate) struct Appender {
    path: PathBuf,
    file: Option<File>,
    entries: u64,
}

impl Appender {
    /// Adds behind the first `entries` of the file.
    pub(crate) fn new(path: PathBuf, entries: usize) -> Self {
        Self { path, file: None, entries: entries as u64 }
    }

    /// Writes entries to the end of the file.
    pub(crate) fn append(&mut self, entries: &[Entry]) {
        if entries.is_empty() {
            return;
        }
        match self.write(entries) {
            Ok(()) => self.entries += entries.len() as u64,
            Err(error) => tracing::warn!(%error, "an index entry is missing: reads of this segment begin more slowly"),
        }
    }

    fn write(&mut self, entries: &[Entry]) -> Result<(), FileError> {
        use std::os::unix::fs::FileExt;
        let at = self.entries * ENTRY as u64;
        let file = match &self.file {
            Some(file) => file,
            None => {
                let file = open_rw(&self.path)?;
                file.set_len(at).doing("cut", &self.path)?;
                self.file.insert(file)
            }
        };
        file.write_all_at(&encode(entries), at).doing("write", &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_up_to_the_first_that_does_not_grow() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.index");
        assert_eq!(load(&path), []);
        let mut appender = Appender::new(path.clone(), 0);
        appender.append(&[(0, 0), (5, 100)]);
        appender.append(&[(5, 200)]);
        assert_eq!(load(&path), [(0, 0), (5, 100), (5, 200)]);
        // A zero-filled tail, as a power failure may leave it.
        appender.append(&[(0, 0), (9, 900)]);
        assert_eq!(load(&path), [(0, 0), (5, 100), (5, 200)]);
        // Whoever goes on behind the good ones cuts the rest.
        Appender::new(path.clone(), 3).append(&[(7, 300)]);
        assert_eq!(load(&path), [(0, 0), (5, 100), (5, 200), (7, 300)]);
        store(&path, &[(1, 1)]).unwrap();
        assert_eq!(load(&path), [(1, 1)]);
    }

    #[test]
    fn timestamps_before_1970_sort_before_later_ones() {
        let all = [i64::MIN, -1, 0, 1, i64::MAX];
        assert!(all.map(from_timestamp).is_sorted());
        assert_eq!(all.map(|t| to_timestamp(from_timestamp(t))), all);
    }
}
