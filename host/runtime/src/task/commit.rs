//! Committing source offsets: into the store, then to the guest.
//!
//! Where the queue keeps no checkpoints, an offset is durable in the store before the guest hears of it. One write runs
//! at a time and everything acknowledged meanwhile goes into the next, so a slow disk makes for larger commits and not
//! for a queue of them. Where the queue keeps checkpoints in the same atomic write as the rows, an acknowledged offset
//! is durable already: the guest hears at once, and the store gets a copy now and then, for people to look at.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use tracing::warn;
use wharf_core::SourceOffset;
use wharf_core::trace::Stage;
use wharf_drivers::Atomicity;
use wharf_store::{Offsets, StoreError};

use super::offsets::{Newest, SourceOffsets};
use super::{Task, TaskError, TaskView};
use crate::progress::Counters;

type Write = BoxFuture<'static, (Newest, Result<(), StoreError>)>;

/// The offsets of one source task on their way.
pub(super) struct Commits {
    store: Arc<Offsets>,
    connector: String,
    view: Arc<TaskView>,
    reader: Arc<SourceOffsets>,
    /// The queue holds offsets itself, and the store gets a copy this often.
    copy_every: Option<Duration>,
    /// Acknowledged by the queue, not yet given to the store.
    acknowledged: Newest,
    /// The write that is under way.
    write: Option<Write>,
    /// When it began.
    began: Instant,
    /// The last copy failed.
    is_late: bool,
    /// When the last write ended.
    written: Instant,
    /// Durable, and the guest has not heard.
    untold: Newest,
}

impl Commits {
    pub(super) fn new(task: &Task, reader: Arc<SourceOffsets>) -> Self {
        let holds_checkpoints = task.env.driver.capabilities().atomicity == Atomicity::Checkpoints;
        Self {
            store: task.env.offsets.clone(),
            connector: task.job.spec.name.clone(),
            view: task.view.clone(),
            reader,
            copy_every: holds_checkpoints.then_some(task.env.options.flush_interval),
            acknowledged: Newest::default(),
            write: None,
            began: Instant::now(),
            is_late: false,
            written: Instant::now(),
            untold: Newest::default(),
        }
    }

    /// These are safe in the queue, with everything before them.
    pub(super) fn acknowledged(&mut self, offsets: Vec<SourceOffset>) {
        if self.copy_every.is_some() {
            self.reader.reached(&offsets);
            offsets.iter().cloned().for_each(|it| self.untold.add(it));
        }
        offsets.into_iter().for_each(|it| self.acknowledged.add(it));
        if self.copy_every.is_none() {
            self.begin();
        }
    }

    /// Begins to write, unless a write is under way or there is nothing to write.
    pub(super) fn begin(&mut self) {
        if self.write.is_some() || self.acknowledged.is_empty() {
            return;
        }
        let (store, connector, newest) = (self.store.clone(), self.connector.clone(), self.acknowledged.take());
        self.began = Instant::now();
        self.write = Some(Box::pin(async move {
            let result = store.commit(&connector, &newest.to_vec()).await.map(drop);
            (newest, result)
        }));
    }

    /// Whether the guest waits for an offset that is on its way.
    pub(super) fn are_awaited(&self) -> bool {
        let on_the_way = self.write.is_some() || !self.acknowledged.is_empty();
        !self.untold.is_empty() || (self.copy_every.is_none() && on_the_way)
    }

    /// Waits for the write that is under way, or for the time of the next copy; for ever where there is nothing to do.
    /// Cancel-safe.
    pub(super) async fn step(&mut self) -> Result<(), TaskError> {
        if let (None, Some(every), false) = (&self.write, self.copy_every, self.acknowledged.is_empty()) {
            sleep_until(self.written + every).await;
            self.begin();
        }
        let Some(write) = &mut self.write else {
            return pending().await;
        };
        let (newest, result) = write.await;
        self.write = None;
        self.written = Instant::now();
        let took = self.written.duration_since(self.began);
        self.view.measures.committed(took, result.is_ok());
        match result {
            Ok(()) => {
                wharf_faults::reach("source.stored");
                self.is_late = false;
                self.view.measures.took(Stage::OffsetFlush, took);
                Counters::add(&self.view.counters.commits, 1);
                if self.copy_every.is_none() {
                    self.untold.merge(newest);
                    self.begin();
                }
                Ok(())
            }
            Err(error) => {
                self.acknowledged.restore(newest);
                if self.copy_every.is_none() {
                    return Err(error.into());
                }
                // Only a copy: what is safe is in the queue.
                warn!(%error, "the store gets its copy of the offsets later");
                self.view.waits(&error.into());
                self.is_late = true;
                Ok(())
            }
        }
    }

    /// Writes everything.
    pub(super) async fn settle(&mut self) -> Result<(), TaskError> {
        self.is_late = false;
        self.begin();
        while self.write.is_some() {
            self.step().await?;
            // A copy that failed just now is not tried again and again.
            if !self.is_late {
                self.begin();
            }
        }
        Ok(())
    }

    /// What is durable and not told to the guest yet.
    pub(super) fn take_untold(&mut self) -> Option<Newest> {
        (!self.untold.is_empty()).then(|| self.untold.take())
    }

    /// The guest could not be told yet.
    pub(super) fn give_back(&mut self, untold: Newest) {
        self.untold.restore(untold);
    }
}
