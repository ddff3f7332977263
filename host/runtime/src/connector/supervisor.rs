//! The supervisor of one connector: it owns the tasks and is the only one to start and stop them.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{error, info, warn};
use wharf_core::plugin::{TaskContext, TaskSetup};
use wharf_core::state::{State, TargetState, TaskEvent};
use wharf_core::status::{ConnectorInfo, ConnectorStatus};
use wharf_store::Accepted;

use super::split::{Plan, split};
use super::{Command, ConfigPatch, Reply};
use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::offsets::{self, Alteration, Consent};
use crate::secrets;
use crate::status::ConnectorView;
use crate::task::{Mode, RunningTask, SourceOffsets, TaskView, stop_all};
use crate::validate::{resolve, validate};

/// How often a connector whose plugin is missing looks for it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// How often it is looked whether what placeholders stand for has changed.
const LOOK_AT_SECRETS: Duration = Duration::from_secs(5);

pub(super) struct Supervisor {
    env: Arc<Env>,
    view: Arc<ConnectorView>,
    /// `None`: the configuration cannot run for now, most often because its plugin is missing.
    job: Option<Arc<Job>>,
    tasks: Vec<RunningTask>,
    /// A plugin asks for the work to be split anew.
    resplit: Arc<Notify>,
    /// When the secrets are looked at next.
    secrets_at: Instant,
}

impl Supervisor {
    pub(super) fn new(env: Arc<Env>, view: Arc<ConnectorView>, job: Option<Job>) -> Self {
        let resplit = Arc::new(Notify::new());
        let secrets_at = Instant::now() + LOOK_AT_SECRETS;
        let mut it = Self { env, view, job: None, tasks: Vec::new(), resplit, secrets_at };
        if let Some(job) = job {
            it.set_job(job);
        }
        it
    }

    /// Carries commands out until the connector is deleted, which gives the one to answer, or the worker shuts down.
    pub(super) async fn run(
        mut self,
        mut mailbox: mpsc::Receiver<Command>,
        started: oneshot::Sender<()>,
    ) -> Option<Reply<()>> {
        self.begin().await;
        started.send(()).ok();
        let env = self.env.clone();
        let resplit = self.resplit.clone();
        loop {
            let is_waiting = self.job.is_none() && self.view.target() != TargetState::Stopped;
            select! {
                biased;
                () = env.gate.closing().cancelled() => {
                    stop_all(&env, self.take_tasks()).await;
                    return None;
                }
                command = mailbox.recv() => match command? {
                    Command::Target(target, reply) => self.set_target(target, reply).await,
                    Command::Configure(accepted, job, reply) => self.configure(*accepted, *job, reply).await,
                    Command::Patch(patch, by, reply) => self.patch(patch, by, reply).await,
                    Command::Restart { tasks, only_failed, reply } => self.restart(tasks, only_failed, reply).await,
                    Command::RestartTask(task, reply) => self.restart_task(task, reply).await,
                    Command::Offsets(alteration, reply) => answer(reply, self.alter_offsets(alteration).await),
                    Command::Delete(reply) => {
                        if let Some(reply) = self.delete(reply).await {
                            return Some(reply);
                        }
                    }
                },
                () = resplit.notified() => self.split_anew().await,
                () = if_needed(is_waiting) => self.look_for_plugin().await,
                () = at(self.secrets_at), if self.follows_secrets() => self.look_at_secrets().await,
            }
        }
    }

    /// Brings a connector that was created just now, or loaded from the store, to its target.
    async fn begin(&mut self) {
        let was_stored = self.job.is_none();
        if was_stored && let Err(trace) = self.look_up().await {
            self.env.connector_starts.count(false);
            error!(%trace, "the connector cannot run");
            self.view.set_failed(trace);
            return;
        }
        // As in Kafka Connect: created paused, a connector has no tasks before it is resumed.
        let target = self.view.target();
        if target == TargetState::Running || (target == TargetState::Paused && was_stored) {
            self.start_tasks().await;
        } else {
            self.show_target();
        }
    }

    async fn look_up(&mut self) -> Result<(), String> {
        let lost = self.view.lost();
        if !lost.is_empty() {
            return Err(secrets::lost(&lost));
        }
        let job = resolve(&self.env, self.view.name(), &self.view.config()).await?;
        self.set_job(job);
        Ok(())
    }

    fn set_job(&mut self, mut job: Job) {
        self.view.set_plugin(job.plugin.id(), job.plugin.descriptor());
        self.view.set_hidden(job.hidden.clone());
        if let Some(now) = self.job.as_ref().filter(|now| now.spec.ingest == job.spec.ingest) {
            // Tasks that stay as they are go on to take from it.
            job.inbox = now.inbox.clone();
        }
        self.view.set_inbox(job.inbox.clone());
        self.job = Some(Arc::new(job));
    }

