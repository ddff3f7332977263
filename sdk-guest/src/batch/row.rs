//! The row that was pushed last.

use super::{BatchBuilder, Operation};
use crate::offset::SourceOffset;

/// The row that was just pushed, to say more about. The row is in the batch already, so this may be dropped. What is
/// not said costs nothing: a column exists only once a row has something for it.
#[derive(Debug)]
pub struct NewRow<'a> {
    batch: &'a mut BatchBuilder,
}

impl<'a> NewRow<'a> {
    pub(super) fn new(batch: &'a mut BatchBuilder) -> Self {
        Self { batch }
    }

    /// The key: rows with equal keys go to the same partition.
    pub fn key(self, key: &[u8]) -> Self {
        self.batch.set_key(key);
        self
    }

    /// Adds a header.
    pub fn header(self, name: &str, value: &[u8]) -> Self {
        self.batch.add_header(name, value);
        self
    }

    /// When it happened, in milliseconds since 1970. A row without one, in a batch where others have one, gets the
    /// time at which the batch is handed over; when no row has one, the host stamps them all.
    pub fn timestamp(self, millis: i64) -> Self {
        self.batch.set_timestamp(millis);
        self
    }

    /// Where the row goes. Without it: to the topic of [`BatchBuilder::topic`], or else to the connector's topic.
    pub fn topic(self, topic: &str) -> Self {
        self.batch.set_topic(topic);
        self
    }

    /// The partition that the row goes to. Without it the queue chooses, by the key where there is one.
    pub fn partition(self, partition: u32) -> Self {
        self.batch.set_partition(partition);
        self
    }

    /// What happened to the thing that the row describes.
    pub fn operation(self, operation: Operation) -> Self {
        self.batch.set_operation(operation);
        self
    }

    /// The schema of the key, an index from [`BatchBuilder::schema`].
    pub fn key_schema(self, schema: u16) -> Self {
        self.batch.set_key_schema(schema);
        self
    }

    /// The schema of the value, an index from [`BatchBuilder::schema`].
    pub fn value_schema(self, schema: u16) -> Self {
        self.batch.set_value_schema(schema);
        self
    }

    /// Once this row and all earlier ones of the same source partition are safe, `at` may be stored.
    pub fn checkpoint(self, at: SourceOffset) -> Self {
        self.batch.checkpoint(at);
        self
    }
}
