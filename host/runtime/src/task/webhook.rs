//! An attempt at a task of a webhook source: open the queue, start an instance, and answer requests until something
//! ends it.
//!
//! The guest handles one request at a time; while its rows wait for the queue it handles the next, up to the worker's
//! `max_in_flight` batches. A request is answered when its own rows are acknowledged, whatever comes before it.
//! Checkpoints are stored as a source's are, to be asked for at the next start; there is nobody to tell of them.

use std::sync::Arc;

use tokio::select;
use tokio::task::coop::consume_budget;
use tokio::time::Instant;
use tracing::{debug, info, warn};
use wharf_core::plugin::{Handled, WebhookRequest, WebhookTask};
use wharf_core::state::TaskEvent;
use wharf_core::trace::{HEADER, Stage, TraceContext};
use wharf_core::{Failure, InstanceError};
use wharf_drivers::Producer;

use super::commit::Commits;
use super::pipe::{Pipe, Waiter};
use super::pulse::Step;
use super::runner::{End, Left, Outcome};
use super::source::open_queue;
use super::{Control, Mode, Task, TaskError};
use crate::ingest::{Caller, Inbox, IngestError};

/// Answers requests until the task is stopped or fails.
pub(super) async fn attempt(task: &Task, control: &mut Control, attempt: u32) -> Outcome {
    let opened = Webhook::open(task, control, attempt).await;
    task.env.task_starts.count(opened.is_ok());
    match opened {
        Ok((mut webhook, instance)) => webhook.run(instance).await,
        Err(error) => Outcome::failed(error),
    }
}

struct Webhook<'a> {
    task: &'a Task,
    control: &'a mut Control,
    producer: Box<dyn Producer>,
    pipe: Pipe<'a>,
    inbox: Arc<Inbox>,
}

impl<'a> Webhook<'a> {
    async fn open(
        task: &'a Task,
        control: &'a mut Control,
        attempt: u32,
    ) -> Result<(Self, Box<dyn WebhookTask>), TaskError> {
        let no_listener = || TaskError::fatal("the worker does not listen for requests from outside".to_owned());
        let inbox = task.job.inbox.clone().ok_or_else(no_listener)?;
        let (producer, reader) = open_queue(task).await?;
        let instance = task.job.plugin.start_webhook(task.setup(attempt, reader.clone()).await?).await?;
        let pipe = Pipe::new(task, Commits::new(task, reader));
        Ok((Self { task, control, producer, pipe, inbox }, instance))
    }

    async fn run(&mut self, mut instance: Box<dyn WebhookTask>) -> Outcome {
        match self.work(&mut *instance).await {
            Ok(end) => Outcome { end: Ok(end), left: Left::Webhook(instance) },
            Err(error) => {
                self.pipe.wind_up(&error).await;
                let left = if error.dead { Left::Nothing } else { Left::Webhook(instance) };
                Outcome { end: Err(error), left }
            }
        }
    }

    async fn work(&mut self, instance: &mut dyn WebhookTask) -> Result<End, TaskError> {
        self.task.view.pulse.begin();
        self.task.view.on(TaskEvent::Started);
        info!("the webhook source runs");
        let mut serving = None;
        loop {
            consume_budget().await;
            self.pipe.check()?;
            self.pipe.tell_nobody();
            match self.control.mode() {
                Mode::Run => {}
                Mode::Pause => {
                    // Before the queue is waited for: whoever calls now is turned away.
                    drop(serving.take());
                    self.pause(instance).await?;
                    continue;
                }
                Mode::Stop => {
                    drop(serving.take());
                    self.settle().await?;
                    return Ok(End::Stopped);
                }
            }
            serving.get_or_insert_with(|| self.inbox.serve());
            let (request, caller) = select! {
                biased;
                () = self.control.changed() => continue,
                () = self.pipe.step() => continue,
                next = self.inbox.next() => next,
            };
            self.handle(instance, request, caller).await?;
        }
    }

    /// One request, and its rows into the queue.
    async fn handle(
        &mut self,
        instance: &mut dyn WebhookTask,
        request: WebhookRequest,
        caller: Caller,
    ) -> Result<(), TaskError> {
        let (task, began, clock) = (self.task, Instant::now(), self.task.clock());
        let context = clock.and_then(|_| context(&request));
        let handled = {
            let _busy = task.view.pulse.enter(Step::Handle);
            self.pipe.beside(instance.handle(request)).await
        };
        task.view.measures.took(Stage::Handle, began.elapsed());
        match handled {
            Ok(Handled { batch, response }) if batch.rows == 0 => caller.answer(Ok(response)),
            Ok(Handled { mut batch, response }) => {
                task.view.measures.came(batch.rows);
                let span = task.came(Stage::Handle, clock, context, &mut batch);
                let waiter: Waiter = Box::new(move |outcome| {
                    caller.answer(outcome.map(|()| response).map_err(IngestError::from));
                });
                self.pipe.send_for(&mut *self.producer, batch, span, Some(waiter)).await?;
            }
            Err(InstanceError::Failed(Failure::Retriable(retry))) => {
                warn!(reason = %retry.reason, "the plugin cannot take a request now");
                self.task.view.retried(&retry.reason);
                caller.answer(Err(IngestError::busy_connector(retry.after)));
            }
            Err(error) => {
                caller.answer(Err(IngestError::Failed));
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Everything acknowledged, answered and stored.
    async fn settle(&mut self) -> Result<(), TaskError> {
        self.pipe.drain(Some(self.task.env.drain_limit())).await;
        self.pipe.check()
    }

    async fn pause(&mut self, instance: &mut dyn WebhookTask) -> Result<(), TaskError> {
        self.settle().await?;
        instance.pause().await?;
        self.task.view.on(TaskEvent::Paused);
        debug!("paused");
        let mut mode = self.control.mode();
        while mode == Mode::Pause {
            select! {
                () = self.control.changed() => {}
                () = self.pipe.step() => {}
            }
            self.pipe.check()?;
            mode = self.control.mode();
        }
        if mode == Mode::Run {
            instance.resume().await?;
            self.task.view.pulse.begin();
            self.task.view.on(TaskEvent::Resumed);
            debug!("resumed");
        }
        Ok(())
    }
}

/// The trace that a caller says its request belongs to.
fn context(request: &WebhookRequest) -> Option<TraceContext> {
    let (_, value) = request.headers.iter().find(|(name, _)| name == HEADER)?;
    TraceContext::parse(value)
}
