//! A store that forgets.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::broadcast;

use crate::store::{Bucket, Change, Store, StoreError, Versioned};
use crate::watchers::Watchers;

/// A [`Store`] in memory: the same rules as [`crate::SledStore`], but for durability, which it has none of.
///
/// Made for tests of other crates, and for embedding Wharf where neither connectors nor offsets need outlive the
/// process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    watchers: Watchers,
}

#[derive(Debug, Default)]
struct Inner {
    generation: u64,
    connectors: BTreeMap<String, Versioned>,
    offsets: BTreeMap<String, Versioned>,
    meta: BTreeMap<String, Versioned>,
}

impl Inner {
    fn bucket(&mut self, bucket: Bucket) -> &mut BTreeMap<String, Versioned> {
        match bucket {
            Bucket::Connectors => &mut self.connectors,
            Bucket::Offsets => &mut self.offsets,
            Bucket::Meta => &mut self.meta,
        }
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that can panic runs under the lock, so that a poisoned one would still hold sound data.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, bucket: Bucket, key: &str) -> Result<Option<Versioned>, StoreError> {
        Ok(self.lock().bucket(bucket).get(key).cloned())
    }

    async fn list(&self, bucket: Bucket, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError> {
        let mut inner = self.lock();
        let from_prefix = inner.bucket(bucket).range(prefix.to_owned()..);
        Ok(from_prefix
            .take_while(|(key, _)| key.starts_with(prefix))
            .map(|(key, versioned)| (key.clone(), versioned.clone()))
            .collect())
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<u64, StoreError> {
        let mut inner = self.lock();
        for change in &changes {
            let now = inner.bucket(change.bucket).get(&change.key).map(|versioned| versioned.generation);
            if !change.condition.holds(now) {
                return Err(StoreError::Conflict { key: change.key.clone() });
            }
        }
        inner.generation += 1;
        let generation = inner.generation;
        let mut changed = Vec::with_capacity(changes.len());
        for Change { bucket, key, value, .. } in changes {
            match value {
                Some(value) => drop(inner.bucket(bucket).insert(key.clone(), Versioned { generation, value })),
                None => drop(inner.bucket(bucket).remove(&key)),
            }
            changed.push((bucket, key));
        }
        // Under the lock, so that two changes are told of in the order in which they were made.
        self.watchers.tell(changed);
        Ok(generation)
    }

    fn watch(&self, bucket: Bucket) -> broadcast::Receiver<String> {
        self.watchers.subscribe(bucket)
    }
}
