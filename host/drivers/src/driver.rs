//! The trait that every message queue implements.
//!
//! Batches in, batches out; nothing happens once per record here. What queues differ in is in [`Capabilities`], which
//! the worker reads before it starts a task. A driver offers a [`Producer`] for a source task and a [`Consumer`] for a
//! sink task; both belong to one task and are not shared.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use wharf_core::figures::Figure;
use wharf_core::{Batch, Delivery, SourceOffset, TopicPosition};

/// How a queue keeps order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ordering {
    /// Within a partition (Kafka, RocketMQ, Pulsar, the embedded log).
    Partition,
    /// Within a topic, queue or stream (RabbitMQ, JetStream, Redis, MQTT).
    Topic,
    /// Not at all.
    None,
}

/// How rows are acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckModel {
    /// By a position: it and all before it.
    Cumulative,
    /// Each delivery for itself.
    Individual,
}

/// From where rows can be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// From any position, at any time.
    Any,
    /// From any position, but only by a new consumer.
    NewConsumer,
    /// Not at all once acknowledged.
    None,
}

/// How source offsets and rows can be made durable together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Atomicity {
    /// Not: the worker stores offsets after the queue's acknowledgement (at least once).
    None,
    /// The queue drops rows with an id it has seen.
    Deduplication,
    /// Checkpoints are stored in the same atomic write as the rows they are behind (exactly once).
    Checkpoints,
}

/// What headers may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeaderSupport {
    /// Any bytes.
    Bytes,
    /// UTF-8 text.
    Text,
    /// None.
    None,
}

/// When an acknowledged row is safe, at best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk of this machine.
    Fsync,
    /// In the memory of several machines.
    Replicated,
    /// In the memory of one machine.
    Memory,
    /// As the queue is configured.
    Configured,
}

/// What a queue can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// How it keeps order.
    pub ordering: Ordering,
    /// How rows are acknowledged.
    pub ack: AckModel,
    /// From where rows can be read again.
    pub replay: Replay,
    /// How offsets and rows can be made durable together.
    pub atomicity: Atomicity,
    /// Whether rows have keys.
    pub keys: bool,
    /// What headers may be.
    pub headers: HeaderSupport,
    /// The largest row, key and value and headers together, in bytes.
    pub max_row_bytes: u64,
    /// When an acknowledged row is safe.
    pub durability: Durability,
    /// Whether partitions move between the members of a group.
    pub rebalance: bool,
    /// Whether topics can be created, described and deleted.
    pub admin: bool,
}

/// Why a queue did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// It may work later; nothing was written.
    #[error("{0}")]
    Retriable(String),
    /// Nothing can be had of the queue for now, whoever asks: its disk is full or read-only. Nothing was written. It is no
    /// fault of the task, which waits for as long as it takes.
    #[error("{0}")]
    Unavailable(String),
    /// The queue did not answer: the rows may or may not be there.
    #[error("{0}")]
    MaybeWritten(String),
    /// It will never work with these rows.
    #[error("{0}")]
    Rejected(String),
    /// Another producer or consumer took this one's place.
    #[error("{0}")]
    Fenced(String),
    /// It will never work: misconfigured, closed, corrupt.
    #[error("{0}")]
    Fatal(String),
}

/// How a [`Producer`] is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerOptions {
    /// Who sends: the connector's name. Checkpoints are kept under it.
    pub source: String,
    /// Which task of it.
    pub task: u32,
    /// Where rows go that name no topic.
    pub default_topic: Option<String>,
    /// How many batches may wait for acknowledgement.
    pub max_in_flight: usize,
}

/// How a [`Consumer`] is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerOptions {
    /// The consumer group.
    pub group: String,
    /// Which member of the group: the task's number as text. A second member of the same name takes the first's place.
    pub member: String,
    /// What to read.
    pub topics: Vec<String>,
    /// Where to begin in a partition for which the group has no position.
    pub start: Start,
}

/// Where to begin reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest row there is.
    Earliest,
    /// At rows that come after now.
    Latest,
}

/// Rows of a batch that the queue did not take; the others it did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Row and reason, ascending by row; empty: all are in the queue.
    pub failed: Vec<(u32, DriverError)>,
}

/// Resolves when the queue has acknowledged a batch, as durable as it was configured to be.
pub type Acknowledgement = BoxFuture<'static, Result<Receipt, DriverError>>;

