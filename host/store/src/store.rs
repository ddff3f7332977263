//! The narrow waist between Wharf and whatever keeps its small, hot facts.

use std::fmt;

use async_trait::async_trait;
use wharf_core::figures::Figure;

/// A set of keys of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Connector configurations and target states.
    Connectors,
    /// Source offsets.
    Offsets,
    /// Counters and facts about the worker.
    Meta,
}

/// A value and the generation of the change that wrote it. Generations grow with every change in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The change that wrote it.
    pub generation: u64,
    /// What was written.
    pub value: Vec<u8>,
}

/// What must hold for a [`Change`] to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// The key is not there.
    Absent,
    /// The key was last written by this generation.
    Generation(u64),
}

impl Condition {
    /// Whether the condition holds where the key was last written by `now`, `None` meaning that it is not there.
    pub(crate) fn holds(self, now: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => now.is_none(),
            Self::Generation(expected) => now == Some(expected),
        }
    }
}

/// A write, or with no value a removal, of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The bucket.
    pub bucket: Bucket,
    /// The key.
    pub key: String,
    /// What must hold.
    pub condition: Condition,
    /// The new value; `None` removes the key.
    pub value: Option<Vec<u8>>,
}

/// Why the store did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A condition did not hold; nothing was changed.
    #[error("`{key}` was changed by somebody else")]
    Conflict {
        /// The first key whose condition did not hold.
        key: String,
    },
    /// Another process has the store open.
    #[error("{0}")]
    Locked(String),
    /// The disk or the database failed. The change was not made; where the process ends before the store works again,
    /// it may be there all the same.
    #[error("{0}")]
    Io(String),
    /// What is stored cannot be read: damaged, or written by a later version.
    #[error("{0}")]
    Unreadable(String),
    /// What was to be stored, or asked for, makes no sense; nothing was changed.
    #[error("{0}")]
    Invalid(String),
}

/// A small, durable, transactional map.
///
/// Implementations agree on more than the methods say; `tests/conformance.rs` runs the same assertions over each:
/// conditions are checked against what was there before the change set, all of them before the first write; where a
/// change set names a key twice the later change wins; removing what is not there is no error; and once `apply` was
/// called its changes may be made even when the caller stops waiting for the answer.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug {
    /// One value.
    async fn get(&self, bucket: Bucket, key: &str) -> Result<Option<Versioned>, StoreError>;
    /// All values whose key begins with `prefix`, by key.
    async fn list(&self, bucket: Bucket, prefix: &str) -> Result<Vec<(String, Versioned)>, StoreError>;
    /// Makes all changes or none. They are durable, also against power loss, when this returns; calls made at the same
    /// time share one flush. The answer is the generation of the change.
    async fn apply(&self, changes: Vec<Change>) -> Result<u64, StoreError>;
    /// What keeps the store from working, if anything does: for an operator to read.
    fn trouble(&self) -> Option<String> {
        None
    }
    /// What it measures of itself.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
    /// Tells of each change to the bucket from now on, by key; a reader that is too slow gets `RecvError::Lagged`.
    fn watch(&self, bucket: Bucket) -> tokio::sync::broadcast::Receiver<String>;
}

/// Removes every value whose key begins with `prefix`, all at once; nothing is written where there is none.
///
/// # Errors
///
/// [`StoreError::Io`] when the disk fails.
pub(crate) async fn remove_all(store: &dyn Store, bucket: Bucket, prefix: &str) -> Result<(), StoreError> {
    let found = store.list(bucket, prefix).await?;
    if found.is_empty() {
        return Ok(());
    }
    let remove = |(key, _)| Change { bucket, key, condition: Condition::Any, value: None };
    store.apply(found.into_iter().map(remove).collect()).await.map(drop)
}
