//! One file of a partition, and the list of them.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::files::{Doing, FileError};
use super::frame::{HEAD, Head};
use super::index::{self, Entry};
use super::lock;
use super::walk::{Step, Walker};

/// A segment: frames one after the other, beginning with row `base`.
#[derive(Debug)]
pub(crate) struct Segment {
    /// The offset of its first row.
    pub(crate) base: u64,
    /// The `.log` file.
    pub(crate) path: PathBuf,
    /// Up to which byte readers may look.
    visible: AtomicU64,
    /// Whether nothing more will be written; the index is then in its file only.
    sealed: AtomicBool,
    index: Mutex<Vec<Entry>>,
}

impl Segment {
    /// A segment that is written no more.
    pub(crate) fn sealed(base: u64, path: PathBuf, len: u64) -> Self {
        let visible = AtomicU64::new(len);
        Self { base, path, visible, sealed: AtomicBool::new(true), index: Mutex::default() }
    }

    /// A segment that is written to.
    pub(crate) fn active(base: u64, path: PathBuf, len: u64, index: Vec<Entry>) -> Self {
        let visible = AtomicU64::new(len);
        Self { base, path, visible, sealed: AtomicBool::new(false), index: Mutex::new(index) }
    }

    /// The file with this extension instead of `.log`.
    pub(crate) fn beside(&self, extension: &str) -> PathBuf {
        self.path.with_extension(extension)
    }

    /// Up to which byte readers may look.
    pub(crate) fn visible(&self) -> u64 {
        self.visible.load(Ordering::Acquire)
    }

    /// Lets readers see everything before byte `len`.
    pub(crate) fn publish(&self, len: u64, entries: &[Entry]) {
        if !entries.is_empty() {
            lock(&self.index).extend_from_slice(entries);
        }
        self.visible.store(len, Ordering::Release);
    }

    /// Nothing more will be written: drops the index from memory.
    pub(crate) fn seal(&self) {
        self.sealed.store(true, Ordering::Release);
        *lock(&self.index) = Vec::new();
    }

    /// Opens the file for reading.
    pub(crate) fn open(&self) -> Result<File, FileError> {
        File::open(&self.path).doing("open", &self.path)
    }

    /// Where the frame lies that holds row `offset`, or the frame before which that row is missing.
    pub(crate) fn locate(&self, file: &File, offset: u64) -> Result<u64, FileError> {
        let entries = if self.sealed.load(Ordering::Acquire) {
            index::load(&self.beside("index"))
        } else {
            lock(&self.index).clone()
        };
        let near = entries.partition_point(|entry| entry.0 <= offset);
        let from = trusted(file, entries.get(..near).unwrap_or_default());
        let mut walker = Walker::new(file, &self.path, from.map_or(0, |(_, entry)| entry.1), self.visible());
        loop {
            match walker.step(false)? {
                Step::Frame(seen) if seen.head.end() > offset => return Ok(seen.position),
                Step::Frame(_) => {}
                Step::End | Step::Broken => return Ok(walker.position),
            }
        }
    }

    /// The offset of the first frame that has a row at or after `timestamp`; `None` when the segment has none.
    pub(crate) fn locate_time(&self, file: &File, timestamp: i64) -> Result<Option<u64>, FileError> {
        let times = index::load(&self.beside("timeindex"));
        let before = times.partition_point(|entry| index::to_timestamp(entry.0) < timestamp);
        let from = before.checked_sub(1).and_then(|last| times.get(last)).map_or(self.base, |entry| entry.1);
        let mut walker = Walker::new(file, &self.path, self.locate(file, from)?, self.visible());
        while let Step::Frame(seen) = walker.step(false)? {
            if seen.head.rows > 0 && seen.head.max_timestamp >= timestamp {
                return Ok(Some(seen.head.base));
            }
        }
        Ok(None)
    }
}

/// The last entry at whose position its frame begins, and its place among the entries.
pub(crate) fn trusted(file: &File, entries: &[Entry]) -> Option<(usize, Entry)> {
    use std::os::unix::fs::FileExt;
    let begins = |&(offset, position): &Entry| {
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, position).is_ok() && Head::parse(&head).is_some_and(|head| head.base == offset)
    };
    entries.iter().copied().enumerate().rev().find(|(_, entry)| begins(entry))
}

/// The segments of a partition, by base offset.
#[derive(Debug, Default)]
pub(crate) struct SegmentList(RwLock<Vec<Arc<Segment>>>);

impl SegmentList {
    pub(crate) fn new(segments: Vec<Arc<Segment>>) -> Self {
        Self(RwLock::new(segments))
    }

    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Vec<Arc<Segment>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Adds the newest.
    pub(crate) fn push(&self, segment: Arc<Segment>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(segment);
    }

    /// Takes the oldest away; the newest always stays.
    pub(crate) fn pop_first(&self) -> Option<Arc<Segment>> {
        let mut segments = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if segments.len() > 1 { Some(segments.remove(0)) } else { None }
    }

    /// Puts the oldest back.
    pub(crate) fn push_first(&self, segment: Arc<Segment>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(0, segment);
    }

    /// Where the oldest begins.
    pub(crate) fn start(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).first().map_or(0, |segment| segment.base)
    }

    /// The segment that holds, or will hold, row `offset`.
    pub(crate) fn at(&self, offset: u64) -> Option<Arc<Segment>> {
        let segments = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let behind = segments.partition_point(|segment| segment.base <= offset);
        behind.checked_sub(1).and_then(|at| segments.get(at)).cloned()
    }

    /// The segment that follows the one beginning at `base`.
    pub(crate) fn after(&self, base: u64) -> Option<Arc<Segment>> {
        let segments = self.0.read().unwrap_or_else(PoisonError::into_inner);
        segments.get(segments.partition_point(|segment| segment.base <= base)).cloned()
    }

    /// Bytes of all segments.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).iter().map(|segment| segment.visible()).sum()
    }
}

/// Deletes a segment's files. The `.log` goes last: what is left of a deletion that was interrupted is a segment again.
pub(crate) fn delete(log: &Path) -> Result<(), FileError> {
    super::files::remove(&log.with_extension("index"))?;
    super::files::remove(&log.with_extension("timeindex"))?;
    super::files::remove(log)?;
    // Before the next is deleted: none may be missing in the middle.
    log.parent().map_or(Ok(()), super::files::sync_dir)
}
