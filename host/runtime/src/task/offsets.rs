//! Source offsets: what a plugin reads at its start, and the newest of each partition on the way to be committed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tracing::error;
use wharf_core::offset::canonical;
use wharf_core::plugin::OffsetReader;
use wharf_core::{Checkpoint, SourceOffset};
use wharf_store::Offsets;

use crate::status::lock;

/// Two texts of the same partition are one key. Batches are checked where they enter, so only an operator's or a
/// queue's stray text fails to parse; it stands for itself.
fn key(partition: &str) -> String {
    canonical(partition).unwrap_or_else(|| partition.to_owned())
}

/// The newest offset of each partition.
#[derive(Debug, Default)]
pub(super) struct Newest(HashMap<String, SourceOffset>);

impl Newest {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what is newer than everything here.
    pub(super) fn add(&mut self, offset: SourceOffset) {
        self.0.insert(key(&offset.partition), offset);
    }

    /// Adds what is newer than everything here.
    pub(super) fn merge(&mut self, newer: Self) {
        if self.0.is_empty() {
            *self = newer;
        } else {
            self.0.extend(newer.0);
        }
    }

    /// Adds what is older than everything here.
    pub(super) fn restore(&mut self, mut older: Self) {
        older.merge(std::mem::take(self));
        *self = older;
    }

    pub(super) fn to_vec(&self) -> Vec<SourceOffset> {
        self.0.values().cloned().collect()
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// The newest checkpoint of each partition in a batch, the only ones that need to be kept: a batch is acknowledged as a
/// whole.
pub(super) fn newest(checkpoints: &[Checkpoint]) -> Vec<SourceOffset> {
    match checkpoints {
        [] => Vec::new(),
        [only] => vec![only.at.clone()],
        many => {
            let mut seen = HashSet::new();
            let newest = many.iter().rev().filter(|it| seen.insert(it.at.partition.as_str()));
            let mut newest: Vec<_> = newest.map(|it| it.at.clone()).collect();
            // Where one partition is written in two ways, the later must win.
            newest.reverse();
            newest
        }
    }
}

/// What `host.offsets` reads: the store, overlaid with what the queue itself holds.
#[derive(Debug)]
pub(crate) struct SourceOffsets {
    store: Arc<Offsets>,
    connector: String,
    /// By canonical partition. The queue wins: it holds a checkpoint exactly when it holds the rows before it. Empty: it was
    /// forgotten, and what is stored does not hold.
    queue: Mutex<HashMap<String, String>>,
}

impl SourceOffsets {
    pub(crate) fn new(store: Arc<Offsets>, connector: &str, queue: Vec<SourceOffset>) -> Self {
        let queue = queue.into_iter().map(|it| (key(&it.partition), it.offset)).collect();
        Self { store, connector: connector.to_owned(), queue: Mutex::new(queue) }
    }

    /// The queue holds these now.
    pub(super) fn reached(&self, offsets: &[SourceOffset]) {
        let mut queue = lock(&self.queue);
        for it in offsets {
            queue.insert(key(&it.partition), it.offset.clone());
        }
    }
}

#[async_trait]
impl OffsetReader for SourceOffsets {
    async fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
        let queue: Vec<_> = {
            let queue = lock(&self.queue);
            partitions.iter().map(|partition| queue.get(&key(partition)).cloned()).collect()
        };
        if queue.iter().all(Option::is_some) {
            return queue.into_iter().map(known).collect();
        }
        match self.store.get(&self.connector, partitions).await {
            Ok(stored) => {
                let both = queue.into_iter().zip(stored.into_iter().chain(std::iter::repeat(None)));
                both.map(|(queue, stored)| known(queue.or(stored))).collect()
            }
            Err(error) => {
                // The reader has no way to say so; the task itself fails at its next commit.
                error!(%error, "cannot read stored offsets");
                queue.into_iter().map(known).collect()
            }
        }
    }
}

/// What is forgotten is not known.
fn known(offset: Option<String>) -> Option<String> {
    offset.filter(|offset| !offset.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partition: &str, offset: &str) -> SourceOffset {
        SourceOffset { partition: partition.to_owned(), offset: offset.to_owned() }
    }

    fn marks(marks: &[(u32, &str, &str)]) -> Vec<Checkpoint> {
        marks.iter().map(|&(row, partition, offset)| Checkpoint { row, at: at(partition, offset) }).collect()
    }

    #[test]
    fn of_a_batch_only_the_last_checkpoint_of_each_partition_is_kept() {
        let (a, b) = (r#"{"p":"a"}"#, r#"{"p":"b"}"#);
        let marks = marks(&[(0, a, "1"), (1, b, "2"), (2, a, "3")]);
        assert_eq!(newest(&marks), [at(b, "2"), at(a, "3")]);
    }

    #[test]
    fn two_spellings_of_a_partition_are_one() {
        let mut all = Newest::default();
        for it in newest(&marks(&[(0, r#"{"p":"a"}"#, "1"), (1, r#"{ "p": "a" }"#, "2")])) {
            all.add(it);
        }
        assert_eq!(all.to_vec(), [at(r#"{ "p": "a" }"#, "2")]);
    }

    #[test]
    fn what_could_not_be_stored_does_not_hide_what_came_since() {
        let partition = r#"{"p":"a"}"#;
        let (mut old, mut new) = (Newest::default(), Newest::default());
        old.add(at(partition, "1"));
        new.add(at(partition, "2"));
        new.restore(old);
        assert_eq!(new.to_vec(), [at(partition, "2")]);
    }
}
