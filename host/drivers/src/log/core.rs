//! What all producers and consumers of a log share.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::runtime::Handle;
use wharf_core::SourceOffset;

use super::fence::Fence;
use super::files;
use super::group::Groups;
use super::lock;
use super::options::LogOptions;
use super::sources::Mark;
use super::topic::{Topic, Topics};
use crate::driver::DriverError;

/// The current producer of a task; locked while it is replaced.
type Seat = Arc<tokio::sync::Mutex<Option<Arc<Fence>>>>;

/// An open log.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: Arc<LogOptions>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) groups: Groups,
    /// The number of the last checkpoint.
    sequence: AtomicU64,
    producers: Mutex<HashMap<(String, u32), Seat>>,
    closed: AtomicBool,
    held: Arc<File>,
}

impl Core {
    /// Opens the log in a directory. Blocks.
    pub(crate) fn open(dir: &Path, options: LogOptions, runtime: Handle) -> Result<Self, DriverError> {
        options.check()?;
        let fatal = |error: files::FileError| DriverError::Fatal(error.to_string());
        files::create_dir(dir).map_err(fatal)?;
        let held = Arc::new(files::lock_dir(dir)?);
        let options = Arc::new(options);
        let topics = Arc::new(Topics::open(dir, Arc::clone(&options), runtime, Arc::clone(&held)).map_err(fatal)?);
        let groups = Groups::open(&dir.join("groups"), Arc::clone(&topics)).map_err(fatal)?;
        let last = topics.partitions().iter().map(|partition| lock(&partition.sources).last_sequence()).max();
        Ok(Self {
            options,
            topics,
            groups,
            sequence: AtomicU64::new(last.unwrap_or(0)),
            producers: Mutex::default(),
            closed: AtomicBool::new(false),
            held,
        })
    }

    /// Whether the log is open.
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(DriverError::Fatal("the log is closed".to_owned()));
        }
        Ok(())
    }

    /// Refuses everything from now on. Whether it was open.
    pub(crate) fn shut(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    /// Lets others open the directory. Nothing is written any more.
    pub(crate) fn unlock(&self) {
        files::unlock(&self.held);
    }

    /// A number larger than that of every checkpoint there is.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Seats a new producer. When this returns the one before is fenced and nothing of it is under way.
    pub(crate) async fn seat(&self, source: &str, task: u32) -> Arc<Fence> {
        let seat = Arc::clone(lock(&self.producers).entry((source.to_owned(), task)).or_default());
        let mut seat = seat.lock().await;
        if let Some(old) = seat.take() {
            old.close();
            old.wait_idle().await;
        }
        Arc::clone(seat.insert(Arc::default()))
    }

    /// The topic, created with the default number of partitions where it is missing.
    pub(crate) async fn topic_or_create(self: &Arc<Self>, name: &str) -> Result<Arc<Topic>, DriverError> {
        loop {
            if let Some(topic) = self.topics.get(name) {
                return Ok(topic);
            }
            self.create_topic(name, self.options.default_partitions).await?;
        }
    }

    /// Creates a topic and tells the groups.
    pub(crate) async fn create_topic(self: &Arc<Self>, name: &str, partitions: u32) -> Result<bool, DriverError> {
        let (core, topic) = (Arc::clone(self), name.to_owned());
        let created = blocking(move || core.topics.create(&topic, partitions)).await??;
        if created {
            self.groups.topics_changed(name);
        }
        Ok(created)
    }

    /// No producer of this source can write any more, and nothing of them is under way, when this returns.
    pub(crate) async fn vacate(&self, source: &str) {
        let seats: Vec<Seat> = {
            let producers = lock(&self.producers);
            producers.iter().filter(|((of, _), _)| of == source).map(|(_, seat)| Arc::clone(seat)).collect()
        };
        for seat in seats {
            let mut seat = seat.lock().await;
            if let Some(old) = seat.take() {
                old.close();
                old.wait_idle().await;
            }
        }
    }

    /// The newest checkpoint of each source partition; the offset of one that is forgotten is empty.
    pub(crate) fn checkpoints(&self, source: &str) -> Vec<SourceOffset> {
        let mut all: HashMap<String, Mark> = HashMap::new();
        for partition in self.topics.partitions() {
            lock(&partition.sources).collect(source, &mut all);
        }
        let known = all.into_iter();
        let known = known.map(|(partition, mark)| SourceOffset { partition, offset: mark.offset.unwrap_or_default() });
        let mut known: Vec<SourceOffset> = known.collect();
        known.sort_by(|a, b| a.partition.cmp(&b.partition));
        known
    }
}

/// Runs something that blocks on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DriverError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| DriverError::Fatal(format!("the log's own work stopped: {error}")))
}
