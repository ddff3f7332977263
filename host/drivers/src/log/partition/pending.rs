//! A batch that waits to be written.

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::driver::DriverError;
use crate::log::fence::InFlight;
use crate::log::frame::Frame;

/// A batch in a partition's queue. Dropping it frees everything it holds; whoever waits for it is told.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) frame: Frame,
    /// Who waits.
    pub(crate) done: oneshot::Sender<Result<(), DriverError>>,
    /// The producer, for whom this batch is under way.
    pub(crate) producer: InFlight,
    /// Its place among the bytes that may wait, and among the batches that may.
    pub(crate) _permits: [Option<OwnedSemaphorePermit>; 2],
}

impl Pending {
    /// The batch is in the log.
    pub(crate) fn succeed(self) {
        // The producer need not wait for it.
        self.done.send(Ok(())).ok();
    }

    /// The batch is not, or perhaps not, in the log, and so nothing of its producer may follow.
    pub(crate) fn fail(self, error: DriverError) {
        self.producer.fence().fail(&error);
        self.done.send(Err(error)).ok();
    }
}
