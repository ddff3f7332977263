//! What all producers and consumers of a log share.

use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

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

/// The current producer of a task; locked while it is replaced. It is nobody's once the producer is dropped and nothing
/// of it is under way.
type Seat = Arc<tokio::sync::Mutex<Weak<Fence>>>;

/// Seats are looked through for empty ones when there are so many, and then whenever there are twice as many as were taken.
const SEATS: usize = 64;

/// Who sends, by source and task.
#[derive(Debug)]
struct Seats {
    all: HashMap<(String, u32), Seat>,
    tidy_at: usize,
}

impl Default for Seats {
    fn default() -> Self {
        Self { all: HashMap::new(), tidy_at: SEATS }
    }
}

impl Seats {
    /// The seat of a task, and none of those that nobody uses any more: connectors come and go under ever new names.
    fn of(&mut self, source: &str, task: u32) -> Seat {
        if self.all.len() >= self.tidy_at {
            self.all.retain(|_, seat| {
                // Whoever is about to sit down holds a clone.
                Arc::strong_count(seat) > 1 || seat.try_lock().map_or(true, |taken| taken.strong_count() > 0)
            });
            self.tidy_at = (self.all.len() * 2).max(SEATS);
        }
        Arc::clone(self.all.entry((source.to_owned(), task)).or_default())
    }
}

/// An open log.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) options: Arc<LogOptions>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) groups: Groups,
    /// The number of the last checkpoint.
    sequence: AtomicU64,
    producers: Mutex<Seats>,
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
        let seat = lock(&self.producers).of(source, task);
        let mut seat = seat.lock().await;
        vacate(&mut seat).await;
        let fence = Arc::default();
        *seat = Arc::downgrade(&fence);
        fence
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
            producers.all.iter().filter(|((of, _), _)| of == source).map(|(_, seat)| Arc::clone(seat)).collect()
        };
        for seat in seats {
            vacate(&mut *seat.lock().await).await;
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

async fn vacate(seat: &mut Weak<Fence>) {
    if let Some(old) = std::mem::take(seat).upgrade() {
        old.close();
        old.wait_idle().await;
    }
}

/// Runs something that blocks on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, DriverError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| DriverError::Fatal(format!("the log's own work stopped: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn seats_that_nobody_uses_any_more_are_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let core = Core::open(dir.path(), LogOptions::default(), Handle::current()).unwrap();
        let kept = core.seat("kept", 0).await;
        for number in 0..10_000 {
            core.seat(&format!("source {number}"), 0).await;
        }
        assert!(lock(&core.producers).all.len() <= 2 * SEATS);
        kept.check().unwrap();
        let next = core.seat("kept", 0).await;
        assert!(matches!(kept.check(), Err(DriverError::Fenced(_))), "a seat that is used is never forgotten");
        next.check().unwrap();
    }
}
