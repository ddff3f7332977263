//! Numbers that grow with each start of a task.

use std::sync::Arc;

use crate::store::{Bucket, Change, Condition, Store, StoreError, remove_all};

/// Numbers the starts of tasks: a later start has a higher number, also across restarts of the worker.
///
/// A task gets its number as a fencing token (`context.generation` of the contract), so that an outside system can
/// refuse what an older incarnation of the same task still sends. Generations of the store grow with every change, so
/// recording the start *is* making the number.
#[derive(Debug, Clone)]
pub struct Generations {
    store: Arc<dyn Store>,
}

impl Generations {
    /// Keeps them in `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// The number for a start of this task: higher than any before. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn next_generation(&self, connector: &str, task: u32) -> Result<u64, StoreError> {
        let key = format!("{}{task}", prefix(connector));
        let change = Change { bucket: Bucket::Meta, key, condition: Condition::Any, value: Some(Vec::new()) };
        self.store.apply(vec![change]).await
    }

    /// Forgets the starts of a connector that was deleted. Numbers grow all the same should it come back.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] when the disk fails.
    pub async fn forget(&self, connector: &str) -> Result<(), StoreError> {
        remove_all(&*self.store, Bucket::Meta, &prefix(connector)).await
    }
}

fn prefix(connector: &str) -> String {
    format!("task-start\0{connector}\0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    #[tokio::test]
    async fn numbers_grow_over_all_tasks_and_after_forgetting() {
        let store = Arc::new(MemoryStore::new());
        let generations = Generations::new(store.clone());
        let first = generations.next_generation("a", 0).await.unwrap();
        let second = generations.next_generation("a", 1).await.unwrap();
        let again = generations.next_generation("a", 0).await.unwrap();
        let other = generations.next_generation("ab", 0).await.unwrap();
        generations.forget("a").await.unwrap();
        let keys: Vec<_> = store.list(Bucket::Meta, "").await.unwrap().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["task-start\0ab\x000"], "only the connector of that very name is forgotten");
        let after = generations.next_generation("a", 0).await.unwrap();
        assert!(0 < first && first < second && second < again && again < other && other < after);
    }
}
