//! A source task: the handle that the worker holds, and the loop that answers it.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use wharf_core::plugin::{PollLimits, Polled, SourceTask, TaskSetup};
use wharf_core::{Batch, InstanceError, SourceOffset};

use crate::actor::{self, Answer, Handle, Life, Reply, reply};
use crate::bindings::source::SourcePartIndices;
use crate::bindings::source::exports::openmessaging::connect::source::Guest;
use crate::classify;
use crate::convert;
use crate::instance::{Live, watched};
use crate::limits::Limits;
use crate::task::{Blueprint, Shared, begin};

#[derive(Debug)]
enum Command {
    Poll(PollLimits, Reply<Polled>),
    Commit(Vec<SourceOffset>, Reply<()>),
    Alter(Vec<SourceOffset>, Reply<Result<(), String>>),
    Life(Life),
}

#[derive(Debug)]
struct Task {
    handle: Handle<Command>,
    /// A poll that was sent but whose rows nobody has taken yet: its future was dropped. The next poll takes them, so
    /// that none are lost.
    polling: Option<oneshot::Receiver<Answer<Polled>>>,
}

/// Starts a source.
pub(crate) async fn start(
    blueprint: Blueprint,
    indices: SourcePartIndices,
    setup: TaskSetup,
    shared: Arc<Shared>,
) -> Answer<Box<dyn SourceTask>> {
    let (on, redactor) = (shared.clone(), blueprint.redactor.clone());
    let body = |commands, ready| run(blueprint, indices, setup, on, commands, ready);
    let handle = actor::start(shared, redactor, body).await?;
    Ok(Box::new(Task { handle, polling: None }))
}

async fn run(
    blueprint: Blueprint,
    indices: SourcePartIndices,
    setup: TaskSetup,
    shared: Arc<Shared>,
    mut commands: mpsc::Receiver<Command>,
    ready: Reply<()>,
) {
    let begun = begin(&blueprint, &setup, shared, ready, |live| live.source(&indices)).await;
    let Some((part, mut live, base)) = begun else { return };
    let (guest, limits) = (part.openmessaging_connect_source(), &blueprint.limits);
    let mut warned = false;
    while let Some(command) = commands.recv().await {
        let alive = match command {
            Command::Poll(wanted, to) => reply(to, poll(&mut live, guest, limits, wanted, &mut warned).await),
            Command::Commit(offsets, to) => {
                let offsets = convert::offsets_in(offsets);
                let answer = watched!(live, "commit", limits.call_deadline, |store| guest.call_commit(store, &offsets));
                reply(to, answer.map_err(Into::into).and_then(|done| Ok(done.map_err(convert::failure)?)))
            }
            Command::Alter(offsets, to) => {
                let offsets = convert::offsets_in(offsets);
                let answer = watched!(live, "alter", limits.call_deadline, |store| guest.call_alter(store, &offsets));
                reply(to, answer.map_err(Into::into))
            }
            Command::Life(command) => actor::live(command, &mut live, &base, limits).await,
        };
        if !alive {
            break;
        }
    }
}

async fn poll(
    live: &mut Live,
    guest: &Guest,
    limits: &Limits,
    wanted: PollLimits,
    warned: &mut bool,
) -> Answer<Polled> {
    let allowed = wanted.max_wait.saturating_add(limits.call_deadline);
    let wait = u32::try_from(wanted.max_wait.as_millis()).unwrap_or(u32::MAX);
    let PollLimits { max_rows, max_bytes, .. } = wanted;
    let max_rows = max_rows.min(Batch::MAX_ROWS);
    let polled = watched!(live, "poll", allowed, |store| guest.call_poll(store, max_rows, max_bytes, wait))?;
    let polled = polled.map_err(convert::failure)?;
    let batch = convert::batch(polled.batch);
    batch.check().map_err(|error| classify::violation("poll", &error))?;
    // A source that brings more than it was asked for is rude, not dangerous: what a call may hand over is bounded.
    if batch.rows > max_rows && !std::mem::replace(warned, true) {
        tracing::warn!(rows = batch.rows, max_rows, "a source polls more rows than it is asked for");
    }
    Ok(Polled { batch, next: convert::next(polled.next) })
}

impl Task {
    async fn life(&mut self, command: impl FnOnce(Reply<()>) -> Life) -> Answer<()> {
        self.handle.call(|reply| Command::Life(command(reply))).await
    }
}

#[async_trait]
impl SourceTask for Task {
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, InstanceError> {
        let polling = match &mut self.polling {
            Some(polling) => polling,
            none => none.insert(self.handle.send(|reply| Command::Poll(limits, reply)).await?),
        };
        let answer = self.handle.wait(polling).await;
        self.polling = None;
        answer
    }

    async fn commit(&mut self, offsets: Vec<SourceOffset>) -> Result<(), InstanceError> {
        self.handle.call(|reply| Command::Commit(offsets, reply)).await
    }

    async fn alter(&mut self, offsets: Vec<SourceOffset>) -> Result<Result<(), String>, InstanceError> {
        let answer = self.handle.call(|reply| Command::Alter(offsets, reply)).await?;
        Ok(answer.map_err(|reason| self.handle.redactor().redact_owned(reason)))
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.life(Life::Pause).await
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.life(Life::Resume).await
    }

    async fn stop(mut self: Box<Self>) -> Result<(), InstanceError> {
        self.life(Life::Stop).await
    }

    async fn failed(mut self: Box<Self>, reason: String) -> Result<(), InstanceError> {
        self.life(|reply| Life::Failed(reason, reply)).await
    }
}
