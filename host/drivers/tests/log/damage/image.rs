//! A small log held in memory, written to disk anew for each way of damaging it, and what is found in it then.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use wharf_core::{Batch, TopicPosition};
use wharf_drivers::log::{LogDriver, LogOptions};
use wharf_drivers::{Admin, Driver, DriverError, Polled};

use crate::support::*;

/// Where rows that are added to a damaged log stand in their source.
pub(super) const ADDED: u64 = 1000;

/// Where the source stands in the file `b`.
pub(super) const OTHER: u64 = 7;

/// Two frames fill a segment, and each has its entry in the indexes.
pub(super) fn options() -> LogOptions {
    LogOptions { segment_bytes: 500, index_interval: 1, ..LogOptions::default() }
}

/// A frame, and where it lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) segment: usize,
    pub(super) begin: usize,
    pub(super) end: usize,
    /// The row behind its last.
    pub(super) rows: u64,
}

/// All files of a log, by their paths below its directory.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) files: BTreeMap<PathBuf, Vec<u8>>,
    pub(super) frames: Vec<Place>,
    pub(super) total: u64,
}

/// A runtime that every case of a test shares.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A directory in memory where there is one: these tests are about bytes, and each opens the log thousands of times.
fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

impl Image {
    /// `frames` frames of two rows, each acknowledged before the next; group `g` has committed row 1, then 2, then 3.
    /// `closed`: the log was closed, rather than killed.
    pub(super) async fn new(frames: u64, closed: bool) -> Self {
        let dir = scratch();
        let log = LogDriver::open(dir.path(), options()).unwrap();
        let mut producer = producer(&log, "s", 0).await;
        let mut places: Vec<Place> = Vec::new();
        for frame in 0..frames {
            let rows = frame * 2 + 2;
            let mut batch = marked(&numbers(rows - 2..rows), rows);
            batch.timestamps = vec![timestamp(rows - 2), timestamp(rows - 1)];
            if frame == 0 {
                // Of a file that is never heard of again: later only snapshots tell of it without a look at this frame.
                batch.checkpoints.insert(0, checkpoint(0, "b", OTHER));
            }
            put(&mut producer, batch).await.unwrap();
            let all = segments(dir.path());
            let segment = all.len() - 1;
            let begin = places.last().filter(|last| last.segment == segment).map_or(0, |last| last.end);
            let end = std::fs::metadata(&all[segment]).unwrap().len() as usize;
            places.push(Place { segment, begin, end, rows });
        }
        let mut reader = consumer(&log, "g", "0").await;
        assigned(&mut reader).await;
        for position in 1..=3 {
            reader.commit(&[TopicPosition { topic: "t".into(), partition: 0, position }]).await.unwrap();
        }
        drop(reader);
        if closed {
            log.close().await.unwrap();
        }
        let mut image = Self { files: BTreeMap::new(), frames: places, total: frames * 2 };
        image.take(dir.path(), Path::new(""));
        image
    }

    fn take(&mut self, root: &Path, below: &Path) {
        for entry in std::fs::read_dir(root.join(below)).unwrap() {
            let path = below.join(entry.unwrap().file_name());
            if root.join(&path).is_dir() {
                self.take(root, &path);
            } else if path != Path::new("lock") {
                self.files.insert(path.clone(), std::fs::read(root.join(&path)).unwrap());
            }
        }
    }

    /// The files with one of these extensions, sorted by name, and how long they are.
    pub(super) fn with(&self, extensions: &[&str]) -> Vec<(PathBuf, usize)> {
        let is_wanted = |path: &Path| path.extension().is_some_and(|it| extensions.iter().any(|wanted| *wanted == it));
        let found = self.files.iter().filter(|(path, _)| is_wanted(path));
        found.map(|(path, bytes)| (path.clone(), bytes.len())).collect()
    }

    /// How many rows the frames that end at or before byte `at` of a segment hold, all earlier segments counted.
    pub(super) fn rows_before(&self, segment: usize, at: usize) -> u64 {
        let before = self.frames.iter().filter(|it| (it.segment, it.end) <= (segment, at));
        before.map(|it| it.rows).max().unwrap_or(0)
    }

    /// Writes the files, but for those that `change` takes away.
    pub(super) fn written(&self, change: impl Fn(&Path, &mut Vec<u8>) -> bool) -> TempDir {
        let dir = scratch();
        std::fs::create_dir_all(dir.path().join("topics/t/0")).unwrap();
        std::fs::create_dir_all(dir.path().join("groups")).unwrap();
        for (path, bytes) in &self.files {
            let mut bytes = bytes.clone();
            if change(path, &mut bytes) {
                std::fs::write(dir.path().join(path), bytes).unwrap();
            }
        }
        dir
    }

