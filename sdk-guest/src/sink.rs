//! What a sink connector implements.

use serde::de::DeserializeOwned;

use crate::config::ConfigMap;
use crate::context::Context;
use crate::delivery::Delivery;
use crate::descriptor::Descriptor;
use crate::failure::{Failure, Problem, Rejection};
use crate::offset::TopicPosition;
use crate::source::drop_unused;

/// What a flush made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flushed {
    /// All that was put.
    All,
    /// Rows before these positions; the rest is still buffered.
    UpTo(Vec<TopicPosition>),
}

/// Writes to an outside system. One value of the type is one running task; OpenMessaging Connect calls it a `SinkTask`.
///
/// Only [`describe`](Sink::describe), [`start`](Sink::start) and [`put`](Sink::put) must be written. The host makes one
/// call at a time. Rows that were put but not flushed when an instance dies are put again.
pub trait Sink: Sized + 'static {
    /// The configuration, read by serde from text: see [`config::read`](crate::config::read).
    type Config: DeserializeOwned;

    /// What the connector is and which keys it understands. Called without any capability.
    fn describe() -> Descriptor;

    /// Checks what the types of the keys cannot express, without touching the outside world (OpenMessaging:
    /// `validate`). Each problem names a key and says what to write instead.
    fn validate(config: &Self::Config) -> Vec<Problem> {
        drop_unused(config);
        Vec::new()
    }

    /// Task configurations, 1 to `max` (OpenMessaging: `taskConfigs`). By default `max` equal ones: the queue's
    /// partitions are shared out among them.
    ///
    /// # Errors
    /// When the configuration cannot work.
    fn tasks(config: &ConfigMap, max: u32) -> Result<Vec<ConfigMap>, Failure> {
        Ok(vec![config.clone(); max.max(1) as usize])
    }

    /// Starts a task (OpenMessaging: `init` and `start`).
    ///
    /// # Errors
    /// Retriable where the outside system may come back, otherwise the task is FAILED.
    fn start(context: &Context, config: Self::Config) -> Result<Self, Failure>;

    /// The task now reads these partitions. The answer names positions to start from, where the outside system knows
    /// better than the queue; a sink that keeps its position in the same transaction as its data is exactly-once.
    ///
    /// # Errors
    /// When the outside system cannot be asked.
    fn assigned(&mut self, partitions: &[TopicPosition]) -> Result<Vec<TopicPosition>, Failure> {
        drop_unused(partitions);
        Ok(Vec::new())
    }

    /// The task no longer reads these partitions.
    fn revoked(&mut self, partitions: &[TopicPosition]) {
        drop_unused(partitions);
    }

    /// Takes the rows but for those it returns, made by [`Row::reject`](crate::Row::reject). The rows need be durable
    /// only after [`flush`](Sink::flush).
    ///
    /// # Errors
    /// When no row, or none from [`Failure::at_row`] on, could be taken.
    fn put(&mut self, delivery: &Delivery) -> Result<Vec<Rejection>, Failure>;

    /// Makes what was put durable. By default there is nothing to do: right only where `put` itself is durable.
    ///
    /// # Errors
    /// When it could not be made durable; the host flushes again, or starts anew from the last acknowledged position.
    fn flush(&mut self) -> Result<Flushed, Failure> {
        Ok(Flushed::All)
    }

    /// Nothing will be asked until [`resume`](Sink::resume): release what is scarce.
    fn pause(&mut self) {}

    /// Work goes on.
    fn resume(&mut self) {}

    /// The last call to a task that ends as planned.
    fn stop(&mut self) {}

    /// The last call to a task that the host gives up.
    fn failed(&mut self, reason: &str) {
        drop_unused(reason);
    }

    /// The connector is deleted and its tasks have stopped (OpenMessaging: `destroy`): release what lives outside.
    fn destroyed(context: &Context, config: Self::Config) {
        drop_unused((context, config));
    }
}
