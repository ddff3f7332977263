//! One connector: a supervisor that takes one command at a time, and the handle by which it is commanded.
//!
//! A command that the caller no longer waits for is carried out all the same: what REST has begun does not stop half
//! way because a client hung up.

mod split;
mod supervisor;

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tracing::{Instrument, info_span};
use wharf_core::state::TargetState;
use wharf_core::status::{ConnectorInfo, ConnectorStatus};
use wharf_store::Accepted;

use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::offsets::{Alteration, Consent};
use crate::status::ConnectorView;
use supervisor::Supervisor;

/// How many commands may wait for one connector.
const MAILBOX: usize = 16;

/// Changes to a configuration: a new value of each key, or `None` to take it out.
pub type ConfigPatch = BTreeMap<String, Option<String>>;

type Reply<T> = oneshot::Sender<Result<T, WorkerError>>;

/// What a connector can be told.
enum Command {
    Target(TargetState, Reply<()>),
    Configure(Box<Accepted>, Box<Job>, Reply<ConnectorInfo>),
    Patch(ConfigPatch, Option<String>, Reply<ConnectorInfo>),
    Restart { tasks: bool, only_failed: bool, reply: Reply<ConnectorStatus> },
    RestartTask(u32, Reply<()>),
    Offsets(Alteration, Reply<Consent>),
    Delete(Reply<()>),
}

/// A connector, as the worker holds it.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    view: Arc<ConnectorView>,
    commands: mpsc::Sender<Command>,
}

impl Connector {
    /// Starts to supervise a connector that is stored. With `job` it was validated just now; without, it comes from the
    /// store and its plugin is looked up. `started` is told when its tasks were started for the first time, and
    /// `deleted` is run when the connector is no more, before anybody hears of it.
    pub(crate) fn start(
        env: &Arc<Env>,
        view: ConnectorView,
        job: Option<Job>,
        started: oneshot::Sender<()>,
        deleted: impl FnOnce(&ConnectorView) + Send + 'static,
    ) -> Self {
        let view = Arc::new(view);
        let (commands, mailbox) = mpsc::channel(MAILBOX);
        let span = info_span!("connector", connector = view.name());
        let supervisor = Supervisor::new(env.clone(), view.clone(), job);
        let gone = view.clone();
        let run = async move {
            if let Some(reply) = supervisor.run(mailbox, started).await {
                deleted(&gone);
                // The caller may have gone away.
                reply.send(Ok(())).ok();
            }
        };
        // Nobody waits for it by its handle: the gate does.
        drop(env.gate.spawn(run.instrument(span)));
        Self { view, commands }
    }

    pub(crate) fn view(&self) -> &ConnectorView {
        &self.view
    }

    /// Waits until it is deleted or the worker shuts down: only then does its supervisor close the mailbox.
    pub(crate) async fn ended(self) {
        self.commands.closed().await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, WorkerError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(command(reply)).await;
        // A supervisor ends when its connector is deleted or the worker shuts down.
        sent.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    fn gone(&self) -> WorkerError {
        WorkerError::Conflict(format!(
            "connector {} is being deleted, or the worker is shutting down",
            self.view.name()
        ))
    }

    pub(crate) async fn set_target(&self, target: TargetState) -> Result<(), WorkerError> {
        self.ask(|reply| Command::Target(target, reply)).await
    }

    pub(crate) async fn configure(&self, accepted: Accepted, job: Job) -> Result<ConnectorInfo, WorkerError> {
        self.ask(|reply| Command::Configure(Box::new(accepted), Box::new(job), reply)).await
    }

    /// The change is made by the supervisor, to what the configuration is when its turn comes: no change is lost.
    pub(crate) async fn patch(&self, patch: ConfigPatch, by: Option<String>) -> Result<ConnectorInfo, WorkerError> {
        self.ask(|reply| Command::Patch(patch, by, reply)).await
    }

    pub(crate) async fn restart(&self, tasks: bool, only_failed: bool) -> Result<ConnectorStatus, WorkerError> {
        self.ask(|reply| Command::Restart { tasks, only_failed, reply }).await
    }

    pub(crate) async fn restart_task(&self, task: u32) -> Result<(), WorkerError> {
        self.ask(|reply| Command::RestartTask(task, reply)).await
    }

    pub(crate) async fn alter_offsets(&self, alteration: Alteration) -> Result<Consent, WorkerError> {
        self.ask(|reply| Command::Offsets(alteration, reply)).await
    }

    pub(crate) async fn delete(&self) -> Result<(), WorkerError> {
        self.ask(Command::Delete).await
    }
}
