//! The gate: what runs is counted, asked to stop, and at last cut off.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// Everything the worker spawns goes through here.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    tracker: TaskTracker,
    closing: CancellationToken,
    cut: CancellationToken,
}

impl Gate {
    /// Runs `work` under the current span, until it ends or the gate is cut.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        let cut = self.cut.clone();
        let work = async move {
            // Cut off means dropped: instances stop when they are dropped.
            cut.run_until_cancelled_owned(work).await;
        };
        self.tracker.spawn(work.in_current_span())
    }

    /// Cancelled when the worker begins to shut down.
    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Asks everything to stop, waits up to `grace`, and drops what is still there. Returns whether nothing had to be
    /// dropped. May be called again and by several at once.
    pub(crate) async fn close(&self, grace: Duration) -> bool {
        self.closing.cancel();
        self.tracker.close();
        if timeout(grace, self.tracker.wait()).await.is_ok() {
            return true;
        }
        self.cut.cancel();
        self.tracker.wait().await;
        false
    }
}
