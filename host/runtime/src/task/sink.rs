//! An attempt at a sink task: join the consumer group, start an instance, and put rows until something ends it.

mod flush;
mod pause;
mod put;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};
use wharf_core::TopicPosition;
use wharf_core::plugin::SinkTask;
use wharf_core::state::TaskEvent;
use wharf_drivers::{ConsumerOptions, Start};

use super::dlq::DeadLetters;
use super::feed::{Event, Feed};
use super::offsets::SourceOffsets;
use super::positions::Positions;
use super::pulse::Step;
use super::runner::{End, Left, Outcome};
use super::spans::Traced;
use super::{Control, Mode, Task, TaskError};
use crate::topics::Seen;

/// How long to wait for more rows before those that were put are flushed.
const SHORT_WAIT: Duration = Duration::from_millis(50);

/// Runs a sink until it stops or fails.
pub(super) async fn attempt(task: &Task, control: &mut Control, attempt: u32) -> Outcome {
    let opened = Sink::open(task, control, attempt).await;
    task.env.task_starts.count(opened.is_ok());
    match opened {
        Ok((sink, instance)) => sink.run(instance).await,
        Err(error) => Outcome::failed(error),
    }
}

struct Sink<'a> {
    task: &'a Task,
    control: &'a mut Control,
    feed: Feed,
    positions: Positions,
    dead_letters: Option<DeadLetters>,
    /// When the first row was put that is not flushed; `None`: all are.
    dirty: Option<Instant>,
    /// Rows were put since the last flush.
    fresh: bool,
    /// Bytes put since the last flush.
    bytes: u64,
    /// Rows put that are not committed.
    uncommitted: u64,
    /// Traced batches that were put and not flushed.
    traced: Traced,
    measured: Instant,
    seen: Seen,
}

impl<'a> Sink<'a> {
    async fn open(
        task: &'a Task,
        control: &'a mut Control,
        attempt: u32,
    ) -> Result<(Self, Box<dyn SinkTask>), TaskError> {
        let (env, spec) = (&task.env, &task.job.spec);
        let options = ConsumerOptions {
            group: spec.group.clone(),
            member: task.view.number().to_string(),
            topics: spec.topics.clone(),
            start: Start::Earliest,
        };
        let consumer = env.driver.consumer(options).await;
        let consumer = consumer.map_err(|error| TaskError::queue("open a consumer", &error))?;
        let offsets = Arc::new(SourceOffsets::new(env.offsets.clone(), &spec.name, Vec::new()));
        let instance = task.job.plugin.start_sink(task.setup(attempt, offsets).await?).await?;
        let feed = Feed::new(consumer, &env.options);
        let feed = if task.throttle.is_limited() { feed.slowly(task.throttle.piece(env.options.poll)) } else { feed };
        let sink = Self {
            task,
            control,
            feed,
            positions: Positions::default(),
            dead_letters: None,
            dirty: None,
            fresh: false,
            bytes: 0,
            uncommitted: 0,
            traced: Traced::default(),
            measured: Instant::now(),
            seen: Seen::default(),
        };
        Ok((sink, instance))
    }

    async fn run(mut self, mut instance: Box<dyn SinkTask>) -> Outcome {
        match self.work(&mut *instance).await {
            Ok(()) => {
                if let Err(error) = self.feed.consumer.close().await {
                    warn!(%error, "cannot leave the consumer group");
                }
                Outcome { end: Ok(End::Stopped), left: Left::Sink(instance) }
            }
            Err(error) => {
                let left = if error.dead { Left::Nothing } else { Left::Sink(instance) };
                Outcome { end: Err(error), left }
            }
        }
    }

