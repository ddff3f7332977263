//! Telling who watches a bucket what changed in it.

use tokio::sync::broadcast;

use crate::store::Bucket;

/// How many changes a watcher may be behind before it is told that it missed some. A watcher that lags lists the
/// bucket again, so this bounds memory, not correctness.
const BACKLOG: usize = 256;

/// One channel for each bucket.
#[derive(Debug)]
pub(crate) struct Watchers {
    connectors: broadcast::Sender<String>,
    offsets: broadcast::Sender<String>,
    meta: broadcast::Sender<String>,
}

impl Default for Watchers {
    fn default() -> Self {
        let channel = || broadcast::Sender::new(BACKLOG);
        Self { connectors: channel(), offsets: channel(), meta: channel() }
    }
}

impl Watchers {
    /// Tells of these changes, in this order.
    pub(crate) fn tell(&self, changed: impl IntoIterator<Item = (Bucket, String)>) {
        for (bucket, key) in changed {
            // An error means that nobody watches, which is the usual case.
            drop(self.of(bucket).send(key));
        }
    }

    /// Hears of changes from now on.
    pub(crate) fn subscribe(&self, bucket: Bucket) -> broadcast::Receiver<String> {
        self.of(bucket).subscribe()
    }

    fn of(&self, bucket: Bucket) -> &broadcast::Sender<String> {
        match bucket {
            Bucket::Connectors => &self.connectors,
            Bucket::Offsets => &self.offsets,
            Bucket::Meta => &self.meta,
        }
    }
}