    async fn look_for_plugin(&mut self) {
        if self.look_up().await.is_ok() {
            info!("the connector can run now");
            self.start_tasks().await;
        }
    }

    fn show_target(&self) {
        self.view.set_state(match self.view.target() {
            TargetState::Running => State::Running,
            TargetState::Paused => State::Paused,
            TargetState::Stopped => State::Stopped,
        });
    }

    fn mode(&self) -> Mode {
        if self.view.target() == TargetState::Paused { Mode::Pause } else { Mode::Run }
    }

    /// Splits the work and starts, replaces and stops tasks so that they fit. Tasks whose configuration is the same
    /// stay as they are.
    async fn start_tasks(&mut self) {
        if self.job.is_some() {
            let has_worked = self.arrange_tasks().await;
            self.env.connector_starts.count(has_worked);
        }
    }

    /// As [`Self::start_tasks`]; `false` when the work cannot be split.
    async fn arrange_tasks(&mut self) -> bool {
        let Some(job) = self.job.clone() else { return false };
        let configs = match split(&self.env, &job).await {
            Ok(configs) => configs,
            Err(trace) => {
                error!(%trace, "the connector failed");
                self.view.set_failed(trace);
                return false;
            }
        };
        let now: Vec<_> = self.tasks.iter().map(|task| task.view.clone()).collect();
        let plan = Plan::new(&now, configs);
        let (mut kept, gone): (Vec<_>, Vec<_>) = self.tasks.drain(..).partition(|task| plan.keeps(&task.view));
        stop_all(&self.env, gone).await;
        let count = plan.tasks.len() as u32;
        for (view, _) in plan.tasks {
            match kept.iter().position(|task| Arc::ptr_eq(&task.view, &view)) {
                Some(index) => self.tasks.push(kept.swap_remove(index)),
                None => self.tasks.push(self.start_task(&job, view, count)),
            }
        }
        self.show_tasks();
        self.show_target();
        true
    }

    fn start_task(&self, job: &Arc<Job>, view: Arc<TaskView>, count: u32) -> RunningTask {
        let resplit = self.resplit.clone();
        let reconfigure = Arc::new(move || resplit.notify_one());
        RunningTask::start(&self.env, job, view, count, self.mode(), reconfigure)
    }

    fn show_tasks(&self) {
        self.view.set_tasks(self.tasks.iter().map(|task| task.view.clone()).collect());
    }

    fn take_tasks(&mut self) -> Vec<RunningTask> {
        std::mem::take(&mut self.tasks)
    }

    async fn split_anew(&mut self) {
        // A connector that is not running is split when it is started or resumed.
        if self.view.target() == TargetState::Running {
            info!("the plugin asks for its tasks to be configured anew");
            self.arrange_tasks().await;
        }
    }

