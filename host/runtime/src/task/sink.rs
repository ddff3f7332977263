//! An attempt at a sink task: join the consumer group, start an instance, and put rows until something ends it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::select;
use tokio::task::coop::consume_budget;
use tokio::time::{Instant, sleep};
use tracing::{debug, error, info, warn};
use wharf_core::plugin::{Flushed, SinkTask};
use wharf_core::state::TaskEvent;
use wharf_core::trace::Stage;
use wharf_core::{Delivery, Failure, InstanceError, Rejection, Retry, TopicPosition};
use wharf_drivers::{ConsumerOptions, Start};

use super::dlq::DeadLetters;
use super::feed::{Event, Feed};
use super::offsets::SourceOffsets;
use super::positions::{Positions, place};
use super::pulse::Step;
use super::retry::{Outage, Retrying};
use super::runner::{End, Left, Outcome};
use super::spans::Traced;
use super::{Control, Mode, Task, TaskError};
use crate::progress::Counters;
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

    /// Puts rows until they are taken. Rows that the plugin asks to be given again later go back into the feed when the
    /// task shall do something else meanwhile.
    async fn put(&mut self, instance: &mut dyn SinkTask, mut delivery: Arc<Delivery>) -> Result<(), TaskError> {
        let (task, mut retrying) = (self.task, Retrying::default());
        // Until the rows are taken, however often they must be put.
        let busy = task.view.pulse.enter(Step::Put);
        let mut span = task.put_span(&delivery.batch);
        task.view.measures.came(self.feed.take_came());
        task.view.measures.batch(delivery.batch.rows, delivery.batch.payload_bytes() as u64);
        loop {
            let began = Instant::now();
            let put = self.feed.beside(instance.put(delivery.clone())).await;
            let error = match put {
                Ok(rejections) => {
                    task.view.measures.took(Stage::Put, began.elapsed());
                    if let Some(span) = span {
                        self.traced.add(span.context());
                        span.finish(None);
                    }
                    drop(busy);
                    return self.accepted(instance, &delivery, rejections).await;
                }
                Err(error) => error,
            };
            let InstanceError::Failed(Failure::Retriable(retry)) = error else {
                if let Some(span) = span {
                    span.finish(Some(error.to_string()));
                }
                return Err(error.into());
            };
            let rows = delivery.batch.rows;
            let taken = retry.at_row.unwrap_or(0).min(rows);
            if taken > 0 {
                // It moves on: the time it is given begins again.
                retrying.reset();
                self.took(&delivery, taken, 0);
                delivery = Arc::new(delivery.slice(taken..rows));
            }
            if delivery.batch.rows == 0 {
                if let Some(span) = span {
                    self.traced.add(span.context());
                    span.finish(None);
                }
                return Ok(());
            }
            let goes_on = self.retry(&mut retrying, &retry).await;
            if !matches!(goes_on, Ok(true))
                && let Some(span) = span.take()
            {
                span.finish(Some(retry.reason.clone()));
            }
            if !goes_on? {
                self.feed.put_back(delivery);
                return Ok(());
            }
        }
    }

    /// Waits before a retry; `false` when a command cut it short.
    async fn retry(&mut self, retrying: &mut Retrying, retry: &Retry) -> Result<bool, TaskError> {
        let wait = retrying.wait(retry, &self.task.job.spec.errors);
        let wait = wait.ok_or_else(|| TaskError::retries_exhausted(&retry.reason))?;
        warn!(reason = %retry.reason, ?wait, "the sink asks for the same again later");
        self.task.view.retried(&retry.reason);
        if self.control.mode() != Mode::Run {
            return Ok(false);
        }
        Ok(select! {
            () = self.feed.beside(sleep(wait)) => true,
            () = self.control.changed() => false,
        })
    }

    async fn accepted(
        &mut self,
        instance: &mut dyn SinkTask,
        delivery: &Delivery,
        mut rejections: Vec<Rejection>,
    ) -> Result<(), TaskError> {
        let rows = delivery.batch.rows;
        rejections.retain(|it| it.row < rows);
        rejections.sort_by_key(|it| it.row);
        rejections.dedup_by_key(|it| it.row);
        let Some(first) = rejections.first() else {
            self.took(delivery, rows, 0);
            return Ok(());
        };
        let policy = &self.task.job.spec.errors;
        if !policy.tolerate_all {
            self.task.view.measures.erred(rejections.len());
            let what = format!("row {} of a batch is rejected: {} ({})", first.row, first.reason, first.code);
            let mut rejected = TaskError::rejected(&what);
            self.took(delivery, first.row, 0);
            // What came before the row is kept; the row itself is never committed past.
            if let Err(error) = self.flush(instance).await {
                warn!(%error, "cannot flush the rows before a rejected one");
                (rejected.dead, rejected.death) = (error.dead, error.death);
            }
            return Err(rejected);
        }
        self.task.view.measures.erred(0);
        if policy.log {
            self.task.view.measures.logged();
            let (code, reason) = (&first.code, &first.reason);
            let at = if policy.log_messages { place(delivery, first.row) } else { None };
            error!(rows = rejections.len(), %code, %reason, ?at, "rows are rejected by the sink");
        }
        self.dead_letters(delivery, &rejections).await?;
        self.took(delivery, rows, rejections.len());
        Ok(())
    }

    async fn dead_letters(&mut self, delivery: &Delivery, rejections: &[Rejection]) -> Result<(), TaskError> {
        let (counters, measures) = (&self.task.view.counters, &self.task.view.measures);
        let Some(topic) = &self.task.job.spec.errors.dead_letter_topic else {
            Counters::add(&counters.skipped, rejections.len());
            return Ok(());
        };
        let open = match self.dead_letters.take() {
            Some(open) => open,
            None => DeadLetters::open(self.task, topic).await?,
        };
        let _busy = self.task.view.pulse.enter(Step::DeadLetters);
        let sent = self.dead_letters.insert(open).send(self.task, delivery, rejections).await;
        measures.letters(rejections.len(), sent.is_ok());
        sent?;
        Counters::add(&counters.dead_letters, rejections.len());
        Ok(())
    }

    /// The plugin took the first `rows` rows, but for `rejected` of them.
    fn took(&mut self, delivery: &Delivery, rows: u32, rejected: usize) {
        if rows == 0 {
            return;
        }
        wharf_faults::reach("sink.put");
        self.positions.took(delivery, rows);
        let topics = self.seen.new_from(&self.task.env.topics, delivery, rows);
        self.seen.used(&self.task.env, &self.task.job.spec.name, topics);
        let total = delivery.batch.rows;
        // Of a part of a batch nobody knows the bytes without a walk; its share is near enough.
        let bytes = delivery.batch.payload_bytes() as u64 * u64::from(rows) / u64::from(total.max(1));
        let view = &self.task.view;
        view.counters.batch(rows.saturating_sub(rejected as u32), bytes);
        view.measures.went(rows);
        self.uncommitted += u64::from(rows);
        view.measures.active(self.uncommitted + self.feed.waiting_rows());
        view.pulse.moved();
        self.task.throttle.took(rows, bytes);
        self.dirty.get_or_insert_with(Instant::now);
        self.fresh = true;
        self.bytes += bytes;
    }

    /// Makes what was put durable, waits for the dead letters, and only then commits the position. A sink that cannot
    /// flush now is asked again, unless a command waits: then nothing is committed.
    async fn flush(&mut self, instance: &mut dyn SinkTask) -> Result<(), TaskError> {
        if self.dirty.is_none() {
            return Ok(());
        }
        let (task, began) = (self.task, Instant::now());
        let span = task.after(Stage::Flush, &mut self.traced);
        let result = self.flush_and_commit(instance, began).await;
        if let Some(span) = span {
            span.finish(result.as_ref().err().map(ToString::to_string));
        }
        result
    }

    async fn flush_and_commit(&mut self, instance: &mut dyn SinkTask, began: Instant) -> Result<(), TaskError> {
        wharf_faults::reach("sink.flush");
        let (task, mut retrying) = (self.task, Retrying::default());
        let busy = task.view.pulse.enter(Step::Flush);
        let flushed = loop {
            let asked = Instant::now();
            match self.feed.beside(instance.flush()).await {
                Ok(flushed) => {
                    task.view.measures.took(Stage::Flush, asked.elapsed());
                    break flushed;
                }
                Err(InstanceError::Failed(Failure::Retriable(retry))) => {
                    if !self.retry(&mut retrying, &retry).await? {
                        return Ok(());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        };
        drop(busy);
        wharf_faults::reach("sink.flushed");
        if let Some(dead_letters) = &mut self.dead_letters {
            let _busy = task.view.pulse.enter(Step::DeadLetters);
            dead_letters.settle().await?;
        }
        let durable = self.positions.durable(&flushed);
        if !durable.is_empty() {
            let committed = self.commit(&durable).await;
            let is_done = matches!(committed, Ok(true));
            task.view.measures.committed(began.elapsed(), is_done);
            if !committed? {
                return Ok(());
            }
            wharf_faults::reach("sink.committed");
            self.positions.committed(&durable);
            Counters::add(&self.task.view.counters.commits, 1);
        }
        self.dirty = matches!(flushed, Flushed::UpTo(_)).then(Instant::now);
        self.fresh = false;
        self.bytes = 0;
        self.uncommitted = if self.dirty.is_some() { self.positions.uncommitted() } else { 0 };
        task.view.measures.active(self.uncommitted + self.feed.waiting_rows());
        self.measure().await;
        Ok(())
    }

    /// Commits positions; `false` when a command cut it short. An outage is waited for here: a new instance would be given
    /// the same rows again, and the next one too.
    async fn commit(&mut self, durable: &[TopicPosition]) -> Result<bool, TaskError> {
        let (task, mut outage) = (self.task, Outage::default());
        let _busy = task.view.pulse.enter(Step::Commit);
        loop {
            let began = Instant::now();
            let Err(error) = self.feed.consumer.commit(durable).await else {
                task.view.measures.took(Stage::Commit, began.elapsed());
                return Ok(true);
            };
            let error = TaskError::queue("commit positions", &error);
            if !error.is_outage {
                return Err(error);
            }
            let wait = outage.wait(Duration::ZERO);
            warn!(%error, ?wait, "the position is committed again later");
            self.task.view.waits(&error);
            if self.control.mode() != Mode::Run {
                return Ok(false);
            }
            select! {
                () = self.feed.beside(sleep(wait)) => {}
                () = self.control.changed() => return Ok(false),
            }
        }
    }

    /// Looks how far the task is behind, now and then.
    async fn measure(&mut self) {
        if self.measured.elapsed() < self.task.env.options.flush_interval {
            return;
        }
        self.measured = Instant::now();
        match self.feed.consumer.lag().await {
            Ok(lag) => {
                let each = || lag.iter().map(|it| it.end.saturating_sub(it.at.position).max(0));
                let (all, view) = (each().sum(), &self.task.view);
                view.counters.behind(all);
                view.measures.behind(each().max());
                view.pulse.upstream(all > 0);
            }
            Err(error) => debug!(%error, "cannot tell how far the task is behind"),
        }
    }

    async fn pause(&mut self, instance: &mut dyn SinkTask) -> Result<(), TaskError> {
        self.flush(instance).await?;
        instance.pause().await?;
        self.task.view.on(TaskEvent::Paused);
        debug!("paused");
        let mut mode = self.control.mode();
        while mode == Mode::Pause {
            select! {
                () = self.control.changed() => mode = self.control.mode(),
                _ = self.feed.fetch_news(self.task.env.options.poll.max_wait) => self.news_while_paused()?,
            }
        }
        if mode == Mode::Run {
            instance.resume().await?;
            self.task.view.pulse.begin();
            self.task.view.on(TaskEvent::Resumed);
            debug!("resumed");
        }
        Ok(())
    }

    /// Another member must not wait for a paused one: everything is committed, so partitions go at once, and the plugin
    /// hears of it when it is resumed.
    fn news_while_paused(&mut self) -> Result<(), TaskError> {
        match self.feed.newest() {
            Some(Event::Revoked(partitions, handover)) => {
                self.positions.revoke(partitions);
                drop(handover.take());
            }
            Some(Event::Lost(partitions)) => self.positions.revoke(partitions),
            Some(Event::Failed(error)) => return Err(TaskError::queue("read rows", error)),
            Some(Event::Rows(_) | Event::Assigned(_)) | None => {}
        }
        Ok(())
    }
}
