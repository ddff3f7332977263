//! Reads a log's files directly, whether or not a worker is running. Nothing is ever changed.
//!
//! What a running worker has written but not yet acknowledged may be seen. A frame at the very end that is not whole is
//! taken for one that is being written: reading stops before it.
//!
//! All of this blocks.
//!
//! ```no_run
//! let log = wharf_drivers::log::offline::LogFiles::open("wharf-data/log")?;
//! let mut reader = log.reader("lines", 0, Some(10_000))?;
//! while let Some(rows) = reader.next_rows()? {
//!     for (row, position) in rows.batch.iter().zip(&rows.positions) {
//!         assert!(row.value.is_some() && *position >= 10_000);
//!     }
//! }
//! # Ok::<(), wharf_drivers::DriverError>(())
//! ```

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_core::{Delivery, TopicPosition};

use super::consumer::delivery;
use super::files::{Doing, FileError};
use super::group::read_journal;
use super::partition::logs;
use super::read::{Cursor, Rows};
use super::segment::{Segment, SegmentList};
use super::topic::{Description, described};
use super::walk::{Step, Walker};
use super::{index, names, segment};
use crate::driver::{DriverError, PartitionInfo, TopicInfo};

const READ: usize = 1 << 20;

/// The files of a log.
#[derive(Debug, Clone)]
pub struct LogFiles {
    dir: PathBuf,
}

impl LogFiles {
    /// The log in a directory.
    ///
    /// # Errors
    /// `Fatal` when there is no log.
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, DriverError> {
        let dir = dir.as_ref();
        if !dir.join("topics").is_dir() {
            return Err(DriverError::Fatal(format!(
                "there is no log in {}: give the directory that `wharf run` uses",
                dir.display()
            )));
        }
        Ok(Self { dir: dir.to_owned() })
    }

    fn topics(&self) -> Result<Vec<(String, Description)>, DriverError> {
        Ok(described(&self.dir.join("topics"))?)
    }

    /// The names of all topics, sorted.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(&self) -> Result<Vec<String>, DriverError> {
        Ok(self.topics()?.into_iter().map(|(name, _)| name).collect())
    }

    /// A topic and its partitions; `None` where there is none of that name.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, DriverError> {
        let Some((name, description)) = self.topics()?.into_iter().find(|(name, _)| name == topic) else {
            return Ok(None);
        };
        let partitions = (0..description.partitions).map(|number| self.partition(&name, number));
        Ok(Some(TopicInfo { partitions: partitions.collect::<Result<_, _>>()?, name }))
    }

    fn partition(&self, topic: &str, number: u32) -> Result<PartitionInfo, DriverError> {
        let segments = self.segments(topic, number)?;
        let (mut end, mut bytes) = (0, 0);
        for segment in &segments {
            bytes += segment.visible();
        }
        if let Some(last) = segments.last() {
            end = end_of(last)?;
        }
        let start = segments.first().map_or(0, |segment| segment.base);
        Ok(PartitionInfo { partition: number, start: start as i64, end: end as i64, bytes: Some(bytes) })
    }

    fn segments(&self, topic: &str, number: u32) -> Result<Vec<Arc<Segment>>, FileError> {
        let dir = self.dir.join("topics").join(topic).join(number.to_string());
        let open = |(base, path): (u64, PathBuf)| {
            let len = std::fs::metadata(&path).doing("look at", &path)?.len();
            Ok(Arc::new(Segment::sealed(base, path, len)))
        };
        logs(&dir)?.into_iter().map(open).collect()
    }

    /// Reads a partition from a row on, or from its first; from the nearest row there is where that one is not.
    ///
    /// # Errors
    /// `Rejected` when there is no such topic or partition; else when the files cannot be read.
    pub fn reader(&self, topic: &str, partition: u32, from: Option<u64>) -> Result<Reader, DriverError> {
        names::check_topic(topic)?;
        let Some(found) = self.describe(topic)? else {
            let known = self.list()?;
            return Err(DriverError::Rejected(format!(
                "there is no topic `{topic}`{}",
                if known.is_empty() { String::new() } else { format!(": there are {}", known.join(", ")) }
            )));
        };
        let Some(info) = found.partitions.get(partition as usize) else {
            return Err(DriverError::Rejected(format!(
                "there is no partition {partition} of topic `{topic}`: it has {}, numbered from 0",
                found.partitions.len()
            )));
        };
        let from = from.unwrap_or(0).clamp(info.start as u64, info.end as u64);
        let (log, segments) = (self.clone(), SegmentList::new(self.segments(topic, partition)?));
        let (topic, cursor, ready) = (topic.to_owned(), Cursor::tolerant(from), VecDeque::new());
        Ok(Reader { log, topic, partition, segments, cursor, ready })
    }

    /// What a group has committed; nothing where there is no such group.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn committed(&self, group: &str) -> Result<Vec<TopicPosition>, DriverError> {
        let path = self.dir.join("groups").join(names::group_file(group)?);
        let position = |((topic, partition), position): ((String, u32), u64)| TopicPosition {
            topic,
            partition,
            position: i64::try_from(position).unwrap_or(i64::MAX),
        };
        Ok(read_journal(&path)?.into_iter().map(position).collect())
    }
}

fn end_of(last: &Segment) -> Result<u64, FileError> {
    let file = last.open()?;
    let entries = index::load(&last.beside("index"));
    let (mut end, position) = segment::trusted(&file, &entries).map_or((last.base, 0), |(_, entry)| entry);
    let mut walker = Walker::new(&file, &last.path, position, last.visible());
    while let Step::Frame(seen) = walker.step(true)? {
        end = seen.head.end();
    }
    Ok(end)
}

/// Reads one partition. At its end it can be asked again later, for what came since.
#[derive(Debug)]
pub struct Reader {
    log: LogFiles,
    topic: String,
    partition: u32,
    segments: SegmentList,
    cursor: Cursor,
    ready: VecDeque<Rows>,
}

impl Reader {
    /// The next rows; `None` when there are no more for now.
    ///
    /// # Errors
    /// `Fatal` where a file is damaged or missing; `Retriable` when it cannot be read.
    pub fn next_rows(&mut self) -> Result<Option<Delivery>, DriverError> {
        if self.ready.is_empty() {
            self.ready.extend(self.cursor.read(&self.segments, READ)?);
        }
        if self.ready.is_empty() {
            // The files may have grown, or there may be new ones.
            self.segments = SegmentList::new(self.log.segments(&self.topic, self.partition)?);
            self.cursor = Cursor::tolerant(self.cursor.offset.max(self.segments.start()));
            self.ready.extend(self.cursor.read(&self.segments, READ)?);
        }
        Ok(self.ready.pop_front().map(|rows| delivery(&self.topic, self.partition, rows)))
    }

    /// The position of the next row that `next_rows` will give.
    pub fn position(&self) -> u64 {
        self.ready.front().map_or(self.cursor.offset, |rows| rows.base)
    }
}
