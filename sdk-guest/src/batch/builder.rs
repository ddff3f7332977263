//! How a source makes a batch.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::column::ColumnBuilder;
use super::headers::{HeadersBuilder, intern};
use super::{Batch, Format, NewRow, Operation, Schema};
use crate::failure::Failure;
use crate::offset::{Checkpoint, SourceOffset};

/// The bounds of one poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most so many rows.
    pub max_rows: u32,
    /// At most so many bytes of keys, values and header values; one larger row may still go alone.
    pub max_bytes: u32,
    /// The poll returns within this, with or without rows.
    pub max_wait: Duration,
}

/// Rows on their way to the queue.
///
/// Push rows while [`BatchBuilder::has_room`]; mark the last with [`BatchBuilder::checkpoint`]. Cells are copied into
/// one run of bytes for each column: a row costs no allocation.
///
/// ```
/// # use wharf_sdk::{BatchBuilder, Failure, Limits, SourceOffset, json};
/// # fn poll(batch: &mut BatchBuilder) -> Result<(), Failure> {
/// batch.push(b"just a value");
/// batch.push(b"more").key(b"k1").header("trace", b"9f").timestamp(1_700_000_000_000);
/// batch.checkpoint(SourceOffset::new(json!({"shard": 0}), json!({"next": 2}))?);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct BatchBuilder {
    limits: Limits,
    rows: u32,
    keys: ColumnBuilder,
    values: ColumnBuilder,
    key_format: Format,
    value_format: Format,
    headers: HeadersBuilder,
    /// `None` in a list: this row does not say. All rows past the end of a list do not say.
    timestamps: Vec<Option<i64>>,
    topic: Option<u16>,
    topics: Vec<String>,
    topic_of: Vec<u16>,
    partitions: Vec<i32>,
    operations: Vec<Operation>,
    schemas: Vec<Schema>,
    key_schema_of: Vec<u16>,
    value_schema_of: Vec<u16>,
    checkpoints: Vec<Checkpoint>,
    fault: Option<&'static str>,
}

/// In `topic_of` while the batch grows: the row names no topic.
const NO_TOPIC: u16 = u16::MAX;

impl BatchBuilder {
    /// An empty batch. A connector is handed one in `poll`; this is for tests.
    pub fn new(limits: Limits) -> Self {
        // Room for what will most likely come, once it comes; a generous bound must not cost memory.
        let rows = limits.max_rows.min(16 * 1024) as usize;
        let bytes = limits.max_bytes.min(1024 * 1024) as usize;
        Self {
            limits,
            rows: 0,
            keys: ColumnBuilder::default(),
            values: ColumnBuilder::with_capacity(rows, bytes),
            key_format: Format::default(),
            value_format: Format::default(),
            headers: HeadersBuilder::default(),
            timestamps: Vec::new(),
            topic: None,
            topics: Vec::new(),
            topic_of: Vec::new(),
            partitions: Vec::new(),
            operations: Vec::new(),
            schemas: Vec::new(),
            key_schema_of: Vec::new(),
            value_schema_of: Vec::new(),
            checkpoints: Vec::new(),
            fault: None,
        }
    }

    /// The bounds of this poll.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Bounds the rows of this poll further; a larger number changes nothing.
    pub fn limit_rows(&mut self, rows: u32) {
        self.limits.max_rows = self.limits.max_rows.min(rows.max(1));
    }

    /// How many rows there are.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// How many bytes of keys, values and header values there are.
    pub fn bytes(&self) -> usize {
        self.values.bytes() + self.keys.bytes() + self.headers.bytes()
    }

    /// Whether one more row of `bytes` (key, value and headers together) keeps within the bounds. The first row always
    /// does, however large.
    #[inline]
    pub fn has_room(&self, bytes: usize) -> bool {
        self.rows == 0
            || (self.rows < self.limits.max_rows
                && self.bytes().saturating_add(bytes) <= self.limits.max_bytes as usize)
    }

