//! What an operator changes: the target state, the configuration, the offsets.

use tracing::{error, info};
use wharf_core::state::{State, TargetState};
use wharf_core::status::ConnectorInfo;
use wharf_store::Accepted;

use super::{Supervisor, answer};
use crate::connector::{ConfigPatch, Reply};
use crate::env::Job;
use crate::error::WorkerError;
use crate::offsets::{self, Alteration, Consent};
use crate::task::stop_all;
use crate::validate::{resolve, validate};

impl Supervisor {
    pub(super) async fn set_target(&mut self, target: TargetState, reply: Reply<()>) {
        match self.env.connectors.set_target(self.view.name(), target).await {
            Ok(Some(_)) => {}
            Ok(None) => return answer(reply, Err(WorkerError::unknown(self.view.name()))),
            Err(error) => return answer(reply, Err(error.into())),
        }
        let before = self.view.target();
        self.view.set_target(target);
        info!(%before, %target, "the target state is set");
        if target == TargetState::Stopped {
            // Stopping frees everything, and who asked for it can rely on that once it is answered.
            let tasks = self.take_tasks();
            stop_all(&self.env, tasks).await;
            self.show_tasks();
            self.show_target();
            return answer(reply, Ok(()));
        }
        // Pausing and resuming are seen at each task once the call that it is in has returned.
        answer(reply, Ok(()));
        if before == TargetState::Stopped
            && self.job.is_some()
            && let Err(trace) = self.look_up().await
        {
            // As with a restart: what was freed starts again as what is there and allowed now.
            error!(%trace, "the connector cannot run");
            self.job = None;
            self.view.set_failed(trace);
            return;
        }
        if self.job.is_none() {
            self.look_for_plugin().await;
        } else if target == TargetState::Running && (before == TargetState::Stopped || self.tasks.is_empty()) {
            self.start_tasks().await;
        } else {
            self.tasks.iter().for_each(|task| task.tell(self.mode()));
            if self.view.state() != State::Failed {
                self.show_target();
            }
        }
    }

    pub(super) async fn configure(&mut self, accepted: Accepted, job: Job, reply: Reply<ConnectorInfo>) {
        let config = accepted.config.clone();
        if let Err(error) = self.env.connectors.put(self.view.name(), accepted).await {
            return answer(reply, Err(error.into()));
        }
        let is_same = self.view.config() == config
            && self.view.state() != State::Failed
            && self.job.as_ref().is_some_and(|now| now.plugin.id() == job.plugin.id() && now.is_like(&job));
        self.view.set_config(config, job.hidden.clone());
        self.set_job(job);
        answer(reply, Ok(self.view.info()));
        if is_same {
            return;
        }
        info!("the configuration changed");
        self.begin_anew().await;
    }

    /// Changes single keys of what the configuration is by now: `[hidden]` stands for what is stored.
    pub(super) async fn patch(&mut self, patch: ConfigPatch, by: Option<String>, reply: Reply<ConnectorInfo>) {
        let stored = self.view.config();
        let mut config = stored.clone();
        for (key, value) in patch {
            match value {
                Some(value) => config.insert(key, value),
                None => config.remove(&key),
            };
        }
        let config = self.view.hidden().restored(config, &stored);
        match validate(&self.env, self.view.name(), &config).await {
            Ok(job) => self.configure(job.hidden.accepted(config, by, false), job, reply).await,
            Err(error) => answer(reply, Err(error)),
        }
    }

    /// While this runs no other command does, so a connector that is stopped has no task until it is done.
    pub(super) async fn alter_offsets(&self, alteration: Alteration) -> Result<Consent, WorkerError> {
        offsets::check_stopped(&self.view)?;
        // As at a start: the plugin may have been replaced since the connector was stopped.
        let job = resolve(&self.env, self.view.name(), &self.view.config()).await.map_err(|why| {
            WorkerError::Internal(format!("the connector cannot run, so its offsets cannot be altered: {why}"))
        })?;
        let consent = offsets::alter(&self.env, &job, alteration).await?;
        info!("offsets are altered");
        Ok(consent)
    }
}
