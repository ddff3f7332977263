//! The test kit's side of a webhook source.

use std::rc::Rc;

use log::Level;

use super::host::Memory;
use super::{Metric, config_of, context};
use crate::batch::Batch;
use crate::config::ConfigMap;
use crate::context::Context;
use crate::drive;
use crate::failure::{Failure, Problem};
use crate::webhook::{Request, Response, Webhook};

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// The rows as columns.
    pub batch: Batch,
    /// What the caller gets once they are in the queue.
    pub response: Response,
}

impl Handled {
    /// The values as text; absent ones are empty, and what is no UTF-8 is replaced.
    pub fn texts(&self) -> Vec<String> {
        let value = |row: usize| self.batch.values.cell(row).unwrap_or_default();
        (0..self.batch.rows as usize).map(|row| String::from_utf8_lossy(value(row)).into_owned()).collect()
    }

    /// The keys, `None` for the absent ones.
    pub fn keys(&self) -> Vec<Option<Vec<u8>>> {
        (0..self.batch.rows as usize).map(|row| self.batch.keys.cell(row).map(<[u8]>::to_vec)).collect()
    }

    /// The headers of a row, in their order; what is no UTF-8 is replaced.
    pub fn headers(&self, row: usize) -> Vec<(String, String)> {
        let headers = &self.batch.headers;
        let end = |row: usize| headers.row_ends.get(row).copied().unwrap_or(0) as usize;
        let begin = row.checked_sub(1).map_or(0, end);
        let one = |index: usize| {
            let name = headers.names.get(usize::from(*headers.name_of.get(index)?))?;
            let value = headers.cells.cell(index).unwrap_or_default();
            Some((name.clone(), String::from_utf8_lossy(value).into_owned()))
        };
        (begin..end(row)).filter_map(one).collect()
    }
}

/// Runs a webhook source.
#[derive(Debug)]
pub struct WebhookKit<T> {
    config: ConfigMap,
    context: Context,
    memory: Rc<Memory>,
    task: Option<T>,
}

impl<T: Webhook> WebhookKit<T> {
    /// A webhook source with this configuration, not started yet.
    pub fn new<K: Into<String>, V: Into<String>>(config: impl IntoIterator<Item = (K, V)>) -> Self {
        Self { config: config_of(config), context: context(1), memory: Rc::default(), task: None }
    }

    /// What `validate` says.
    pub fn validate(&self) -> Vec<Problem> {
        crate::host::install(self.memory.clone());
        drive::validate_webhook::<T>(self.config.clone())
    }

    /// Starts the task; a second time throws the first task away without a call, as after a crash.
    ///
    /// # Errors
    /// What the plugin answers; the wrong key of a configuration that cannot be read.
    pub fn start(&mut self) -> Result<(), Failure> {
        crate::host::install(self.memory.clone());
        self.task = None;
        self.task = Some(drive::start_webhook(&self.context, self.config.clone())?);
        self.context.attempt += 1;
        self.context.generation += 1;
        Ok(())
    }

    /// Hands a request over.
    ///
    /// # Errors
    /// What the plugin answers.
    pub fn handle(&mut self, request: Request) -> Result<Handled, Failure> {
        crate::host::install(self.memory.clone());
        let task = self.task.as_mut().ok_or_else(drive::not_started)?;
        let (batch, response) = drive::handle(task, request)?;
        Ok(Handled { batch, response })
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
