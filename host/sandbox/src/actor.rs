//! An instance as an actor: it lives in a task of its own on the guests' threads, takes one command at a time, and is
//! gone when its handle is dropped.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use wharf_core::secret::Redactor;
use wharf_core::{Death, InstanceError};

use crate::bindings::base::Base;
use crate::classify;
use crate::instance::{Live, watched};
use crate::limits::Limits;
use crate::redact;
use crate::runtime::AbortOnDrop;
use crate::task::Shared;

/// Commands that may wait. A handle sends one at a time, and a poll may be waiting from before.
const MAILBOX: usize = 4;

pub(crate) type Answer<T> = Result<T, InstanceError>;
pub(crate) type Reply<T> = oneshot::Sender<Answer<T>>;

/// The way to an instance.
#[derive(Debug)]
pub(crate) struct Handle<C> {
    mailbox: mpsc::Sender<C>,
    /// Why nothing more will be answered.
    death: Option<Death>,
    /// A call whose answer nobody waited for: what the guest said then is lost, rejections of rows among it.
    abandoned: bool,
    /// What is taken out of the guest's words.
    redactor: Redactor,
    _task: AbortOnDrop,
    /// Keeps the threads alive that the instance lives on.
    _shared: Arc<Shared>,
}

/// Starts an actor. `body` starts the instance, tells `started` of it, and then answers the mailbox.
pub(crate) async fn start<C, F>(
    shared: Arc<Shared>,
    redactor: Redactor,
    body: impl FnOnce(mpsc::Receiver<C>, Reply<()>) -> F,
) -> Answer<Handle<C>>
where
    C: Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (mailbox, commands) = mpsc::channel(MAILBOX);
    let (started, starting) = oneshot::channel();
    let task = shared.runtime.handle().spawn(body(commands, started));
    let task = AbortOnDrop(task.abort_handle());
    let begun = starting.await.unwrap_or_else(|_| Err(lost().into()));
    begun.map_err(|error| redact::error(&redactor, error))?;
    Ok(Handle { mailbox, death: None, abandoned: false, redactor, _task: task, _shared: shared })
}

fn lost() -> Death {
    classify::gone("the instance went away without an answer; the worker's log says why")
}

impl<C> Handle<C> {
    /// What is taken out of the guest's words.
    pub(crate) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Sends a command and waits for its answer.
    ///
    /// When the future is dropped before, the command runs on but its answer is lost, so that the next call is refused
    /// and the task starts anew.
    pub(crate) async fn call<T>(&mut self, command: impl FnOnce(Reply<T>) -> C) -> Answer<T> {
        if self.abandoned {
            let why = "an earlier call was given up before its answer came";
            self.death.get_or_insert_with(|| classify::gone(why));
        }
        self.abandoned = true;
        let sent = self.send(command).await;
        let answer = match sent {
            Ok(waiting) => waiting.await.unwrap_or_else(|_| Err(lost().into())),
            Err(error) => Err(error),
        };
        self.abandoned = false;
        self.noted(answer)
    }

    /// Sends a command; its answer comes later.
    pub(crate) async fn send<T>(
        &mut self,
        command: impl FnOnce(Reply<T>) -> C,
    ) -> Answer<oneshot::Receiver<Answer<T>>> {
        if let Some(death) = &self.death {
            return Err(death.clone().into());
        }
        let (reply, waiting) = oneshot::channel();
        self.mailbox.send(command(reply)).await.map_err(|_| lost())?;
        Ok(waiting)
    }

    /// Waits for an answer to [`Handle::send`]; may be called again when its future was dropped.
    pub(crate) async fn wait<T>(&mut self, waiting: &mut oneshot::Receiver<Answer<T>>) -> Answer<T> {
        let answer = waiting.await.unwrap_or_else(|_| Err(lost().into()));
        self.noted(answer)
    }

    fn noted<T>(&mut self, answer: Answer<T>) -> Answer<T> {
        let answer = answer.map_err(|error| redact::error(&self.redactor, error));
        if let Err(InstanceError::Died(death)) = &answer {
            self.death.get_or_insert_with(|| death.clone());
        }
        answer
    }
}

/// Gives an answer; says whether the instance is alive after it.
#[must_use]
pub(crate) fn reply<T>(to: Reply<T>, answer: Answer<T>) -> bool {
    let alive = !matches!(answer, Err(InstanceError::Died(_)));
    // Nobody may be waiting any more; the actor goes on all the same until its handle is dropped.
    drop(to.send(answer));
    alive
}

/// Gives the answer to a command that nothing follows.
fn last(to: Reply<()>, answer: Answer<()>) -> bool {
    drop(to.send(answer));
    false
}

/// Commands that every task knows.
#[derive(Debug)]
pub(crate) enum Life {
    Pause(Reply<()>),
    Resume(Reply<()>),
    Stop(Reply<()>),
    Failed(String, Reply<()>),
}

/// Carries a command out; says whether more may follow.
pub(crate) async fn live(command: Life, live: &mut Live, base: &Base, limits: &Limits) -> bool {
    let lifecycle = base.openmessaging_connect_lifecycle();
    let allowed = limits.call_deadline;
    match command {
        Life::Pause(to) => {
            let answer = watched!(live, "on-pause", allowed, |store| lifecycle.call_on_pause(store));
            reply(to, answer.map_err(Into::into))
        }
        Life::Resume(to) => {
            let answer = watched!(live, "on-resume", allowed, |store| lifecycle.call_on_resume(store));
            reply(to, answer.map_err(Into::into))
        }
        Life::Stop(to) => {
            let answer = watched!(live, "on-stop", allowed, |store| lifecycle.call_on_stop(store));
            last(to, answer.map_err(Into::into))
        }
        Life::Failed(reason, to) => {
            let answer = watched!(live, "on-failed", allowed, |store| lifecycle.call_on_failed(store, &reason));
            last(to, answer.map_err(Into::into))
        }
    }
}
