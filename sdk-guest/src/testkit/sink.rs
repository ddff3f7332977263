//! The test kit's side of a sink.

use std::rc::Rc;
use std::time::Duration;

use log::Level;

use super::host::Memory;
use super::{Metric, config_of, context};
use crate::batch::{BatchBuilder, Limits};
use crate::config::ConfigMap;
use crate::context::Context;
use crate::delivery::{Delivery, Origin};
use crate::drive;
use crate::failure::{Failure, Problem, Rejection};
use crate::offset::TopicPosition;
use crate::sink::{Flushed, Sink};

/// Runs a sink.
#[derive(Debug)]
pub struct SinkKit<T> {
    config: ConfigMap,
    context: Context,
    memory: Rc<Memory>,
    task: Option<T>,
    position: i64,
}

impl<T: Sink> SinkKit<T> {
    /// A sink with this configuration, not started yet.
    pub fn new<K: Into<String>, V: Into<String>>(config: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { config: config_of(config), context: context(1), memory: Rc::default(), task: None, position: 0 }
    }

    /// What `validate` says.
    pub fn validate(&self) -> Vec<Problem> {
        crate::host::install(self.memory.clone());
        drive::validate_sink::<T>(self.config.clone())
    }

    /// Starts the task.
    ///
    /// # Errors
    /// What the sink answers; the wrong key of a configuration that cannot be read.
    pub fn start(&mut self) -> Result<(), Failure> {
        crate::host::install(self.memory.clone());
        if self.task.is_some() {
            return Err(drive::started_already());
        }
        self.task = Some(drive::start_sink(&self.context, self.config.clone())?);
        Ok(())
    }

    /// Throws the task away without a call, as after a crash, and starts a new one.
    ///
    /// # Errors
    /// See [`SinkKit::start`].
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.task = None;
        self.context.attempt += 1;
        self.context.generation += 1;
        self.start()
    }

    /// Puts a delivery.
    ///
    /// # Errors
    /// What the sink answers.
    pub fn put(&mut self, delivery: &Delivery) -> Result<Vec<Rejection>, Failure> {
        crate::host::install(self.memory.clone());
        self.task.as_mut().ok_or_else(drive::not_started)?.put(delivery)
    }

    /// Puts rows that have nothing but values, as they would come from partition 0 of the topic `test`.
    ///
    /// # Errors
    /// What the sink answers.
    pub fn put_values<V: AsRef<[u8]>>(
        &mut self,
        values: impl IntoIterator<Item = V>,
    ) -> Result<Vec<Rejection>, Failure> {
        let limits = Limits { max_rows: u32::MAX, max_bytes: u32::MAX, max_wait: Duration::ZERO };
        let mut batch = BatchBuilder::new(limits);
        for value in values {
            batch.push(value.as_ref());
        }
        let batch = batch.finish()?;
        let first = self.position;
        self.position += i64::from(batch.rows);
        let origins = vec![Origin { first_row: 0, topic: "test".into(), partition: 0 }];
        self.put(&Delivery { batch, origins, positions: (first..self.position).collect() })
    }

    /// Flushes.
    ///
    /// # Errors
    /// What the sink answers.
    pub fn flush(&mut self) -> Result<Flushed, Failure> {
        crate::host::install(self.memory.clone());
        self.task.as_mut().ok_or_else(drive::not_started)?.flush()
    }

    /// Assigns partitions.
    ///
    /// # Errors
    /// What the sink answers.
    pub fn assign(&mut self, partitions: &[TopicPosition]) -> Result<Vec<TopicPosition>, Failure> {
        crate::host::install(self.memory.clone());
        self.task.as_mut().ok_or_else(drive::not_started)?.assigned(partitions)
    }

    /// Stops the task as planned.
    pub fn stop(&mut self) {
        crate::host::install(self.memory.clone());
        if let Some(mut task) = self.task.take() {
            task.stop();
        }
    }

    /// The running task.
    pub fn task(&mut self) -> Option<&mut T> {
        self.task.as_mut()
    }

    /// What was logged.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.memory.log.borrow().clone()
    }

    /// What was measured.
    pub fn metrics(&self) -> Vec<Metric> {
        self.memory.metrics.borrow().clone()
    }
}
