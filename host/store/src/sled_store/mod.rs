//! The store of a single worker: sled in a directory.
//!
//! * `value`: how a value is laid out.
//! * `database`: the trees; reading, and one change set as one transaction.
//! * `committer`: the one thread that changes anything, and makes many change sets durable with one flush.
//! * `durable`: what it takes until a flush has reached the disk.
//! * `marker`: how damage is noticed that sled does not notice.
//! * `open`: opening, and refusing what cannot be opened.
//! * `leftovers`: what a kill while opening has left, and is no damage.
//! * `trouble` and `rewrite`: a disk that fails, and the way back.

mod committer;
mod database;
mod durable;
mod leftovers;
mod marker;
mod open;
mod rewrite;
mod trouble;
pub(crate) mod value;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{broadcast, mpsc, oneshot};
use wharf_core::figures::{Figure, Kind, Value};
use wharf_core::histogram::Histogram;

use self::committer::{Committer, Request};
use self::database::Database;
use self::trouble::Slot;
use crate::store::{Bucket, Change, Store, StoreError, Versioned};
use crate::watchers::Watchers;

/// How many calls of `apply` may wait for the committer; more wait for a place. Bounds memory.
const WAITING: usize = 1024;

/// A [`Store`] in a directory of its own, for one process.
///
/// A change is visible to `get` and `list` up to one flush (about a millisecond) before it is durable. When the disk
/// fails, the changes under way are refused, and so is everything that follows, reading too: what a failed flush has left
/// on the disk cannot be known. The store then writes its files anew and opens them again, every two seconds until that
/// works, and takes back what it refused; what it had answered is all there. [`Store::trouble`] says why meanwhile.
///
/// Dropping the last handle waits for the change sets that were handed over, and closes the files.
pub struct SledStore {
    dir: PathBuf,
    slot: Arc<Slot>,
    watchers: Arc<Watchers>,
    flushes: Arc<AtomicU64>,
    times: Arc<Histogram>,
    /// `None` only while dropping, which is what ends the committer.
    requests: Option<mpsc::Sender<Request>>,
    committer: Option<JoinHandle<()>>,
}

impl SledStore {
    /// Opens the store in `dir`, or begins one. Works on a thread where it may block.
    ///
    /// # Errors
    ///
    /// [`StoreError::Locked`] when another process has it open, [`StoreError::Unreadable`] when it is damaged or was
    /// written by a later version, [`StoreError::Io`] when the disk fails.
    pub async fn open(dir: impl Into<PathBuf>) -> Result<Arc<Self>, StoreError> {
        let dir = dir.into();
        let shown = dir.display().to_string();
        match tokio::task::spawn_blocking(move || Self::open_blocking(dir)).await {
            Ok(opened) => opened.map(Arc::new),
            // sled asserts what it expects of its files.
            Err(panicked) => Err(open::damaged(&shown, &format!("sled gave up on it ({panicked})"))),
        }
    }

    fn open_blocking(dir: PathBuf) -> Result<Self, StoreError> {
        let (database, durable) = open::open(&dir)?;
        let slot = Arc::new(Slot::new(database));
        let watchers = Arc::new(Watchers::default());
        let flushes = Arc::new(AtomicU64::new(0));
        let (requests, receiver) = mpsc::channel(WAITING);
        let committer = Committer::new(&dir, slot.clone(), durable, watchers.clone(), flushes.clone());
        let times = committer.times();
        let committer = std::thread::Builder::new()
            .name("wharf-store".to_owned())
            .spawn(move || committer.run(receiver))
            .map_err(|error| StoreError::Io(format!("cannot start the store's thread: {error}")))?;
        Ok(Self { dir, slot, watchers, flushes, times, requests: Some(requests), committer: Some(committer) })
    }

    /// How often the store waited for the disk since it was opened. Change sets that arrive together share one.
    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Relaxed)
    }

    /// Reads on a thread where it may block: most reads are answered from the cache, but not all.
    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let slot = self.slot.clone();
        match tokio::task::spawn_blocking(move || slot.ask(read)).await {
            Ok(result) => result,
            Err(error) => Err(StoreError::Io(format!("reading the store in {} failed: {error}", self.dir.display()))),
        }
    }

    fn stopped(&self) -> StoreError {
        StoreError::Io(format!(
            "the store in {} has stopped after a failure; see the log, then start the worker again",
            self.dir.display()
        ))
    }
}

#[async_trait]
impl Store for SledStore {
    async fn get(&self, bucket: Bucket, key: &str) -> Result<Option<Versioned>, StoreError> {
        let key = key.to_owned();
        self.read(move |database| database.get(bucket, &key)).await
    }

    async fn list(&self, bucket: Bucket, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |database| database.list(bucket, &prefix)).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<u64, StoreError> {
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.as_ref().ok_or_else(|| self.stopped())?;
        requests.send(Request { changes, answer }).await.map_err(|_| self.stopped())?;
        answered.await.map_err(|_| self.stopped())?
    }

    fn trouble(&self) -> Option<String> {
        self.slot.trouble().map(|error| error.to_string())
    }

    fn figures(&self) -> Vec<Figure> {
        let help = "How long the store takes to make changes durable; changes that come together share a flush.";
        let times = Value::Histogram(self.times.buckets());
        let mut figures = vec![Figure::new("wharf_store_flush_seconds", Kind::Histogram, help, times)];
        if let Ok(file) = std::fs::metadata(self.dir.join("db")) {
            let help = "Size of the store's file.";
            figures.push(Figure::new("wharf_store_bytes", Kind::Gauge, help, Value::Whole(file.len())));
        }
        figures
    }

    fn watch(&self, bucket: Bucket) -> broadcast::Receiver<String> {
        self.watchers.subscribe(bucket)
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!(dir = %self.dir.display(), "the store's thread had panicked");
        }
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not sled's own Debug, which prints every value.
        f.debug_struct("SledStore").field("dir", &self.dir).field("flushes", &self.flushes()).finish_non_exhaustive()
    }
}
