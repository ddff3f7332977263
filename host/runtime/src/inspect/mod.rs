//! Looking at records while they pass through a connector's tasks.
//!
//! Each task holds its batches up to the worker's [`Taps`] for a look: a source, or a webhook source, what its plugin handed over,
//! just before it goes to the queue; a sink what it hands to its plugin. While nobody looks this costs one relaxed load
//! for each batch. Where somebody does, a few rows of the batch are copied for them ([`tap`](mod@tap) says which), into a channel of
//! bounded length and bytes. A task never waits for who looks: what finds no room is left out.
//!
//! What is seen is a sample, not a record of what happened: a batch that is sent or put again is seen again, and what is seen
//! may yet fail to be written.

mod record;
mod tap;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::mpsc;
use wharf_core::{Batch, Delivery};

pub use record::{Direction, Passed, PassedCell};
use tap::Tap;

/// Whose records, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InspectQuery {
    /// Only of this task.
    pub task: Option<u32>,
    /// So many; then it is over.
    pub limit: u32,
    /// Without it only sizes are shown, and nothing is copied.
    pub values: bool,
}

/// Everybody who looks at a connector of this worker.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    /// How many there are.
    open: AtomicUsize,
    taps: RwLock<Vec<Arc<Tap>>>,
}

/// Somebody who looks, until it is dropped.
#[derive(Debug)]
pub struct Inspection {
    taps: Arc<Taps>,
    tap: Arc<Tap>,
    records: mpsc::Receiver<Passed>,
}

impl Taps {
    pub(crate) fn open(self: &Arc<Self>, connector: &str, query: InspectQuery) -> Inspection {
        let (tap, records) = Tap::new(connector, query);
        let tap = Arc::new(tap);
        self.taps.write().unwrap_or_else(PoisonError::into_inner).push(tap.clone());
        self.open.fetch_add(1, Relaxed);
        Inspection { taps: self.clone(), tap, records }
    }

    /// Whether anybody looks at anything.
    pub(crate) fn are_open(&self) -> bool {
        self.open.load(Relaxed) > 0
    }

    /// Rows that a source's plugin handed over; `topic` is where they go that name none.
    pub(crate) fn see_batch(&self, connector: &str, task: u32, batch: &Batch, topic: Option<&str>) {
        self.each(connector, task, |tap| tap.look(batch.rows, |row| record::of_batch(task, batch, row, topic)));
    }

    /// Rows that a sink's plugin is handed.
    pub(crate) fn see_delivery(&self, connector: &str, task: u32, delivery: &Delivery) {
        self.each(connector, task, |tap| tap.look(delivery.batch.rows, |row| record::of_delivery(task, delivery, row)));
    }

    fn each(&self, connector: &str, task: u32, look: impl Fn(&Tap)) {
        let taps = self.taps.read().unwrap_or_else(PoisonError::into_inner);
        taps.iter().filter(|tap| tap.is_for(connector, task)).for_each(|tap| look(tap));
    }
}

impl Inspection {
    /// The next record; `None` after as many as were asked for. Cancel-safe.
    pub async fn next(&mut self) -> Option<Passed> {
        let record = self.records.recv().await?;
        self.tap.taken(&record);
        Some(record)
    }
}

impl Drop for Inspection {
    fn drop(&mut self) {
        self.taps.taps.write().unwrap_or_else(PoisonError::into_inner).retain(|tap| !Arc::ptr_eq(tap, &self.tap));
        self.taps.open.fetch_sub(1, Relaxed);
    }
}