    /// The files, of which one is cut to `len` bytes.
    pub(super) fn cut(&self, file: &Path, len: usize) -> TempDir {
        self.changed(file, |bytes| bytes.truncate(len))
    }

    /// The files, of which one has a bit flipped.
    pub(super) fn flipped(&self, file: &Path, at: usize, bit: usize) -> TempDir {
        self.changed(file, |bytes| bytes[at] ^= 1 << bit)
    }

    fn changed(&self, file: &Path, change: impl Fn(&mut Vec<u8>)) -> TempDir {
        self.written(|path, bytes| {
            if path == file {
                change(bytes);
            }
            true
        })
    }
}

/// When row `row` happened.
pub(super) fn timestamp(row: u64) -> i64 {
    1000 + row as i64 * 10
}

/// What is found in a log.
#[derive(Debug)]
pub(super) struct Found {
    /// The position of the oldest row.
    pub(super) start: u64,
    /// How many rows were read from there on, each found to be the one that was written.
    pub(super) rows: u64,
    /// What ended the reading before the end.
    pub(super) error: Option<DriverError>,
    /// The newest checkpoint of the file `a`.
    pub(super) position: Option<u64>,
    /// And of the file `b`.
    pub(super) other: Option<u64>,
}

impl Found {
    /// The message of the error, which must be one that names a cause for good.
    pub(super) fn told(&self) -> &str {
        match &self.error {
            Some(DriverError::Fatal(text)) => text,
            other => panic!("no damage is told, but {other:?}"),
        }
    }
}

/// Reads all there is, and compares each row with what was written at its position. Rows from `total` on were added by
/// [`go_on`].
pub(super) async fn look(log: &LogDriver, total: u64) -> Found {
    let (position, other) = (position(log, "s").await, other(log).await);
    let topic = log.describe("t").await.unwrap();
    let Some(partition) = topic.and_then(|topic| topic.partitions.first().cloned()) else {
        return Found { start: 0, rows: 0, error: None, position, other };
    };
    let mut reader = consumer(log, "look", "0").await;
    let (start, mut next) = (partition.start, partition.start);
    let mut error = None;
    while next < partition.end {
        match reader.poll(100_000, 1 << 24, LONG).await {
            Ok(Polled::Rows(delivery)) => {
                delivery.check().unwrap();
                for (text, at) in texts(&delivery.batch).iter().zip(&delivery.positions) {
                    assert_eq!(*at, next, "rows come without a gap");
                    assert!(
                        *text == format!("row {next}") || (text == "added" && next as u64 <= total),
                        "{text} at {at}"
                    );
                    next += 1;
                }
            }
            Ok(Polled::Assigned(_)) => {}
            Ok(other) => panic!("{other:?} at row {next} of {}", partition.end),
            Err(told) => {
                error = Some(told);
                break;
            }
        }
    }
    Found { start: start as u64, rows: (next - start) as u64, error, position, other }
}

async fn other(log: &LogDriver) -> Option<u64> {
    let known = log.checkpoints("s").await.unwrap();
    let at = known.into_iter().find(|at| at.partition == r#"{"filename":"b"}"#)?;
    at.offset.trim_matches(|c: char| !c.is_ascii_digit()).parse().ok()
}

/// Opens a log, which must work, and looks.
pub(super) async fn open_and_look(dir: &Path, total: u64) -> (Arc<LogDriver>, Found) {
    let log = LogDriver::open(dir, options()).unwrap();
    let found = look(&log, total).await;
    (log, found)
}

/// A row for a damaged log. It names its partition: there may seem to be more than one.
pub(super) fn added() -> Batch {
    Batch { partitions: vec![0], ..marked(&["added"], ADDED) }
}

/// Adds a row to a log whose rows end at `end`, and finds it again in a log that is opened anew.
pub(super) async fn go_on(dir: &Path, log: Arc<LogDriver>, end: u64) {
    put(&mut producer(&log, "s", 0).await, added()).await.unwrap();
    log.close().await.unwrap();
    drop(log);
    let (log, found) = open_and_look(dir, end).await;
    assert_eq!((found.start + found.rows, &found.error, found.position), (end + 1, &None, Some(ADDED)));
    log.close().await.unwrap();
}
