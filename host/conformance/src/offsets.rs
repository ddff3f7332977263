//! What a task finds stored when it asks where it stood.

use std::collections::HashMap;

use async_trait::async_trait;
use wharf_core::SourceOffset;
use wharf_core::offset::canonical;
use wharf_core::plugin::OffsetReader;

/// Stored offsets by source partition.
#[derive(Debug, Default)]
pub(crate) struct Stored(HashMap<String, String>);

impl Stored {
    /// Of several offsets of one partition the last counts.
    pub(crate) fn new<'a>(offsets: impl IntoIterator<Item = &'a SourceOffset>) -> Self {
        Self(offsets.into_iter().map(|at| (key(&at.partition), at.offset.clone())).collect())
    }
}

/// Partitions are the same when they are equal as JSON.
pub(crate) fn key(partition: &str) -> String {
    canonical(partition).unwrap_or_else(|| partition.to_owned())
}

#[async_trait]
impl OffsetReader for Stored {
    async fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
        partitions.iter().map(|partition| self.0.get(&key(partition)).cloned()).collect()
    }
}

/// The same offset for every partition, whoever asks.
#[derive(Debug)]
pub(crate) struct Always(pub(crate) String);

#[async_trait]
impl OffsetReader for Always {
    async fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
        vec![Some(self.0.clone()); partitions.len()]
    }
}