/// A message queue.
#[async_trait]
pub trait Driver: Send + Sync + fmt::Debug {
    /// Its name in configurations: `log`, `kafka`, …
    fn name(&self) -> &'static str;
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;
    /// Opens a producer for one source task.
    async fn producer(&self, options: ProducerOptions) -> Result<Box<dyn Producer>, DriverError>;
    /// Opens a consumer for one sink task.
    async fn consumer(&self, options: ConsumerOptions) -> Result<Box<dyn Consumer>, DriverError>;
    /// Topics, where the queue lets them be managed.
    fn admin(&self) -> Option<&dyn Admin>;
    /// The last checkpoint of each source partition that the queue itself holds for a connector. It wins over what the
    /// worker stored. An empty offset: an operator made the queue forget the partition, and what the worker stored for it
    /// does not hold either. Empty unless [`Capabilities::atomicity`] is [`Atomicity::Checkpoints`].
    async fn checkpoints(&self, source: &str) -> Result<Vec<SourceOffset>, DriverError>;
    /// Puts these in the place of what [`Driver::checkpoints`] answers for their partitions, all or none; an empty offset
    /// forgets a partition. As durable when this returns as an acknowledged batch. Producers that the connector still has
    /// are fenced first. Answers `false`, and does nothing, where the queue holds no checkpoint of the connector: then
    /// only what the worker stored counts.
    async fn alter_checkpoints(&self, _source: &str, _offsets: &[SourceOffset]) -> Result<bool, DriverError> {
        Ok(false)
    }
    /// What keeps the queue from taking rows, if anything does or did a moment ago: for an operator to read.
    fn trouble(&self) -> Option<String> {
        None
    }
    /// What it measures of itself.
    fn figures(&self) -> Vec<Figure> {
        Vec::new()
    }
    /// Makes everything durable and stops; nothing may be asked afterwards.
    async fn close(&self) -> Result<(), DriverError>;
}

/// Sends the batches of one source task.
#[async_trait]
pub trait Producer: Send {
    /// Hands a batch over; waits only while `max_in_flight` batches are unacknowledged. Acknowledgements resolve in any
    /// order; each must be awaited or dropped. Rows without a timestamp are stamped.
    async fn send(&mut self, batch: Batch) -> Result<Acknowledgement, DriverError>;
    /// Returns when nothing is in flight any more.
    async fn flush(&mut self) -> Result<(), DriverError>;
}

/// What a [`Consumer`] has to say.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and rows are what it mostly is")]
pub enum Polled {
    /// Rows, from partitions that are assigned. Rows of one partition come in order, each once, until a seek.
    Rows(Delivery),
    /// The task now reads these too, from these positions on.
    Assigned(Vec<TopicPosition>),
    /// The task shall give these up: finish them, commit, then drop the [`Handover`]; another member waits for it. Their
    /// positions are those of the next row that would have been delivered.
    Revoked(Vec<TopicPosition>, Handover),
    /// These are gone already; what was not committed will be delivered to another member.
    Lost(Vec<TopicPosition>),
    /// Nothing came within the wait.
    Idle,
}

/// Held by a member that gives partitions up, until it has finished them; they move on when it is dropped.
pub struct Handover(#[expect(dead_code, reason = "held for its drop")] Box<dyn Send + Sync>);

impl Handover {
    /// Wraps whatever tells the queue, when dropped, that the partitions are free.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handover")
    }
}

/// How far a member is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    /// Which partition, and the next row to read.
    pub at: TopicPosition,
    /// The position behind the partition's last row.
    pub end: i64,
}

/// Reads for one sink task. Dropping it leaves the group.
#[async_trait]
pub trait Consumer: Send {
    /// Rows, or news about partitions; waits up to `wait`. Cancel-safe: no row is lost when the future is dropped.
    /// With `max_rows` 0 only news is asked for, as a paused task does, and no rows come.
    async fn poll(&mut self, max_rows: u32, max_bytes: u32, wait: Duration) -> Result<Polled, DriverError>;
    /// Stores that the group has finished everything before these positions, durably.
    async fn commit(&mut self, positions: &[TopicPosition]) -> Result<(), DriverError>;
    /// Reads on from these positions of assigned partitions.
    async fn seek(&mut self, positions: &[TopicPosition]) -> Result<(), DriverError>;
    /// How far this member is behind in each assigned partition.
    async fn lag(&mut self) -> Result<Vec<Lag>, DriverError>;
    /// Leaves the group.
    async fn close(self: Box<Self>) -> Result<(), DriverError>;
}

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PartitionInfo {
    /// Its number, from 0.
    pub partition: u32,
    /// The position of its oldest row.
    pub start: i64,
    /// The position behind its newest row.
    pub end: i64,
    /// Bytes on disk; `None` where the queue does not say.
    pub bytes: Option<u64>,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// Its partitions, by number.
    pub partitions: Vec<PartitionInfo>,
}

/// Creates, describes and deletes topics, and shows what groups have committed.
#[async_trait]
pub trait Admin: Send + Sync {
    /// Creates a topic; `false` when it is there already.
    async fn create(&self, topic: &str, partitions: u32) -> Result<bool, DriverError>;
    /// All topics, by name.
    async fn list(&self) -> Result<Vec<String>, DriverError>;
    /// One topic; `None` where there is none of that name.
    async fn describe(&self, topic: &str) -> Result<Option<TopicInfo>, DriverError>;
    /// Deletes a topic and its rows; `false` where there is none.
    async fn delete(&self, topic: &str) -> Result<bool, DriverError>;
    /// What a group has committed.
    async fn committed(&self, group: &str) -> Result<Vec<TopicPosition>, DriverError>;
    /// Forgets, or moves, what a group has committed; the group must have no members.
    async fn alter_committed(&self, group: &str, positions: &[(String, u32, Option<i64>)]) -> Result<(), DriverError>;
}
