//! How much of the network an instance may use at a time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bounds on the network of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quotas {
    /// Sockets open at a time, without those of HTTP. Default 64.
    pub sockets: usize,
    /// HTTP requests under way at a time, until their answers are read or dropped. Default 16.
    pub http_requests: usize,
    /// Name lookups under way at a time. Default 4.
    pub lookups: usize,
    /// Bytes in a second, both directions together. Default `None`: as fast as it goes.
    pub bytes_per_second: Option<u64>,
    /// How long a connection may take to be made, name lookup and TLS included. Default 10 s.
    pub connect_timeout: Duration,
    /// How long an HTTP answer may take to begin, and how long it may pause. Default 60 s.
    pub http_timeout: Duration,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            sockets: 64,
            http_requests: 16,
            lookups: 4,
            bytes_per_second: None,
            connect_timeout: Duration::from_secs(10),
            http_timeout: Duration::from_secs(60),
        }
    }
}

/// The right to one of what is counted; given back when dropped.
#[derive(Debug)]
pub struct Permit(#[expect(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

/// So many at a time.
#[derive(Debug)]
pub(crate) struct Quota {
    most: usize,
    free: Arc<Semaphore>,
}

impl Quota {
    pub(crate) fn new(most: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self { most, free: Arc::new(Semaphore::new(most)) }
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// One, if there is one left: nobody waits.
    pub(crate) fn take(&self) -> Option<Permit> {
        self.free.clone().try_acquire_owned().ok().map(Permit)
    }
}
