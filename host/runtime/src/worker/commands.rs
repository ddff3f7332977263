//! What an operator tells a connector.

use wharf_core::state::TargetState;
use wharf_core::status::ConnectorStatus;

use super::Worker;
use crate::error::WorkerError;
use crate::offsets::{Alteration, Consent, OffsetChange};

impl Worker {
    /// Alters what a stopped connector has committed, all or none; durable when this returns. A source is asked first.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]; [`WorkerError::BadRequest`] where the connector is not STOPPED, nothing is to be altered,
    /// or a sink's partition or offset has the wrong shape; [`WorkerError::Internal`], as in Kafka Connect, where the
    /// source refuses, with its words, or the queue or the store fails.
    pub async fn alter_offsets(&self, name: &str, changes: Vec<OffsetChange>) -> Result<Consent, WorkerError> {
        if changes.is_empty() {
            let message = "Partitions / offsets need to be provided for an alter offsets request";
            return Err(WorkerError::BadRequest(message.to_owned()));
        }
        self.get(name)?.alter_offsets(Alteration::Change(changes)).await
    }

    /// Forgets all that a stopped connector has committed, so that it begins anew. As [`Worker::alter_offsets`].
    ///
    /// # Errors
    /// As [`Worker::alter_offsets`].
    pub async fn reset_offsets(&self, name: &str) -> Result<Consent, WorkerError> {
        self.get(name)?.alter_offsets(Alteration::Reset).await
    }

    /// Stops a connector's tasks, tells its plugin, and forgets it; its offsets are kept. Returns when it is gone.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn delete(&self, name: &str) -> Result<(), WorkerError> {
        self.get(name)?.delete().await
    }

    /// Lets a connector's tasks keep their instances and do nothing. Durable when this returns; each task pauses once
    /// the call that it is in has returned.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn pause(&self, name: &str) -> Result<(), WorkerError> {
        self.set_target(name, TargetState::Paused).await
    }

    /// Lets a paused or stopped connector work again. Durable when this returns.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn resume(&self, name: &str) -> Result<(), WorkerError> {
        self.set_target(name, TargetState::Running).await
    }

    /// Frees a connector's tasks; its configuration and offsets are kept. Returns when they are gone, which takes at
    /// most [`crate::WorkerOptions::shutdown_timeout`].
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn stop(&self, name: &str) -> Result<(), WorkerError> {
        self.set_target(name, TargetState::Stopped).await
    }

    async fn set_target(&self, name: &str, target: TargetState) -> Result<(), WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::unknown(name))?;
        connector.set_target(target).await
    }

    /// Restarts a connector but not its tasks: its work is split anew, and tasks are replaced only where that changed
    /// their configuration.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn restart(&self, name: &str) -> Result<(), WorkerError> {
        self.restart_with(name, false, false).await.map(drop)
    }

    /// Restarts a connector, with its tasks where `include_tasks` says so; with `only_failed` only what has failed or
    /// waits to be started again after a crash. The answer shows as RESTARTING what will be restarted. Failures
    /// counted so far are forgotten, and no back-off is waited for.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn restart_with(
        &self,
        name: &str,
        include_tasks: bool,
        only_failed: bool,
    ) -> Result<ConnectorStatus, WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::unknown_to_restart(name))?;
        connector.restart(include_tasks, only_failed).await
    }

    /// Restarts one task, as [`Worker::restart_with`] does.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`], or [`WorkerError::Conflict`] while the connector is stopped.
    pub async fn restart_task(&self, name: &str, task: u32) -> Result<(), WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::unknown_to_restart(name))?;
        connector.restart_task(task).await
    }
}
