//! Topics that connectors use.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::store::{Bucket, Change, Condition, Store, StoreError, remove_all};

const PREFIX: &str = "topic-used\0";

/// Remembers which topics a connector uses: one small key for each, written when it is used first.
#[derive(Debug, Clone)]
pub struct UsedTopics {
    store: Arc<dyn Store>,
}

impl UsedTopics {
    /// Keeps them in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The topics of every connector that has some.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn list(&self) -> Result<BTreeMap<String, BTreeSet<String>>, StoreError> {
        let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, _) in self.store.list(Bucket::Meta, PREFIX).await? {
            // No connector's name has a NUL in it: control characters are refused.
            if let Some((connector, topic)) = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('\0')) {
                all.entry(connector.to_owned()).or_default().insert(topic.to_owned());
            }
        }
        Ok(all)
    }

    /// Remembers topics of a connector. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn add(&self, connector: &str, topics: &[String]) -> Result<(), StoreError> {
        let change = |topic: &String| {
            let key = format!("{}{topic}", prefix(connector));
            Change { bucket: Bucket::Meta, key, condition: Condition::Any, value: Some(Vec::new()) }
        };
        if topics.is_empty() {
            return Ok(());
        }
        self.store.apply(topics.iter().map(change).collect()).await.map(drop)
    }

    /// Forgets the topics of a connector. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn forget(&self, connector: &str) -> Result<(), StoreError> {
        remove_all(&*self.store, Bucket::Meta, &prefix(connector)).await
    }
}

fn prefix(connector: &str) -> String {
    format!("{PREFIX}{connector}\0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[tokio::test]
    async fn topics_are_remembered_and_forgotten_by_connector() {
        let store = Arc::new(MemoryStore::new());
        let topics = UsedTopics::new(store.clone());
        topics.add("a", &["t".to_owned(), "u".to_owned()]).await.unwrap();
        topics.add("a", &["t".to_owned()]).await.unwrap();
        topics.add("ab", &["t".to_owned()]).await.unwrap();
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let all = UsedTopics::new(store.clone()).list().await.unwrap();
        assert_eq!(all, BTreeMap::from([("a".to_owned(), set(&["t", "u"])), ("ab".to_owned(), set(&["t"]))]));
        topics.forget("a").await.unwrap();
        topics.forget("none").await.unwrap();
        assert_eq!(topics.list().await.unwrap().into_keys().collect::<Vec<_>>(), ["ab"]);
        assert!(topics.add("x", &[]).await.is_ok());
        assert_eq!(store.list(Bucket::Meta, "").await.unwrap().len(), 1);
    }
}
