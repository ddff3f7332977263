//! What can be asked of connectors and of the worker.

use wharf_core::SourceOffset;
use wharf_core::config::Config;
use wharf_core::figures::Figure;
use wharf_core::plugin::PluginUse;
use wharf_core::status::{ConnectorInfo, ConnectorStatus, TaskInfo, TaskStatus};

use super::Worker;
use crate::error::WorkerError;
use crate::figures::{ConnectorFigures, WorkerFigures};
use crate::inspect::{InspectQuery, Inspection};
use crate::offsets;
use crate::plugin_use;
use crate::progress::ConnectorProgress;
use crate::status::lock;
use crate::usage::ConnectorUsage;

impl Worker {
    /// Names of all connectors, sorted.
    pub async fn connectors(&self) -> Vec<String> {
        lock(&self.inner.connectors).keys().cloned().collect()
    }

    /// A connector, its configuration and its tasks.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn connector(&self, name: &str) -> Result<ConnectorInfo, WorkerError> {
        Ok(self.get(name)?.view().info())
    }

    /// A connector's configuration; secrets are masked.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn config(&self, name: &str) -> Result<Config, WorkerError> {
        Ok(self.get(name)?.view().shown_config())
    }

    /// What a connector and its tasks are doing.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn status(&self, name: &str) -> Result<ConnectorStatus, WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::no_status(name))?;
        let view = connector.view();
        let mut status = view.status();
        status.connector.plugin_change = plugin_use::change(&*self.inner.env.catalog, &view.config(), &view.plugins());
        Ok(status)
    }

    /// Every connector's plugins; several for one whose tasks still run the bytes of before a restart.
    pub fn plugins_in_use(&self) -> Vec<PluginUse> {
        let connectors = lock(&self.inner.connectors);
        let uses = connectors.iter().flat_map(|(name, connector)| {
            let plugins = connector.view().plugins().into_iter();
            plugins.map(|plugin| PluginUse { connector: name.clone(), plugin })
        });
        uses.collect()
    }

    /// A connector's tasks and their configurations.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn tasks(&self, name: &str) -> Result<Vec<TaskInfo>, WorkerError> {
        Ok(self.get(name)?.view().tasks())
    }

    /// What one task is doing.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn task_status(&self, name: &str, task: u32) -> Result<TaskStatus, WorkerError> {
        let status = self.find(name).and_then(|connector| connector.view().task_status(task));
        status.ok_or_else(|| WorkerError::no_task_status(name, task))
    }

    /// How far a connector's tasks have come.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn progress(&self, name: &str) -> Result<ConnectorProgress, WorkerError> {
        Ok(self.get(name)?.view().progress())
    }

    /// What a connector's tasks use: memory, CPU time, calls, and what was denied to them or ended.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn usage(&self, name: &str) -> Result<ConnectorUsage, WorkerError> {
        Ok(self.get(name)?.view().usage())
    }

    /// What a connector has committed: of a source where it stands in the outside system, of a sink
    /// `{"kafka_topic","kafka_partition"}` and `{"kafka_offset"}`. Both texts of each are JSON objects.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`], [`WorkerError::Internal`] where the queue or the store cannot be read.
    pub async fn offsets(&self, name: &str) -> Result<Vec<SourceOffset>, WorkerError> {
        let connector = self.get(name)?;
        offsets::read(&self.inner.env, connector.view()).await
    }

    /// Everything that is measured of a connector and its tasks.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn figures(&self, name: &str) -> Result<ConnectorFigures, WorkerError> {
        Ok(self.get(name)?.view().figures())
    }

    /// What the worker counts of itself.
    pub fn worker_figures(&self) -> WorkerFigures {
        let env = &self.inner.env;
        WorkerFigures { connectors: env.connector_starts.starts(), tasks: env.task_starts.starts() }
    }

    /// What the store and the queue measure of themselves.
    pub fn part_figures(&self) -> Vec<Figure> {
        let env = &self.inner.env;
        env.store.figures().into_iter().chain(env.driver.figures()).collect()
    }

    /// Looks at a sample of the records that pass through a connector's tasks from now on. Looking holds nothing up. How
    /// many may look at a time is up to the caller: what one of them keeps in memory is some 4 MiB at most.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub fn inspect(&self, name: &str, query: InspectQuery) -> Result<Inspection, WorkerError> {
        self.get(name)?;
        Ok(self.inner.env.taps.open(name, query))
    }

    /// Waits until a connector is deleted or the worker shuts down. A connector that is created later under the same name is
    /// another one.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub fn ended(&self, name: &str) -> Result<impl Future<Output = ()> + Send + use<>, WorkerError> {
        Ok(self.get(name)?.ended())
    }
}
