//! A store in memory that notes when offsets are written, and fails when told to.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::yield_now;
use tokio::time::sleep;
use wharf_store::{Bucket, Change, MemoryStore, Store, StoreError, Versioned};

use super::Journal;

#[derive(Debug)]
pub(in crate::tests) struct FakeStore {
    inner: MemoryStore,
    journal: Journal,
    /// Writing offsets fails.
    pub(in crate::tests) broken: AtomicBool,
    /// Writing offsets takes so long.
    pub(in crate::tests) slow: Mutex<Duration>,
    /// Others come in between, before and after a change, now and then: decided by these dice.
    pub(in crate::tests) dice: Mutex<Option<fastrand::Rng>>,
}

impl FakeStore {
    pub(in crate::tests) fn new(journal: Journal) -> Self {
        Self {
            inner: MemoryStore::new(),
            journal,
            broken: AtomicBool::new(false),
            slow: Mutex::default(),
            dice: Mutex::default(),
        }
    }

    async fn let_others_in(&self) {
        let turns = self.dice.lock().unwrap().as_mut().map_or(0, |dice| dice.u32(0..8));
        for _ in 0..turns {
            yield_now().await;
        }
    }
}

#[async_trait]
impl Store for FakeStore {
    async fn get(&self, bucket: Bucket, key: &str) -> Result<Option<Versioned>, StoreError> {
        self.inner.get(bucket, key).await
    }

    async fn list(&self, bucket: Bucket, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError> {
        self.inner.list(bucket, prefix).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<u64, StoreError> {
        let is_offsets = changes.iter().any(|change| change.bucket == Bucket::Offsets);
        if is_offsets && self.broken.load(Ordering::Relaxed) {
            return Err(StoreError::Io("the disk is full".to_owned()));
        }
        if is_offsets {
            let slow = *self.slow.lock().unwrap();
            sleep(slow).await;
        }
        self.let_others_in().await;
        let generation = self.inner.apply(changes).await?;
        self.let_others_in().await;
        if is_offsets {
            self.journal.note("stored");
        }
        Ok(generation)
    }

    fn watch(&self, bucket: Bucket) -> tokio::sync::broadcast::Receiver<String> {
        self.inner.watch(bucket)
    }
}