    async fn set_target(&mut self, target: TargetState, reply: Reply<()>) {
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

    async fn configure(&mut self, accepted: Accepted, job: Job, reply: Reply<ConnectorInfo>) {
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

    /// Everything begins anew: the worker's own keys, the plugin or its version may have changed for every task.
    async fn begin_anew(&mut self) {
        let had_tasks = !self.tasks.is_empty();
        let tasks = self.take_tasks();
        stop_all(&self.env, tasks).await;
        match self.view.target() {
            TargetState::Running => self.start_tasks().await,
            TargetState::Paused if had_tasks => self.start_tasks().await,
            TargetState::Paused | TargetState::Stopped => self.show_target(),
        }
    }

    /// Whether tasks shall be started again when what their placeholders stand for changes.
    fn follows_secrets(&self) -> bool {
        let reload = |job: &Job| job.config.get("config.action.reload").is_none_or(|it| it.trim() != "none");
        self.job.as_ref().is_some_and(|job| !job.hidden.wanted.is_empty() && reload(job)) && !self.tasks.is_empty()
    }

    /// Starts everything anew where a placeholder stands for another value by now. While a value cannot be had, as when its
    /// file is being replaced, tasks go on with the one they have.
    async fn look_at_secrets(&mut self) {
        self.secrets_at = Instant::now() + LOOK_AT_SECRETS;
        let Some(job) = self.job.clone() else { return };
        if self.env.secrets.stamp(&job.hidden.wanted).await == job.hidden.stamp {
            return;
        }
        match resolve(&self.env, self.view.name(), &self.view.config()).await {
            Err(trace) => {
                warn!(%trace, "a value of the configuration has changed and cannot be used; the tasks keep the old one")
            }
            Ok(new) => {
                let is_same = new.is_like(&job);
                self.set_job(new);
                if !is_same {
                    info!("a value that the configuration takes from elsewhere has changed");
                    self.begin_anew().await;
                }
            }
        }
    }

    /// Changes single keys of what the configuration is by now: `[hidden]` stands for what is stored.
    async fn patch(&mut self, patch: ConfigPatch, by: Option<String>, reply: Reply<ConnectorInfo>) {
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

    /// Restarts the connector itself, its tasks, or of both only what failed; says what will be restarted before it is.
    async fn restart(&mut self, tasks: bool, only_failed: bool, reply: Reply<ConnectorStatus>) {
        let itself = !only_failed || self.view.state() == State::Failed;
        let chosen: Vec<_> =
            self.tasks.iter().filter(|task| tasks && (!only_failed || task.view.has_failed())).collect();
        let chosen: Vec<_> = chosen.into_iter().map(|task| task.view.clone()).collect();
        if itself {
            self.view.set_state(State::Restarting);
        }
        chosen.iter().for_each(|view| view.on(TaskEvent::Restarted));
        answer(reply, Ok(self.view.status()));
        if itself {
            self.restart_itself().await;
        }
        self.restart_tasks(&chosen).await;
    }

    async fn restart_itself(&mut self) {
        // The plugin may have been replaced by a later version, or be back.
        if let Err(trace) = self.look_up().await {
            self.job = None;
            self.view.set_failed(trace);
            return;
        }
        match self.view.target() {
            TargetState::Running => self.start_tasks().await,
            TargetState::Paused if !self.tasks.is_empty() => self.start_tasks().await,
            TargetState::Paused | TargetState::Stopped => self.show_target(),
        }
    }

    /// Starts tasks again under the views they have, without the memory of earlier failures.
    async fn restart_tasks(&mut self, chosen: &[Arc<TaskView>]) {
        let is_chosen = |task: &RunningTask| chosen.iter().any(|view| Arc::ptr_eq(view, &task.view));
        let count = self.tasks.len() as u32;
        let (old, mut tasks): (Vec<_>, Vec<_>) = self.tasks.drain(..).partition(is_chosen);
        let views: Vec<_> = old.iter().map(|task| task.view.clone()).collect();
        stop_all(&self.env, old).await;
        // A task may have come to another end while it was being stopped.
        views.iter().filter(|view| view.state() != State::Restarting).for_each(|view| view.on(TaskEvent::Restarted));
        if let Some(job) = self.job.clone() {
            tasks.extend(views.into_iter().map(|view| self.start_task(&job, view, count)));
        }
        tasks.sort_by_key(|task| task.view.number());
        self.tasks = tasks;
        self.show_tasks();
    }

    async fn restart_task(&mut self, number: u32, reply: Reply<()>) {
        if self.view.target() == TargetState::Stopped {
            // The words of Kafka Connect, whose clients try again on them.
            let message = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance \
                           was underway.";
            return answer(reply, Err(WorkerError::Conflict(message.to_owned())));
        }
        let found = self.tasks.iter().find(|task| task.view.number() == number).map(|task| task.view.clone());
        let Some(view) = found else {
            return answer(reply, Err(WorkerError::unknown_task(self.view.name(), number)));
        };
        view.on(TaskEvent::Restarted);
        answer(reply, Ok(()));
        self.restart_tasks(&[view]).await;
    }

    /// While this runs no other command does, so a connector that is stopped has no task until it is done.
    async fn alter_offsets(&self, alteration: Alteration) -> Result<Consent, WorkerError> {
        offsets::check_stopped(&self.view)?;
        // As at a start: the plugin may have been replaced since the connector was stopped.
        let job = resolve(&self.env, self.view.name(), &self.view.config()).await.map_err(|why| {
            WorkerError::Internal(format!("the connector cannot run, so its offsets cannot be altered: {why}"))
        })?;
        let consent = offsets::alter(&self.env, &job, alteration).await?;
        info!("offsets are altered");
        Ok(consent)
    }

    /// Stops everything, tells the plugin, and forgets the configuration; offsets stay. Gives the reply back when the
    /// connector is no more.
    async fn delete(&mut self, reply: Reply<()>) -> Option<Reply<()>> {
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

    async fn destroyed(&self, tasks: u32) {
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

async fn at(time: Instant) {
    sleep_until(time).await;
}

async fn if_needed(needed: bool) {
    if needed { sleep(LOOK_AGAIN).await } else { pending().await }
}

fn answer<T>(reply: Reply<T>, result: Result<T, WorkerError>) {
    // The caller may have gone away; what it asked for is done all the same.
    reply.send(result).ok();
}
