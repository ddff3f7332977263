//! What a group has committed: a small file that is added to, and now and then written anew.
//!
//! A record is the length of its text, the CRC-32C of the text, and the text: a JSON list of positions, where no position
//! means forgotten. Later records win. A record that is not whole ends the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::log::files::{self, Doing, FileError};

/// The file is written anew when it is longer than this and mostly outdated.
const COMPACT: u64 = 256 << 10;
const PREFIX: usize = 8;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Change {
    pub(crate) topic: String,
    pub(crate) partition: u32,
    /// `None`: forgotten.
    pub(crate) position: Option<u64>,
}

/// Positions by topic and partition.
pub(crate) type Committed = BTreeMap<(String, u32), u64>;

/// The file of one group.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: Option<File>,
    len: u64,
    /// The file may have been replaced, or not: its length is to be looked up.
    unsure: bool,
    committed: Committed,
}

impl Journal {
    /// Reads the file, if there is one, and cuts what is not whole.
    pub(crate) fn open(path: PathBuf) -> Result<Self, FileError> {
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.doing("read", &path)?,
        };
        let mut journal = Self { path, file: None, len: 0, unsure: false, committed: BTreeMap::new() };
        let mut rest = bytes.as_slice();
        while let Some((changes, after)) = record(rest) {
            apply(&mut journal.committed, &changes);
            rest = after;
        }
        journal.len = (bytes.len() - rest.len()) as u64;
        if !rest.is_empty() {
            tracing::warn!(file = %journal.path.display(), bytes = rest.len(), "cut a commit that is not whole");
        }
        Ok(journal)
    }

    /// What is committed.
    pub(crate) fn committed(&self) -> &Committed {
        &self.committed
    }

    /// Makes changes durable.
    pub(crate) fn write(&mut self, changes: &[Change]) -> Result<(), FileError> {
        if self.unsure {
            // Whichever of two files it is, it says what is committed.
            self.len = Self::open(self.path.clone())?.len;
            self.unsure = false;
        }
        if self.len > COMPACT && self.len > 4 * 64 * self.committed.len() as u64 {
            self.compact()?;
        }
        let bytes = encode(changes);
        // Not put back on failure: a failed fsync must not be retried on the same file.
        let file = match self.file.take() {
            Some(file) => file,
            None => self.reopen()?,
        };
        let write = || {
            wharf_faults::hit("group.write")?;
            file.write_all_at(&bytes, self.len)?;
            wharf_faults::hit("group.sync")?;
            file.sync_data()
        };
        write().doing("write", &self.path)?;
        self.file = Some(file);
        self.len += bytes.len() as u64;
        apply(&mut self.committed, changes);
        Ok(())
    }

    fn reopen(&self) -> Result<File, FileError> {
        let is_new = !self.path.exists();
        let file = files::open_rw(&self.path)?;
        file.set_len(self.len).doing("cut", &self.path)?;
        file.sync_all().doing("sync", &self.path)?;
        if is_new && let Some(dir) = self.path.parent() {
            files::sync_dir(dir)?;
        }
        Ok(file)
    }

    fn compact(&mut self) -> Result<(), FileError> {
        let live: Vec<Change> = self
            .committed
            .iter()
            .map(|((topic, partition), &position)| Change {
                topic: topic.clone(),
                partition: *partition,
                position: Some(position),
            })
            .collect();
        let bytes = encode(&live);
        self.file = None;
        // The name may have changed hands before what follows failed.
        self.unsure = true;
        files::replace(&self.path, &bytes)?;
        self.unsure = false;
        self.len = bytes.len() as u64;
        Ok(())
    }
}

/// What a file says, without opening it for writing.
pub(crate) fn read(path: &Path) -> Result<Committed, FileError> {
    Journal::open(path.to_owned()).map(|journal| journal.committed)
}

pub(super) fn apply(committed: &mut Committed, changes: &[Change]) {
    for Change { topic, partition, position } in changes {
        match position {
            Some(position) => committed.insert((topic.clone(), *partition), *position),
            None => committed.remove(&(topic.clone(), *partition)),
        };
    }
}

fn encode(changes: &[Change]) -> Vec<u8> {
    // Text and numbers always make JSON.
    let json = serde_json::to_vec(changes).unwrap_or_default();
    let mut bytes = Vec::with_capacity(PREFIX + json.len());
    bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&json).to_le_bytes());
    bytes.extend_from_slice(&json);
    bytes
}

fn record(bytes: &[u8]) -> Option<(Vec<Change>, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (json, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
    let whole = crc32c::crc32c(json) == u32::from_le_bytes(*crc);
    whole.then(|| serde_json::from_slice(json).ok())?.map(|changes| (changes, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(partition: u32, position: Option<u64>) -> Change {
        Change { topic: "t".into(), partition, position }
    }

    #[test]
    fn commits_come_back_up_to_a_torn_one_at_any_byte() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("g.journal");
        let mut journal = Journal::open(path.clone()).unwrap();
        journal.write(&[change(0, Some(5)), change(1, Some(7))]).unwrap();
        let whole = std::fs::metadata(&path).unwrap().len();
        journal.write(&[change(0, Some(6)), change(1, None)]).unwrap();
        assert_eq!(read(&path).unwrap(), Committed::from([(("t".into(), 0), 6)]));
        let bytes = std::fs::read(&path).unwrap();
        for cut in whole..bytes.len() as u64 {
            std::fs::write(&path, &bytes[..cut as usize]).unwrap();
            let mut journal = Journal::open(path.clone()).unwrap();
            assert_eq!(journal.committed().get(&("t".into(), 0)), Some(&5), "cut at {cut}");
            journal.write(&[change(2, Some(1))]).unwrap();
            assert_eq!(read(&path).unwrap().len(), 3, "cut at {cut}");
        }
    }

    #[test]
    fn a_long_journal_is_written_anew_without_losing_a_position() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("g.journal");
        let mut journal = Journal::open(path.clone()).unwrap();
        journal.write(&[change(7, Some(3))]).unwrap();
        let many: Vec<Change> = (0..1000).map(|position| change(0, Some(position))).collect();
        for _ in 0..12 {
            journal.write(&many).unwrap();
        }
        assert!(std::fs::metadata(&path).unwrap().len() < 2 * COMPACT);
        assert_eq!(read(&path).unwrap(), Committed::from([(("t".into(), 0), 999), (("t".into(), 7), 3)]));
    }

    #[test]
    fn a_journal_that_was_replaced_although_it_seemed_not_loses_no_commit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("g.journal");
        let mut journal = Journal::open(path.clone()).unwrap();
        let many: Vec<Change> = (0..100).map(|position| change(0, Some(position))).collect();
        journal.write(&many).unwrap();
        // As when the directory cannot be synced after the rename: the file is the short one, and `len` that of the long.
        std::fs::write(&path, encode(&[change(0, Some(99))])).unwrap();
        (journal.file, journal.unsure) = (None, true);
        journal.write(&[change(0, Some(100))]).unwrap();
        assert_eq!(read(&path).unwrap(), Committed::from([(("t".into(), 0), 100)]));
    }
}
