//! Where sources stand: the checkpoints in the frames of a partition, and the file that spares reading all frames.
//!
//! Beside the segment that begins at row 4711 lies `…4711.sources`: all checkpoints of the partition up to a row that the
//! file names, not before 4711. It is written when a segment begins and when the log is closed. At the next start only
//! the frames after that row are looked at. Two files are kept: with the older one only more frames have to be looked at.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{self, FileError};
use super::frame::Marks;
use super::names;

const EXTENSION: &str = "sources";
const KEPT: usize = 2;

/// A checkpoint of one source partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The larger one wins.
    pub(crate) sequence: u64,
    /// Which task it came from.
    pub(crate) task: u32,
    /// `None`: forgotten.
    pub(crate) offset: Option<String>,
}

/// By source and by canonical source partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sources(HashMap<String, HashMap<String, Mark>>);

impl Sources {
    /// Takes checkpoints in; newer ones win.
    pub(crate) fn apply(&mut self, marks: &Marks) {
        let known = match self.0.get_mut(&marks.source) {
            Some(known) => known,
            None => self.0.entry(marks.source.clone()).or_default(),
        };
        for (partition, offset) in &marks.at {
            let mark = Mark { sequence: marks.sequence, task: marks.task, offset: offset.clone() };
            put(known, partition, mark);
        }
    }

    /// Adds what is known of one source to `all`; newer checkpoints win.
    pub(crate) fn collect(&self, source: &str, all: &mut HashMap<String, Mark>) {
        for (partition, mark) in self.0.get(source).into_iter().flatten() {
            put(all, partition, mark.clone());
        }
    }

    /// The largest sequence number of one source; `None` where nothing is known of it.
    pub(crate) fn newest_of(&self, source: &str) -> Option<u64> {
        self.0.get(source)?.values().map(|mark| mark.sequence).max()
    }

    /// The largest sequence number; 0 when there is none.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.0.values().flat_map(HashMap::values).map(|mark| mark.sequence).max().unwrap_or(0)
    }
}

fn put(known: &mut HashMap<String, Mark>, partition: &str, mark: Mark) {
    match known.get_mut(partition) {
        Some(old) if old.sequence > mark.sequence => {}
        Some(old) => *old = mark,
        None => {
            known.insert(partition.to_owned(), mark);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Content {
    version: u32,
    upto: u64,
    sources: Sources,
}

/// Writes what is known when `upto` is the next row, beside the segment that begins at `base`.
pub(crate) fn store(dir: &Path, base: u64, upto: u64, sources: &Sources) -> Result<(), FileError> {
    let content = Content { version: 1, upto, sources: sources.clone() };
    // Text and numbers always make JSON.
    let json = serde_json::to_vec(&content).unwrap_or_default();
    let mut bytes = format!("{:08x}\n", crc32c::crc32c(&json)).into_bytes();
    bytes.extend_from_slice(&json);
    files::replace(&dir.join(names::file_at(base, EXTENSION)), &bytes)?;
    let snapshots = list(dir)?;
    let old = snapshots.len().saturating_sub(KEPT);
    snapshots.iter().take(old).try_for_each(|path| files::remove(path))
}

/// The newest file that is whole and does not speak of rows after `end`: the row it is valid up to, and what it says.
/// Nothing and row 0 where there is none.
pub(crate) fn load(dir: &Path, end: u64) -> Result<(u64, Sources), FileError> {
    for path in list(dir)?.iter().rev() {
        match parse(&std::fs::read(path).unwrap_or_default()) {
            Some(content) if content.upto <= end => return Ok((content.upto, content.sources)),
            Some(content) => tracing::warn!(
                file = %path.display(), upto = content.upto, end,
                "rows that were acknowledged are missing at the end of the log"
            ),
            None => tracing::warn!(file = %path.display(), "ignoring a snapshot that is not whole"),
        }
    }
    Ok((0, Sources::default()))
}

/// Whether there is a file, whatever it says.
pub(crate) fn is_any(dir: &Path) -> Result<bool, FileError> {
    Ok(!list(dir)?.is_empty())
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut paths = files::entries(dir)?;
    paths.retain(|path| names::base_of(path, EXTENSION).is_some());
    Ok(paths)
}

fn parse(bytes: &[u8]) -> Option<Content> {
    let (crc, json) = bytes.split_at_checked(9)?;
    let crc = u32::from_str_radix(std::str::from_utf8(crc).ok()?.trim_end(), 16).ok()?;
    let content: Content = serde_json::from_slice(json).ok()?;
    (crc32c::crc32c(json) == crc && content.version == 1).then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(sequence: u64, offset: Option<&str>) -> Marks {
        Marks { source: "s".into(), task: 0, sequence, at: vec![("p".into(), offset.map(Into::into))] }
    }

    fn newest(sources: &[&Sources]) -> Option<String> {
        let mut all = HashMap::new();
        sources.iter().for_each(|one| one.collect("s", &mut all));
        all.remove("p").and_then(|mark| mark.offset)
    }

    #[test]
    fn the_newest_checkpoint_wins_in_whatever_order_they_come() {
        let (mut a, mut b) = (Sources::default(), Sources::default());
        a.apply(&marks(5, Some("five")));
        a.apply(&marks(3, Some("three")));
        assert_eq!(newest(&[&a]).as_deref(), Some("five"));
        b.apply(&marks(7, None));
        assert_eq!(newest(&[&a, &b]), None);
        assert_eq!(newest(&[&b, &a]), None);
        assert_eq!((a.last_sequence(), b.last_sequence()), (5, 7));
        assert_eq!((a.newest_of("s"), a.newest_of("other")), (Some(5), None));
    }

    #[test]
    fn a_snapshot_that_is_broken_or_too_new_falls_back_to_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let mut sources = Sources::default();
        for (base, sequence) in [(0, 1), (10, 2), (20, 3)] {
            sources.apply(&marks(sequence, Some("x")));
            store(dir.path(), base, base, &sources).unwrap();
        }
        assert_eq!(list(dir.path()).unwrap().len(), KEPT);
        assert_eq!(load(dir.path(), 20).unwrap(), (20, sources.clone()));
        assert_eq!(load(dir.path(), 19).unwrap().0, 10);
        let newest = dir.path().join(names::file_at(20, EXTENSION));
        let mut bytes = std::fs::read(&newest).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&newest, bytes).unwrap();
        assert_eq!(load(dir.path(), 20).unwrap().0, 10);
        assert_eq!(load(dir.path(), 5).unwrap(), (0, Sources::default()));
    }
}
