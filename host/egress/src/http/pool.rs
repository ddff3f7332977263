//! Connections that wait for another request. Each gate has its own: none is ever shared between connectors.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1::SendRequest;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::body::RequestBody;
use super::check::Target;

/// Connections that wait at a time; the oldest is closed.
const MOST: usize = 8;
/// How long one waits. Less than most servers keep theirs open.
const KEPT: Duration = Duration::from_secs(15);

/// A connection, and the task that moves its bytes; ends with it.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) sender: SendRequest<RequestBody>,
    pub(super) _task: AbortOnDrop,
}

#[derive(Debug)]
pub(super) struct AbortOnDrop(pub(super) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What a connection is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key(String);

impl Key {
    pub(super) fn of(target: &Target) -> Self {
        Self(format!("{}://{}:{}", target.scheme(), target.host, target.port))
    }
}

/// The connections of one gate that wait.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Vec<(Key, Live, Instant)>>);

impl Pool {
    /// One that was open a moment ago, the freshest first.
    pub(super) fn take(&self, key: &Key) -> Option<Live> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|(_, live, since)| !live.sender.is_closed() && since.elapsed() < KEPT);
        let at = waiting.iter().rposition(|(own, _, _)| own == key)?;
        Some(waiting.remove(at).1)
    }

    pub(super) fn put(&self, key: Key, live: Live) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST {
            waiting.remove(0);
        }
        waiting.push((key, live, Instant::now()));
    }

    /// Closes all.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
