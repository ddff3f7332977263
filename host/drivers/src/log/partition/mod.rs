//! One partition: a queue of batches, the job that writes them, and what readers see.

mod pending;
mod recover;
mod writer;

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use wharf_core::histogram::Histogram;

pub(crate) use pending::Pending;
pub(crate) use recover::{logs, recover};
use writer::Writer;

use super::files::FileError;
use super::lock;
use super::options::{LogOptions, SyncPolicy};
use super::segment::SegmentList;
use super::sources::Sources;
use crate::driver::DriverError;

/// How long a failed write is told of when no other follows. Longer than a waiting task takes to try again.
const RECENT: Duration = Duration::from_secs(30);

/// Who a partition is and where it lies.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) topic: Arc<str>,
    pub(crate) number: u32,
    pub(crate) dir: PathBuf,
    pub(crate) options: Arc<LogOptions>,
    /// How long the disk takes to sync, of all partitions.
    pub(crate) syncs: Arc<Histogram>,
    /// Keeps other processes out for as long as something may still be written.
    pub(crate) _held: Arc<File>,
}

/// A partition that is open.
#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) place: Place,
    /// Its files.
    pub(crate) segments: SegmentList,
    /// What its frames say of sources.
    pub(crate) sources: Mutex<Sources>,
    /// Why it can be neither written nor read: found when it was opened.
    damage: Option<String>,
    /// Why the last write failed, and when; `None` after one that worked.
    trouble: Mutex<Option<(Instant, DriverError)>>,
    /// The row behind the last that readers may see.
    end: AtomicU64,
    deleted: AtomicBool,
    closed: AtomicBool,
    queue: Mutex<Queue>,
    idle: Notify,
    room: Arc<Semaphore>,
    writer: Mutex<Writer>,
    listeners: Mutex<Vec<Weak<Notify>>>,
    runtime: Handle,
}

#[derive(Debug, Default)]
struct Queue {
    batches: VecDeque<Pending>,
    /// What is not durable yet shall be made so.
    sync: bool,
    /// A job takes from the queue.
    draining: bool,
}

impl Partition {
    /// Its first row.
    pub(crate) fn start(&self) -> u64 {
        self.segments.start()
    }

    /// The row behind the last that is acknowledged.
    pub(crate) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Whether it can be used.
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        if self.is_deleted() {
            return Err(DriverError::Retriable(format!("topic `{}` was deleted", self.place.topic)));
        }
        match &self.damage {
            None if self.closed.load(Ordering::Acquire) => Err(DriverError::Fatal("the log is closed".to_owned())),
            None => Ok(()),
            Some(damage) => Err(DriverError::Fatal(format!(
                "partition {} of topic `{}` cannot be used: {damage}",
                self.place.number, self.place.topic
            ))),
        }
    }

    /// Why it cannot be written, if that was so a moment ago. A partition that nobody tries to write to any more is
    /// not in trouble.
    pub(crate) fn trouble(&self) -> Option<String> {
        let trouble = lock(&self.trouble);
        let recent = trouble.as_ref().filter(|(since, _)| since.elapsed() < RECENT);
        recent.map(|(_, error)| {
            format!("partition {} of topic `{}` cannot be written: {error}", self.place.number, self.place.topic)
        })
    }

    fn write_failed(&self, error: &DriverError) {
        tracing::error!(topic = %self.place.topic, partition = self.place.number, %error, "write failed");
        *lock(&self.trouble) = Some((Instant::now(), error.clone()));
    }

    fn write_worked(&self) {
        if lock(&self.trouble).take().is_some() {
            tracing::info!(topic = %self.place.topic, partition = self.place.number, "writing works again");
        }
    }

    /// Where producers get permits, one for each byte that waits, but never more than there are in all.
    pub(crate) fn room(&self, bytes: u64) -> (Arc<Semaphore>, u32) {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX).min(self.place.options.in_flight_bytes);
        (Arc::clone(&self.room), permits)
    }

    /// Queues a batch behind those that were queued before.
    pub(crate) fn append(self: &Arc<Self>, batch: Pending) {
        let mut queue = lock(&self.queue);
        queue.batches.push_back(batch);
        self.start_draining(&mut queue);
    }

    fn request_sync(self: &Arc<Self>) {
        let mut queue = lock(&self.queue);
        queue.sync = true;
        self.start_draining(&mut queue);
    }

    fn start_draining(self: &Arc<Self>, queue: &mut Queue) {
        if !queue.draining {
            queue.draining = true;
            let partition = Arc::clone(self);
            self.runtime.spawn_blocking(move || partition.drain());
        }
    }

    /// Writes group after group until the queue is empty. Runs on a thread that may block.
    fn drain(self: Arc<Self>) {
        let _end = EndOfDrain(&self);
        loop {
            if let SyncPolicy::Group { window } = self.place.options.sync
                && !window.is_zero()
                && !lock(&self.queue).batches.is_empty()
            {
                std::thread::sleep(window);
            }
            let (group, sync) = {
                let mut queue = lock(&self.queue);
                if queue.batches.is_empty() && !queue.sync {
                    queue.draining = false;
                    return;
                }
                (std::mem::take(&mut queue.batches), std::mem::take(&mut queue.sync))
            };
            let again = lock(&self.writer).write(&self, group, sync);
            if let Some(after) = again {
                let partition = Arc::downgrade(&self);
                self.runtime.spawn(async move {
                    tokio::time::sleep(after).await;
                    if let Some(partition) = partition.upgrade() {
                        partition.request_sync();
                    }
                });
            }
        }
    }

    /// Returns when the queue is empty and nothing is being written.
    pub(crate) async fn wait_idle(&self) {
        loop {
            let mut changed = std::pin::pin!(self.idle.notified());
            changed.as_mut().enable();
            {
                let queue = lock(&self.queue);
                if queue.batches.is_empty() && !queue.draining {
                    return;
                }
            }
            changed.await;
        }
    }

    /// Makes everything durable, gives back what was reserved and writes down where sources stand; nothing may be written
    /// afterwards. Blocks.
    pub(crate) fn close(&self) -> Result<(), FileError> {
        let mut writer = lock(&self.writer);
        self.closed.store(true, Ordering::Release);
        writer.settle(self)
    }

    /// Whether its topic was deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Nothing may be written any more; blocks until what is being written is.
    pub(crate) fn set_deleted(&self) {
        let _writer = lock(&self.writer);
        self.deleted.store(true, Ordering::Release);
    }

    /// `listener` is notified whenever readers can see more.
    pub(crate) fn listen(&self, listener: &Arc<Notify>) {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|known| known.strong_count() > 0 && !std::ptr::eq(known.as_ptr(), Arc::as_ptr(listener)));
        listeners.push(Arc::downgrade(listener));
    }

    /// Lets readers see everything before row `end`.
    fn publish(&self, end: u64) {
        self.end.store(end, Ordering::Release);
        for listener in lock(&self.listeners).iter().filter_map(Weak::upgrade) {
            listener.notify_one();
        }
    }
}

/// Says that nobody drains any more, also when the job panicked.
struct EndOfDrain<'a>(&'a Partition);

impl Drop for EndOfDrain<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            lock(&self.0.queue).draining = false;
        }
        self.0.idle.notify_waiters();
    }
}
