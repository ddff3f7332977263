//! Which connectors came from files, kept in the store, so that a worker that starts again knows what changed meanwhile.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use wharf_store::{Bucket, Change, Condition, Store, StoreError};

const KEY: &str = "connector-files";
const VERSION: u32 = 1;

/// Where a connector's configuration came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// Absolute.
    pub(super) file: PathBuf,
    /// Of the configuration that was taken.
    pub(super) digest: String,
}

/// All of them, by connector.
pub(super) struct Memory {
    store: Arc<dyn Store>,
    pub(super) origins: BTreeMap<String, Origin>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("origins", &self.origins).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    connectors: BTreeMap<String, Origin>,
}

impl Memory {
    pub(super) async fn load(store: Arc<dyn Store>) -> anyhow::Result<Self> {
        let Some(stored) = store.get(Bucket::Meta, KEY).await? else {
            return Ok(Self { store, origins: BTreeMap::new() });
        };
        let Stored { version, connectors } =
            serde_json::from_slice(&stored.value).with_context(|| format!("`{KEY}` in the store is damaged"))?;
        if version != VERSION {
            bail!("`{KEY}` in the store was written by a later version of wharf ({version})");
        }
        Ok(Self { store, origins: connectors })
    }

    /// Durable when this returns.
    pub(super) async fn save(&self) -> Result<(), StoreError> {
        let stored = Stored { version: VERSION, connectors: self.origins.clone() };
        let value = serde_json::to_vec(&stored).map_err(|error| StoreError::Invalid(error.to_string()))?;
        let change =
            Change { bucket: Bucket::Meta, key: KEY.to_owned(), condition: Condition::Any, value: Some(value) };
        self.store.apply(vec![change]).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use wharf_store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn what_was_taken_is_known_after_a_restart_and_a_later_version_is_refused() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let mut memory = Memory::load(store.clone()).await.unwrap();
        assert!(memory.origins.is_empty());
        memory.origins.insert("a".to_owned(), Origin { file: "/f".into(), digest: "d".to_owned() });
        memory.save().await.unwrap();
        assert_eq!(Memory::load(store.clone()).await.unwrap().origins, memory.origins);
        let value = Some(br#"{"version":2,"connectors":{}}"#.to_vec());
        let change = Change { bucket: Bucket::Meta, key: KEY.to_owned(), condition: Condition::Any, value };
        store.apply(vec![change]).await.unwrap();
        assert!(Memory::load(store).await.unwrap_err().to_string().contains("later version"));
    }
}