    /// Adds a row with a value.
    #[inline]
    pub fn push(&mut self, value: &[u8]) -> NewRow<'_> {
        self.push_parts(&[value])
    }

    /// Adds a row whose value is made of `parts`, one after the other, so that they need not be joined first.
    #[inline]
    pub fn push_parts(&mut self, parts: &[&[u8]]) -> NewRow<'_> {
        self.values.set(self.rows, parts);
        self.rows += 1;
        NewRow::new(self)
    }

    /// Adds a row without a value: a tombstone.
    pub fn push_absent(&mut self) -> NewRow<'_> {
        self.rows += 1;
        NewRow::new(self)
    }

    /// Adds a block of rows at once: value `i` is `data[ends[i - 1]..ends[i]]`. The last of `ends` must be the length
    /// of `data`.
    pub fn extend_values(&mut self, data: &[u8], ends: &[u32]) {
        let fits = ends.last().map_or(0, |&end| end as usize) == data.len() && ends.is_sorted();
        if !fits {
            self.fault = Some("extend_values: the ends must grow, and the last must be the length of the data");
            return;
        }
        self.rows += self.values.extend(self.rows, data, ends.iter().copied());
    }

    /// The topic of all rows that name none themselves. Without it they go to the connector's topic.
    pub fn topic(&mut self, topic: &str) {
        self.topic = intern(&mut self.topics, topic);
        self.check(self.topic.is_some(), TOO_MANY_TOPICS);
    }

    /// What the bytes of the keys are. Default: [`Format::Bytes`].
    pub fn key_format(&mut self, format: Format) {
        self.key_format = format;
    }

    /// What the bytes of the values are. Default: [`Format::Bytes`].
    pub fn value_format(&mut self, format: Format) {
        self.value_format = format;
    }

    /// The index of a schema, for [`NewRow::key_schema`] and [`NewRow::value_schema`]; equal schemas share one.
    pub fn schema(&mut self, schema: Schema) -> u16 {
        let index = self.schemas.iter().position(|known| *known == schema).unwrap_or(self.schemas.len());
        match u16::try_from(index) {
            Ok(index) if index != Batch::NO_SCHEMA => {
                if usize::from(index) == self.schemas.len() {
                    self.schemas.push(schema);
                }
                index
            }
            _ => {
                self.fault = Some("a batch holds at most 65535 different schemas: end the poll earlier");
                Batch::NO_SCHEMA
            }
        }
    }

    /// Marks the last row: once it and all earlier rows of the same source partition are safe, `at` may be stored.
    /// Without any row nothing happens: there is nothing to wait for.
    pub fn checkpoint(&mut self, at: SourceOffset) {
        if let Some(row) = self.rows.checked_sub(1) {
            self.checkpoints.push(Checkpoint { row, at });
        }
    }

    pub(super) fn set_key(&mut self, key: &[u8]) {
        self.keys.set(self.last(), &[key]);
    }

    pub(super) fn add_header(&mut self, name: &str, value: &[u8]) {
        let taken = self.headers.push(self.last(), name, value);
        self.check(taken, "a batch holds at most 65535 different header names: end the poll earlier");
    }

    pub(super) fn set_timestamp(&mut self, millis: i64) {
        put(&mut self.timestamps, self.rows, None, Some(millis));
    }

    pub(super) fn set_topic(&mut self, topic: &str) {
        let index = intern(&mut self.topics, topic);
        self.check(index.is_some(), TOO_MANY_TOPICS);
        put(&mut self.topic_of, self.rows, NO_TOPIC, index.unwrap_or(NO_TOPIC));
    }

    pub(super) fn set_partition(&mut self, partition: u32) {
        let number = i32::try_from(partition);
        self.check(number.is_ok(), "a partition number is at most 2147483647");
        put(&mut self.partitions, self.rows, -1, number.unwrap_or(-1));
    }

    pub(super) fn set_operation(&mut self, operation: Operation) {
        put(&mut self.operations, self.rows, Operation::Unknown, operation);
    }

    pub(super) fn set_key_schema(&mut self, schema: u16) {
        self.check(usize::from(schema) < self.schemas.len(), NO_SUCH_SCHEMA);
        put(&mut self.key_schema_of, self.rows, Batch::NO_SCHEMA, schema);
    }

    pub(super) fn set_value_schema(&mut self, schema: u16) {
        self.check(usize::from(schema) < self.schemas.len(), NO_SUCH_SCHEMA);
        put(&mut self.value_schema_of, self.rows, Batch::NO_SCHEMA, schema);
    }

    /// The index of the row that was pushed last.
    fn last(&self) -> u32 {
        self.rows.saturating_sub(1)
    }

    fn check(&mut self, holds: bool, fault: &'static str) {
        if !holds {
            self.fault = Some(fault);
        }
    }

    /// The batch.
    ///
    /// # Errors
    /// Fatal when the rows cannot be one batch: the message says what to do.
    pub fn finish(mut self) -> Result<Batch, Failure> {
        let rows = self.rows;
        self.check(u32::try_from(self.bytes()).is_ok(), "a batch holds at most 4 GiB: end the poll earlier");
        let topic_of = self.finish_topics();
        if let Some(fault) = self.fault {
            return Err(Failure::fatal(fault));
        }
        Ok(Batch {
            rows,
            keys: self.keys.finish(rows),
            values: self.values.finish(rows),
            key_format: self.key_format,
            value_format: self.value_format,
            headers: self.headers.finish(rows),
            timestamps: stamps(self.timestamps, rows),
            topics: self.topics,
            topic_of,
            partitions: fill(self.partitions, rows, -1),
            operations: fill(self.operations, rows, Operation::Unknown),
            schemas: self.schemas,
            key_schema_of: fill(self.key_schema_of, rows, Batch::NO_SCHEMA),
            value_schema_of: fill(self.value_schema_of, rows, Batch::NO_SCHEMA),
            checkpoints: self.checkpoints,
        })
    }

    /// The topic of each row; empty where they all go to the first.
    fn finish_topics(&mut self) -> Vec<u16> {
        if self.topic_of.is_empty() && self.topic.is_none_or(|topic| topic == 0) {
            return Vec::new();
        }
        let mut topic_of = fill(std::mem::take(&mut self.topic_of), self.rows, NO_TOPIC);
        for index in topic_of.iter_mut().filter(|index| **index == NO_TOPIC) {
            match self.topic {
                Some(topic) => *index = topic,
                None => self.fault = Some("some rows name a topic and some do not: name a default with `batch.topic`"),
            }
        }
        if topic_of.iter().all(|&index| index == 0) { Vec::new() } else { topic_of }
    }
}

const TOO_MANY_TOPICS: &str = "a batch goes to at most 65535 different topics: end the poll earlier";
const NO_SUCH_SCHEMA: &str = "a schema's index comes from `batch.schema` of the same batch";

/// Sets the entry of the last of `rows` rows; rows before it that have none get `filler`.
fn put<T: Copy>(list: &mut Vec<T>, rows: u32, filler: T, entry: T) {
    let rows = rows as usize;
    list.reserve(rows.saturating_sub(list.len()));
    while list.len() < rows {
        list.push(filler);
    }
    if let Some(last) = list.last_mut() {
        *last = entry;
    }
}

/// One entry for each row, or none where no row has one.
fn fill<T: Copy>(mut list: Vec<T>, rows: u32, filler: T) -> Vec<T> {
    if !list.is_empty() {
        list.resize(rows as usize, filler);
    }
    list
}

/// Rows that do not say when they happened happened now, where others say it.
fn stamps(list: Vec<Option<i64>>, rows: u32) -> Vec<i64> {
    if list.is_empty() {
        return Vec::new();
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64);
    fill(list, rows, None).into_iter().map(|stamp| stamp.unwrap_or(now)).collect()
}

#[cfg(test)]
#[path = "builder_tests.rs"]
mod tests;
