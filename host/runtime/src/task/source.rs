//! An attempt at a source task: open the queue, start an instance, and poll until something ends it.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};
use wharf_core::plugin::{Next, SourceTask};
use wharf_core::state::TaskEvent;
use wharf_core::trace::Stage;
use wharf_core::{Failure, InstanceError, Retry};
use wharf_drivers::{Producer, ProducerOptions};

use super::commit::Commits;
use super::offsets::SourceOffsets;
use super::pipe::Pipe;
use super::pulse::Step;
use super::retry::Retrying;
use super::runner::{End, Left, Outcome};
use super::{Control, Mode, Task, TaskError};

/// How long a poll may wait for rows while offsets of earlier ones wait to be told to the guest.
const SHORT_WAIT: Duration = Duration::from_millis(10);
/// A source may say so many times in a row that there is more and bring nothing, as one does that skips much.
const EMPTY_POLLS: u32 = 64;
/// The longest pause for a source that does not wait for rows itself.
const LONGEST_LULL: Duration = Duration::from_millis(100);

/// Runs a source until it stops, finishes or fails.
pub(super) async fn attempt(task: &Task, control: &mut Control, attempt: u32) -> Outcome {
    let opened = Source::open(task, control, attempt).await;
    task.env.task_starts.count(opened.is_ok());
    match opened {
        Ok((mut source, instance)) => source.run(instance).await,
        Err(error) => Outcome::failed(error),
    }
}

/// A producer for the task, and what it may ask of its offsets. The producer comes first: it takes the place of an
/// earlier one, so nothing can be written any more when the checkpoints are read.
pub(super) async fn open_queue(task: &Task) -> Result<(Box<dyn Producer>, Arc<SourceOffsets>), TaskError> {
    let (env, spec) = (&task.env, &task.job.spec);
    let options = ProducerOptions {
        source: spec.name.clone(),
        task: task.view.number(),
        default_topic: spec.topics.first().cloned(),
        max_in_flight: env.options.max_in_flight.max(1),
    };
    let producer = env.driver.producer(options).await;
    let producer = producer.map_err(|error| TaskError::queue("open a producer", &error))?;
    let held = env.driver.checkpoints(&spec.name).await;
    let held = held.map_err(|error| TaskError::queue("read checkpoints", &error))?;
    let reader = Arc::new(SourceOffsets::new(env.offsets.clone(), &spec.name, held));
    Ok((producer, reader))
}

struct Source<'a> {
    task: &'a Task,
    control: &'a mut Control,
    producer: Box<dyn Producer>,
    pipe: Pipe<'a>,
    retrying: Retrying,
    lull: Lull,
}

impl<'a> Source<'a> {
    async fn open(
        task: &'a Task,
        control: &'a mut Control,
        attempt: u32,
    ) -> Result<(Self, Box<dyn SourceTask>), TaskError> {
        let (producer, reader) = open_queue(task).await?;
        let instance = task.job.plugin.start_source(task.setup(attempt, reader.clone()).await?).await?;
        let pipe = Pipe::new(task, Commits::new(task, reader));
        let (retrying, lull) = Default::default();
        Ok((Self { task, control, producer, pipe, retrying, lull }, instance))
    }

    async fn run(&mut self, mut instance: Box<dyn SourceTask>) -> Outcome {
        match self.work(&mut *instance).await {
            Ok(end) => Outcome { end: Ok(end), left: Left::Source(instance) },
            Err(error) => {
                self.pipe.wind_up(&error).await;
                let left = if error.dead { Left::Nothing } else { Left::Source(instance) };
                Outcome { end: Err(error), left }
            }
        }
    }

    async fn work(&mut self, instance: &mut dyn SourceTask) -> Result<End, TaskError> {
        self.task.view.pulse.begin();
        self.task.view.on(TaskEvent::Started);
        info!("the source runs");
        loop {
            consume_budget().await;
            self.pipe.check()?;
            match self.control.mode() {
                Mode::Run => {}
                Mode::Pause => {
                    self.pause(instance).await?;
                    continue;
                }
                Mode::Stop => {
                    self.settle(instance, Some(self.task.env.drain_limit())).await?;
                    return Ok(End::Stopped);
                }
            }
            self.pipe.tell(instance).await?;
            if let Some(wait) = self.task.throttle.wait() {
                self.slow_down(wait).await;
                continue;
            }
            if self.poll(instance).await? == Some(Next::Finished) {
                self.settle(instance, None).await?;
                return Ok(End::Finished);
            }
        }
    }

