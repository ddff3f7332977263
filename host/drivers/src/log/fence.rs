//! What keeps the batches of one producer in order, and a producer that was replaced out.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::driver::DriverError;

const OPEN: u8 = 0;
const FAILED: u8 = 1;
const FENCED: u8 = 2;

/// Shared by a producer and its batches that are under way.
///
/// A batch that fails fails all later ones of its producer: the checkpoint of a later batch must not become durable when
/// an earlier batch did not.
#[derive(Debug, Default)]
pub(crate) struct Fence {
    state: AtomicU8,
    /// What failed; there before `state` says that something did.
    cause: OnceLock<DriverError>,
    in_flight: AtomicUsize,
    idle: Notify,
}

impl Fence {
    /// Whether batches may still be written.
    pub(crate) fn check(&self) -> Result<(), DriverError> {
        match self.state.load(Ordering::SeqCst) {
            OPEN => Ok(()),
            FAILED => Err(self.cause.get().cloned().unwrap_or_else(unfinished)),
            _ => Err(DriverError::Fenced("another producer of the same task took this one's place".into())),
        }
    }

    /// Nothing that follows may be written: it fails with the same cause, which says more than that something failed
    /// before.
    pub(crate) fn fail(&self, cause: &DriverError) {
        self.cause.get_or_init(|| cause.clone());
        self.state.fetch_max(FAILED, Ordering::SeqCst);
    }

    /// Another producer takes over: what is not being written yet never will be.
    pub(crate) fn close(&self) {
        self.state.store(FENCED, Ordering::SeqCst);
    }

    /// Counts one batch more.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }

    /// Whether nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::SeqCst) == 0
    }

    /// Returns when nothing is under way any more.
    pub(crate) async fn wait_idle(&self) {
        loop {
            let mut changed = std::pin::pin!(self.idle.notified());
            changed.as_mut().enable();
            if self.is_idle() {
                return;
            }
            changed.await;
        }
    }
}

/// The cause where a batch was not handed over whole.
pub(crate) fn unfinished() -> DriverError {
    DriverError::Retriable("an earlier batch of this producer was not handed over whole: open the producer anew".into())
}

/// A batch under way; it no longer is when this is dropped.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Fence>);

impl InFlight {
    pub(crate) fn fence(&self) -> &Fence {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.idle.notify_waiters();
        }
    }
}