    async fn work(&mut self, instance: &mut dyn SinkTask) -> Result<(), TaskError> {
        self.task.view.pulse.begin();
        self.task.view.on(TaskEvent::Started);
        info!("the sink runs");
        loop {
            consume_budget().await;
            match self.control.mode() {
                Mode::Run => {}
                Mode::Pause => {
                    self.pause(instance).await?;
                    continue;
                }
                // What was read ahead and not put is read again by whoever comes next.
                Mode::Stop => return self.flush(instance).await,
            }
            if self.feed.has_rows_next()
                && let Some(wait) = self.task.throttle.wait()
            {
                self.task.view.pulse.held(true);
                self.slow_down(instance, wait).await?;
                self.task.view.pulse.held(false);
                continue;
            }
            match self.feed.next() {
                Some(event) => self.take(instance, event).await?,
                None => self.await_rows(instance).await?,
            }
            let is_due = self.dirty.is_some_and(|since| since.elapsed() >= self.task.env.options.flush_interval);
            if is_due || self.bytes >= self.task.env.options.flush_bytes {
                self.flush(instance).await?;
            }
        }
    }

    async fn await_rows(&mut self, instance: &mut dyn SinkTask) -> Result<(), TaskError> {
        let wait = self.task.env.options.poll.max_wait;
        let wait = if self.fresh { wait.min(SHORT_WAIT) } else { wait };
        let came = select! {
            () = self.control.changed() => return Ok(()),
            came = self.feed.fetch(wait) => came,
        };
        if !came && self.fresh {
            self.flush(instance).await?;
        } else if !came {
            self.measure().await;
        }
        Ok(())
    }

    /// Waits, because its limit of rows or bytes a second is used up, until the next rows may be put or a command comes.
    /// Where that takes a while, what was put is committed first, and partitions go to others that ask for them.
    async fn slow_down(&mut self, instance: &mut dyn SinkTask, wait: Duration) -> Result<(), TaskError> {
        if wait > SHORT_WAIT {
            self.flush(instance).await?;
        }
        // After a flush that was partial, or cut short, there is more to commit: it is asked for again.
        if self.dirty.is_some() {
            select! {
                () = self.control.changed() => {}
                () = sleep(wait.min(SHORT_WAIT)) => {}
            }
            return Ok(());
        }
        let mut over = pin!(sleep(wait));
        loop {
            select! {
                () = self.control.changed() => return Ok(()),
                () = &mut over => return Ok(()),
                _ = self.feed.fetch_news(self.task.env.options.poll.max_wait) => self.news_while_paused()?,
            }
        }
    }

    async fn take(&mut self, instance: &mut dyn SinkTask, event: Event) -> Result<(), TaskError> {
        match event {
            Event::Rows(delivery) => {
                self.task.show_delivery(&delivery);
                return self.put(instance, delivery).await;
            }
            Event::Assigned(partitions) => self.assigned(instance, partitions).await?,
            Event::Revoked(partitions, handover) => {
                self.flush(instance).await?;
                self.positions.revoke(&partitions);
                let _busy = self.task.view.pulse.enter(Step::Assign);
                instance.revoked(partitions).await?;
                drop(handover);
            }
            Event::Lost(partitions) => {
                self.positions.revoke(&partitions);
                let _busy = self.task.view.pulse.enter(Step::Assign);
                instance.revoked(partitions).await?;
            }
            Event::Failed(error) => return Err(TaskError::queue("read rows", &error)),
        }
        self.feed.dealt();
        self.task.view.measures.partitions(self.positions.count());
        Ok(())
    }

    async fn assigned(&mut self, instance: &mut dyn SinkTask, partitions: Vec<TopicPosition>) -> Result<(), TaskError> {
        self.positions.assign(&partitions);
        debug!(?partitions, "assigned");
        let seek = {
            let _busy = self.task.view.pulse.enter(Step::Assign);
            instance.assigned(partitions).await?
        };
        if seek.is_empty() {
            return Ok(());
        }
        info!(?seek, "the plugin knows better where to begin");
        self.feed.consumer.seek(&seek).await.map_err(|error| TaskError::queue("seek", &error))
    }
}
