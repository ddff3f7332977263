//! The embedded log: the default queue, with nothing to install.
//!
//! A topic has partitions, a partition has segment files, a segment has frames, and a frame has the rows of one batch as
//! columns, as they lie in memory. So a batch is written with one vectored write of borrowed slices, and read back as
//! slices of what was read: no row is copied, and nothing is allocated for a row.
//!
//! ```text
//! <dir>/lock                            held by the process that has the log open
//! <dir>/topics/<topic>/topic.json       how many partitions; written last, so a topic is there or it is not
//! <dir>/topics/<topic>/<n>/<base>.log   frames; <base> is the offset of the first row, in 20 digits
//! <dir>/topics/<topic>/<n>/<base>.index, .timeindex   where in the segment rows are; hints, rebuilt when lost
//! <dir>/topics/<topic>/<n>/<base>.sources             checkpoints up to some row; spares reading all frames at a start
//! <dir>/groups/<group>.journal          what a group has committed
//! <dir>/trash/                          topics on their way out
//! ```
//!
//! # What is promised
//!
//! - **Nothing acknowledged is lost**, with the default [`SyncPolicy::Group`]: a batch is acknowledged when an `fdatasync`
//!   after its write has returned, and only then do readers see it. After a crash what was half written is cut off.
//! - **Nothing is skipped in silence.** Every frame has checksums, and they are compared whenever it is read. Damage, or
//!   a missing segment, is an error that names the file and the place, for that partition; others go on.
//! - **A full disk or a failed write loses the batches that were under way, and says so.** The file is cut back to what
//!   was acknowledged before anything else is written. A failed `fdatasync` is never tried again on the same open file.
//! - **Exactly once, for sources**, as described below.
//!
//! # Checkpoints
//!
//! The checkpoints that a batch reaches lie in the same frame as its rows, so they are durable together or not at all.
//! [`Driver::checkpoints`] answers with the newest of each source partition. A checkpoint must not become durable before
//! *all* earlier rows of its task, and frames of different partitions become durable in any order. Therefore:
//!
//! - Rows without key and partition of one task all go to one partition of a topic, chosen by the connector's name and
//!   the task's number. As long as everything under way goes to one partition, batches follow each other without waiting;
//!   the order of the file is the order of the rows. **Such a task is exactly-once across any crash.**
//! - A batch for another partition than what is under way waits until that is durable, and is exactly-once too.
//! - A batch whose rows go to **several** partitions is written in two steps: all but its last part, and, once that is
//!   durable, the last part with the checkpoints. A crash between the two leaves rows without their checkpoint, and they
//!   come again: **such batches are at-least-once across a crash**. So are batches larger than
//!   [`LogOptions::max_frame_bytes`], which become several frames.
//! - A batch that fails fails everything its producer sent after it: the producer must be opened anew.
//! - A row that is rejected (a partition that is not there, a row too large) holds back the checkpoints behind it, until
//!   the receipt that names it was taken from the acknowledgement. Whoever sends on after that has dealt with the row.
//! - A batch without rows may carry checkpoints: they are written when all that is under way is durable.
//! - What an operator alters is one frame without rows, so it holds as a whole or not at all, and it is newer than all that
//!   was before it. A checkpoint that was forgotten is remembered as such: it hides what others stored for it.
//!
//! A new producer of the same connector and task fences the old one. When [`Driver::producer`] returns nothing of the old
//! one can be written any more: ask for the checkpoints after that.
//!
//! # Threads
//!
//! Files are only touched on tokio's blocking threads. A partition has a writing job while there is something to write,
//! a consumer has a reading job while there is something to read; idle ones cost no thread. Groups of batches form by
//! themselves: what arrives while one `fdatasync` runs is the next group.
//!
//! # Reading the code
//!
//! `frame` is the format; `partition` writes it and recovers it; `read` and `walk` read it, with and without rows;
//! `route` and `producer` bring rows in; `group` and `consumer` bring them out; `offline` reads the files without a worker.

mod admin;
mod alter;
mod consumer;
mod core;
mod fence;
mod figures;
mod files;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod group;
mod index;
mod merge;
mod names;
pub mod offline;
mod options;
mod partition;
mod producer;
mod read;
mod retention;
mod route;
mod segment;
mod sources;
mod topic;
mod walk;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::runtime::Handle;
use wharf_core::SourceOffset;
use wharf_core::figures::Figure;

use self::core::{Core, blocking};
use consumer::LogConsumer;
pub use names::check_topic;
use options::FRAME_OVERHEAD;
pub use options::{LogOptions, SyncPolicy};
use producer::LogProducer;

