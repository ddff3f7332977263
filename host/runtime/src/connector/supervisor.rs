//! The supervisor of one connector: it owns the tasks and is the only one to start and stop them.

mod change;
mod end;
mod restart;
mod secrets;
mod tasks;

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{error, info};
use wharf_core::state::{State, TargetState};

use super::{Command, Reply};
use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::secrets::lost;
use crate::status::ConnectorView;
use crate::task::{Mode, RunningTask, stop_all};
use crate::validate::resolve;
use secrets::LOOK_AT_SECRETS;

/// How often a connector whose plugin is missing looks for it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

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
        let unreadable = self.view.lost();
        if !unreadable.is_empty() {
            return Err(lost(&unreadable));
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
