//! The end of a connector that is deleted.

use std::sync::Arc;

use tokio::time::timeout;
use tracing::{info, warn};
use wharf_core::plugin::{TaskContext, TaskSetup};

use super::{Supervisor, answer};
use crate::connector::Reply;
use crate::task::{SourceOffsets, stop_all};

impl Supervisor {
    /// Stops everything, tells the plugin, and forgets the configuration; offsets stay. Gives the reply back when the
    /// connector is no more.
    pub(super) async fn delete(&mut self, reply: Reply<()>) -> Option<Reply<()>> {
        let tasks = self.take_tasks();
        let count = tasks.len() as u32;
        stop_all(&self.env, tasks).await;
        self.show_tasks();
        self.destroyed(count).await;
        let deleted = self.env.connectors.delete(self.view.name()).await;
        let forgotten = self.env.generations.forget(self.view.name()).await;
        let forgotten = forgotten.and(self.env.topics.reset(self.view.name()).await);
        if let Err(error) = deleted.map(drop).and(forgotten) {
            let trace = format!("cannot delete the connector: {error}");
            self.view.set_failed(trace);
            answer(reply, Err(error.into()));
            return None;
        }
        info!("the connector is deleted");
        Some(reply)
    }

    pub(super) async fn destroyed(&self, tasks: u32) {
        let Some(job) = &self.job else { return };
        let (name, env) = (self.view.name(), &self.env);
        let generation = env.generations.next_generation(name, 0).await.unwrap_or_default();
        let worker = env.options.id.clone();
        let context = TaskContext { connector: name.to_owned(), task: 0, tasks, worker, attempt: 1, generation };
        let setup = TaskSetup {
            context,
            config: job.config.clone(),
            offsets: Arc::new(SourceOffsets::new(env.offsets.clone(), name, Vec::new())),
            reconfigure: Arc::new(|| {}),
            limits: job.spec.limits.clone(),
            meter: Arc::default(),
            audit: job.hidden.audit(&env.audit),
        };
        match timeout(env.options.shutdown_timeout, job.plugin.destroyed(setup)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                env.killed_aside(name, job.plugin.id(), &error);
                warn!(%error, "the plugin failed when it was told of its end");
            }
            Err(_) => warn!("the plugin was told of its end and did not answer in time"),
        }
    }
}