    /// One poll, and its rows into the queue. `None`: the source asked for patience.
    async fn poll(&mut self, instance: &mut dyn SourceTask) -> Result<Option<Next>, TaskError> {
        let mut limits = self.task.throttle.piece(self.task.env.options.poll);
        if self.pipe.is_awaited() {
            limits.max_wait = limits.max_wait.min(SHORT_WAIT);
        }
        let (began, clock) = (Instant::now(), self.task.clock());
        let polled = {
            let _busy = self.task.view.pulse.enter(Step::Poll);
            self.pipe.beside(instance.poll(limits)).await
        };
        let mut polled = match polled {
            Ok(polled) => polled,
            Err(InstanceError::Failed(Failure::Retriable(retry))) => {
                self.retry(&retry).await?;
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        self.retrying.reset();
        if polled.batch.rows > 0 {
            self.lull = Lull::default();
            let (rows, bytes) = (polled.batch.rows, polled.batch.payload_bytes() as u64);
            self.task.throttle.took(rows, bytes);
            // A poll that brings nothing takes the time that it is given, which says nothing.
            self.task.view.measures.took(Stage::Poll, began.elapsed());
            self.task.view.measures.came(rows);
            let span = self.task.came(Stage::Poll, clock, None, &mut polled.batch);
            self.pipe.send(&mut *self.producer, polled.batch, span).await?;
        } else if polled.next != Next::Finished {
            self.pipe.idle();
            let waited = began.elapsed() >= limits.max_wait / 2;
            if let Some(pause) = self.lull.pause(polled.next, waited) {
                self.wait(Some(pause)).await;
            }
        }
        Ok(Some(polled.next))
    }

    async fn retry(&mut self, retry: &Retry) -> Result<(), TaskError> {
        let wait = self.retrying.wait(retry, &self.task.job.spec.errors);
        let wait = wait.ok_or_else(|| TaskError::retries_exhausted(&retry.reason))?;
        warn!(reason = %retry.reason, ?wait, "the source asks to be polled again later");
        self.task.view.retried(&retry.reason);
        self.wait(Some(wait)).await;
        Ok(())
    }

    /// Waits so long, or for ever, or until a command or a failure cuts it short.
    async fn wait(&mut self, wait: Option<Duration>) {
        let mut over = pin!(async move {
            match wait {
                Some(wait) => sleep(wait).await,
                None => pending().await,
            }
        });
        while !self.pipe.has_failed() {
            select! {
                () = self.pipe.step() => {}
                () = self.control.changed() => return,
                () = &mut over => return,
            }
        }
    }

    /// Waits, because its limit of rows or bytes a second is used up. What the guest waits for goes on: the wait is cut
    /// short while rows are on their way, so that it is told of them in between.
    async fn slow_down(&mut self, wait: Duration) {
        self.pipe.idle();
        let wait = if self.pipe.is_awaited() { wait.min(SHORT_WAIT) } else { wait };
        self.wait(Some(wait)).await;
    }

    /// Everything acknowledged, stored, and told to the guest.
    async fn settle(&mut self, instance: &mut dyn SourceTask, limit: Option<Duration>) -> Result<(), TaskError> {
        self.pipe.drain(limit).await;
        self.pipe.check()?;
        self.pipe.tell(instance).await
    }

    async fn pause(&mut self, instance: &mut dyn SourceTask) -> Result<(), TaskError> {
        self.settle(instance, Some(self.task.env.drain_limit())).await?;
        instance.pause().await?;
        self.task.view.on(TaskEvent::Paused);
        debug!("paused");
        let mut mode = self.control.mode();
        while mode == Mode::Pause {
            self.wait(None).await;
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

/// Pauses for a source that says it has nothing and does not wait, so that it does not spin.
#[derive(Debug, Default)]
struct Lull {
    empty: u32,
    next: Duration,
}

impl Lull {
    /// After a poll without rows; `waited`: the source has used the time it was given.
    fn pause(&mut self, next: Next, waited: bool) -> Option<Duration> {
        self.empty = self.empty.saturating_add(1);
        if waited || (next == Next::More && self.empty <= EMPTY_POLLS) {
            self.next = Duration::ZERO;
            return None;
        }
        self.next = (self.next * 2).clamp(Duration::from_millis(1), LONGEST_LULL);
        Some(self.next)
    }
}
