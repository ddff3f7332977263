//! Asking a source whether its offsets may be altered.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::warn;
use wharf_core::plugin::{TaskContext, TaskSetup};
use wharf_core::{InstanceError, SourceOffset};

use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::task::SourceOffsets;

/// How long starting and asking may take in all. Each call has its own, shorter deadline in the sandbox.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks an instance made for that. Its refusal comes back in its own words, as Kafka Connect's connectors answer.
pub(super) async fn ask(env: &Env, job: &Job, offsets: &[SourceOffset]) -> Result<(), WorkerError> {
    let id = job.plugin.id();
    match timeout(PATIENCE, answer(env, job, offsets)).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(reason))) => Err(WorkerError::Internal(reason)),
        Ok(Err(error)) => {
            env.killed_aside(&job.spec.name, id, &error);
            Err(WorkerError::Internal(format!("plugin {id} cannot say whether the offsets may be altered: {error}")))
        }
        Err(_) => Err(WorkerError::Internal(format!(
            "plugin {id} did not say within {} s whether the offsets may be altered",
            PATIENCE.as_secs()
        ))),
    }
}

async fn answer(env: &Env, job: &Job, offsets: &[SourceOffset]) -> Result<Result<(), String>, InstanceError> {
    let name = job.spec.name.as_str();
    // One task that has all of the work, so that no partition is another's.
    let tasks = job.plugin.tasks(&job.config, 1).await?;
    let config = tasks.into_iter().next().unwrap_or_else(|| job.config.clone());
    // It does not see what is about to be replaced: an offset that it cannot start from must be replaceable.
    let hidden = offsets.iter().map(|at| SourceOffset { partition: at.partition.clone(), offset: String::new() });
    let mut held = env.driver.checkpoints(name).await.unwrap_or_default();
    held.extend(hidden);
    let setup = TaskSetup {
        context: TaskContext {
            connector: name.to_owned(),
            task: 0,
            tasks: 1,
            worker: env.options.id.clone(),
            attempt: 1,
            generation: env.generations.next_generation(name, 0).await.unwrap_or_default(),
        },
        config,
        offsets: Arc::new(SourceOffsets::new(env.offsets.clone(), name, held)),
        reconfigure: Arc::new(|| {}),
        limits: job.spec.limits.clone(),
        meter: Arc::default(),
        audit: job.hidden.audit(&env.audit),
    };
    let mut instance = job.plugin.start_source(setup).await?;
    let verdict = instance.alter(offsets.to_vec()).await?;
    if let Err(error) = instance.stop().await {
        env.killed_aside(name, job.plugin.id(), &error);
        warn!(%error, "the instance that was asked about offsets did not stop in good order");
    }
    Ok(verdict)
}
