//! The test kit's side of a source.

use std::rc::Rc;
use std::time::Duration;

use log::Level;

use super::host::Memory;
use super::{Metric, config_of, context};
use crate::batch::{Batch, Limits};
use crate::config::ConfigMap;
use crate::context::Context;
use crate::drive;
use crate::failure::{Failure, Problem};
use crate::offset::SourceOffset;
use crate::source::{Next, Source};

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// The rows as columns.
    pub batch: Batch,
    /// What comes after.
    pub next: Next,
}

impl Polled {
    /// The values, `None` for the absent ones.
    pub fn values(&self) -> Vec<Option<Vec<u8>>> {
        (0..self.batch.rows as usize).map(|row| self.batch.values.cell(row).map(<[u8]>::to_vec)).collect()
    }

    /// The keys, `None` for the absent ones.
    pub fn keys(&self) -> Vec<Option<Vec<u8>>> {
        (0..self.batch.rows as usize).map(|row| self.batch.keys.cell(row).map(<[u8]>::to_vec)).collect()
    }

    /// The values as text; absent ones are empty, and what is no UTF-8 is replaced.
    pub fn texts(&self) -> Vec<String> {
        let text = |value: Option<Vec<u8>>| String::from_utf8_lossy(&value.unwrap_or_default()).into_owned();
        self.values().into_iter().map(text).collect()
    }

    /// The offsets that the batch reaches, the last of each partition.
    pub fn offsets(&self) -> Vec<SourceOffset> {
        let mut last: Vec<SourceOffset> = Vec::new();
        for mark in &self.batch.checkpoints {
            last.retain(|at| at.partition != mark.at.partition);
            last.push(mark.at.clone());
        }
        last
    }
}

/// Runs a source.
#[derive(Debug)]
pub struct SourceKit<T> {
    config: ConfigMap,
    context: Context,
    limits: Limits,
    memory: Rc<Memory>,
    task: Option<T>,
}

impl<T: Source> SourceKit<T> {
    /// A source with this configuration, not started yet. Polls are bounded by 10,000 rows, 1 MiB and no wait.
    pub fn new<K: Into<String>, V: Into<String>>(config: impl IntoIterator<Item = (K, V)>) -> Self {
        let limits = Limits { max_rows: 10_000, max_bytes: 1024 * 1024, max_wait: Duration::ZERO };
        Self { config: config_of(config), context: context(1), limits, memory: Rc::default(), task: None }
    }

    /// Says which task of how many this is.
    #[must_use]
    pub fn task_of(mut self, task: u32, tasks: u32) -> Self {
        (self.context.task, self.context.tasks) = (task, tasks);
        self
    }

    /// Sets the bounds of the polls to come.
    pub fn limit(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// What `validate` says.
    pub fn validate(&self) -> Vec<Problem> {
        crate::host::install(self.memory.clone());
        drive::validate_source::<T>(self.config.clone())
    }

    /// Starts the task.
    ///
    /// # Errors
    /// What the source answers; the wrong key of a configuration that cannot be read.
    pub fn start(&mut self) -> Result<(), Failure> {
        crate::host::install(self.memory.clone());
        if self.task.is_some() {
            return Err(drive::started_already());
        }
        self.task = Some(drive::start_source(&self.context, self.config.clone())?);
        Ok(())
    }

    /// Throws the task away without a call, as after a crash, and starts a new one, which finds what was committed.
    ///
    /// # Errors
    /// See [`SourceKit::start`].
    pub fn restart(&mut self) -> Result<(), Failure> {
        self.task = None;
        self.context.attempt += 1;
        self.context.generation += 1;
        self.start()
    }

    /// One poll.
    ///
    /// # Errors
    /// What the source answers; fatal where the source broke a bound of the poll.
    pub fn poll(&mut self) -> Result<Polled, Failure> {
        crate::host::install(self.memory.clone());
        let task = self.task.as_mut().ok_or_else(drive::not_started)?;
        let (batch, next) = drive::poll(task, self.limits)?;
        if batch.rows > self.limits.max_rows {
            let (rows, most) = (batch.rows, self.limits.max_rows);
            return Err(Failure::fatal(format!("a poll brought {rows} rows, and {most} were allowed")));
        }
        Ok(Polled { batch, next })
    }

    /// Stores the offsets that a batch reaches and tells the source, as the host does once the rows are safe.
    ///
    /// # Errors
    /// What the source answers.
    pub fn commit(&mut self, polled: &Polled) -> Result<(), Failure> {
        crate::host::install(self.memory.clone());
        let offsets = polled.offsets();
        self.memory.store(&offsets);
        self.task.as_mut().ok_or_else(drive::not_started)?.commit(&offsets)
    }

    /// Asks whether an operator may store these offsets, and stores them if so.
    ///
    /// # Errors
    /// The reason that the source gives.
    pub fn alter(&mut self, offsets: &[SourceOffset]) -> Result<(), String> {
        crate::host::install(self.memory.clone());
        self.task.as_mut().ok_or_else(|| drive::not_started().to_string())?.alter(offsets)?;
        self.memory.store(offsets);
        Ok(())
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

    /// The stored offset of a partition, both as canonical JSON.
    pub fn offset(&self, partition: &str) -> Option<String> {
        self.memory.offsets.borrow().get(partition).cloned()
    }

    /// What was logged.
    pub fn log(&self) -> Vec<(Level, String)> {
        self.memory.log.borrow().clone()
    }

    /// What was measured.
    pub fn metrics(&self) -> Vec<Metric> {
        self.memory.metrics.borrow().clone()
    }

    /// How often reconfiguration was asked for.
    pub fn reconfigurations(&self) -> u32 {
        self.memory.reconfigurations.get()
    }
}