use crate::driver::{
    AckModel, Admin, Atomicity, Capabilities, Consumer, ConsumerOptions, Driver, DriverError, Durability,
    HeaderSupport, Ordering, Producer, ProducerOptions, Replay,
};

/// The embedded log in one directory. Cheap to share behind its [`Arc`].
#[derive(Debug)]
pub struct LogDriver {
    core: Arc<Core>,
    capabilities: Capabilities,
}

impl LogDriver {
    /// Opens the log in a directory, which is created where it is missing (its parent must exist), and recovers what a
    /// crash left. Blocks while it looks at the tail of each partition; must be called within a tokio runtime.
    ///
    /// # Errors
    /// `Fatal` when an option makes no sense, the directory is in use by another process or cannot be used, or there is
    /// no runtime. Damage in a partition is no error here: that partition answers with it.
    pub fn open(dir: impl AsRef<Path>, options: LogOptions) -> Result<Arc<Self>, DriverError> {
        let runtime = Handle::try_current()
            .map_err(|_| DriverError::Fatal("the log must be opened within a tokio runtime".to_owned()))?;
        let core = Arc::new(Core::open(dir.as_ref(), options, runtime.clone())?);
        let options = &core.options;
        if options.retention_bytes.is_some() || options.retention_age.is_some() {
            runtime.spawn(retention::run(Arc::downgrade(&core), options.retention_every));
        }
        let capabilities = Capabilities {
            ordering: Ordering::Partition,
            ack: AckModel::Cumulative,
            replay: Replay::Any,
            atomicity: Atomicity::Checkpoints,
            keys: true,
            headers: HeaderSupport::Bytes,
            max_row_bytes: u64::from(options.max_frame_bytes - FRAME_OVERHEAD),
            durability: if options.durable_first() { Durability::Fsync } else { Durability::Configured },
            rebalance: true,
            admin: true,
        };
        Ok(Arc::new(Self { core, capabilities }))
    }

    /// The position of the first row of a partition that is in a frame with a row at or after `timestamp`, in
    /// milliseconds since 1970; the end when there is none; `None` when there is no such partition.
    ///
    /// # Errors
    /// When the files cannot be read.
    pub async fn offset_for_time(
        &self,
        topic: &str,
        partition: u32,
        timestamp: i64,
    ) -> Result<Option<i64>, DriverError> {
        let Some(topic) = self.core.topics.get(topic) else { return Ok(None) };
        let Some(partition) = topic.partitions.get(partition as usize).cloned() else { return Ok(None) };
        blocking(move || {
            for segment in partition.segments.all() {
                if let Some(offset) = segment.locate_time(&segment.open()?, timestamp)? {
                    return Ok(Some(offset as i64));
                }
            }
            Ok(Some(partition.end() as i64))
        })
        .await?
    }

    /// Deletes the segments that retention allows to delete, now. Returns how many.
    ///
    /// # Errors
    /// When the work was stopped.
    pub async fn apply_retention(&self) -> Result<usize, DriverError> {
        let core = Arc::clone(&self.core);
        blocking(move || retention::sweep(&core)).await
    }
}

#[async_trait]
impl Driver for LogDriver {
    fn name(&self) -> &'static str {
        "log"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, DriverError> {
        self.core.check()?;
        if let Some(topic) = &options.default_topic {
            check_topic(topic)?;
        }
        let fence = self.core.seat(&options.source, options.task).await;
        Ok(Box::new(LogProducer::new(Arc::clone(&self.core), options, fence)))
    }

    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, DriverError> {
        self.core.check()?;
        let core = Arc::clone(&self.core);
        Ok(Box::new(blocking(move || LogConsumer::new(core, &options)).await??))
    }

    fn admin(&self) -> Option<&dyn Admin> {
        Some(self)
    }

    async fn checkpoints(&self, source: &str) -> Result<Vec<SourceOffset>, DriverError> {
        Ok(self.core.checkpoints(source))
    }

    async fn alter_checkpoints(&self, source: &str, offsets: &[SourceOffset]) -> Result<bool, DriverError> {
        alter::alter(&self.core, source, offsets).await
    }

    fn trouble(&self) -> Option<String> {
        self.core.topics.partitions().iter().find_map(|partition| partition.trouble())
    }

    fn figures(&self) -> Vec<Figure> {
        figures::of(&self.core)
    }

    async fn close(&self) -> Result<(), DriverError> {
        if !self.core.shut() {
            return Ok(());
        }
        for partition in self.core.topics.partitions() {
            partition.wait_idle().await;
            blocking(move || partition.close()).await??;
        }
        self.core.unlock();
        Ok(())
    }
}

/// Locks; a thread that panicked while it held the lock is no reason to do so too.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
