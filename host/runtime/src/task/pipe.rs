//! What a source task has in flight: batches on their way into the queue, and offsets on their way into the store.
//!
//! The pipe is driven by [`Pipe::step`], next to whatever else the task does ([`Pipe::beside`]), so acknowledgements are
//! taken and offsets written while the guest polls. A failure is kept and reported by [`Pipe::check`] between calls, so
//! that the instance, which is fine, can be stopped in good order.

use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::select;
use tokio::time::{Instant, timeout};
use tracing::{error, warn};
use wharf_core::plugin::SourceTask;
use wharf_core::trace::{Stage, TraceContext};
use wharf_core::{Batch, Failure, InstanceError, SourceOffset};
use wharf_drivers::{Acknowledgement, DriverError, Producer, Receipt};

use super::commit::Commits;
use super::offsets::newest;
use super::prefix::Prefix;
use super::pulse::Step;
use super::spans::{OpenSpan, Traced};
use super::{Task, TaskError};
use crate::progress::Counters;
use crate::topics::Seen;

/// How long to wait before a guest is told of its offsets again, where it does not say.
const TELL_AGAIN: Duration = Duration::from_secs(1);

/// Told what became of one batch, in place of the task: a row that the queue rejects is the affair of whoever sent it,
/// not a fault of the task. Dropped untold when the task ends before.
pub(super) type Waiter = Box<dyn FnOnce(Result<(), DriverError>) + Send>;

/// A batch that is not acknowledged.
struct InFlight {
    number: u64,
    rows: u32,
    waiter: Option<Waiter>,
    sending: Sending,
    acknowledgement: Acknowledgement,
}

/// When a batch was handed to the queue, and its span where it is traced.
struct Sending {
    since: Instant,
    span: Option<OpenSpan>,
}

/// What the queue said of a batch.
struct Answered {
    number: u64,
    rows: u32,
    waiter: Option<Waiter>,
    sending: Sending,
    result: Result<Receipt, DriverError>,
}

impl Future for InFlight {
    type Output = Answered;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(self.acknowledgement.as_mut().poll(cx));
        let sending = Sending { since: self.sending.since, span: self.sending.span.take() };
        Poll::Ready(Answered { number: self.number, rows: self.rows, waiter: self.waiter.take(), sending, result })
    }
}

/// What is left to do for a batch once it and all before it are acknowledged.
struct Sent {
    rows: u32,
    bytes: u64,
    offsets: Vec<SourceOffset>,
    /// Topics that no earlier batch went to.
    topics: Vec<String>,
    trace: Option<TraceContext>,
}

/// See the module's page.
pub(super) struct Pipe<'a> {
    task: &'a Task,
    in_flight: FuturesUnordered<InFlight>,
    prefix: Prefix<Sent>,
    commits: Commits,
    failed: Option<TaskError>,
    /// The guest asked not to be told of offsets before this.
    tell_after: Option<Instant>,
    seen: Seen,
    /// Rows that are not acknowledged, or wait for earlier ones.
    active: u64,
    /// Traced batches that are acknowledged, and the guest has not heard.
    traced: Traced,
}

impl<'a> Pipe<'a> {
    pub(super) fn new(task: &'a Task, commits: Commits) -> Self {
        Self {
            task,
            in_flight: FuturesUnordered::new(),
            prefix: Prefix::default(),
            commits,
            failed: None,
            tell_after: None,
            seen: Seen::default(),
            active: 0,
            traced: Traced::default(),
        }
    }

    /// The failure of a batch or a commit, if there was one.
    pub(super) fn check(&mut self) -> Result<(), TaskError> {
        self.failed.take().map_or(Ok(()), Err)
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether the guest waits for offsets of rows that it handed over.
    pub(super) fn is_awaited(&self) -> bool {
        !self.in_flight.is_empty() || self.commits.are_awaited()
    }

    /// There are no new rows for now: a good time to write what is left.
    pub(super) fn idle(&mut self) {
        if self.in_flight.is_empty() {
            self.commits.begin();
        }
    }

    /// Takes the next acknowledgement or the end of a write; waits for ever where nothing is on its way. Cancel-safe.
    pub(super) async fn step(&mut self) {
        select! {
            Some(answered) = self.in_flight.next(), if !self.in_flight.is_empty() => self.acknowledged(answered),
            result = self.commits.step() => if let Err(error) = result {
                self.fail(error);
            }
        }
    }

    /// Runs `call` and the pipe side by side until `call` is done.
    pub(super) async fn beside<T>(&mut self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        loop {
            // The pipe first: a source that is never idle must not keep acknowledgements waiting.
            select! {
                biased;
                () = self.step(), if self.failed.is_none() => {}
                out = &mut call => return out,
            }
        }
    }

    /// Hands a batch to the queue, once there is room for it.
    pub(super) async fn send(
        &mut self,
        producer: &mut dyn Producer,
        batch: Batch,
        span: Option<OpenSpan>,
    ) -> Result<(), TaskError> {
        self.send_for(producer, batch, span, None).await
    }

    /// As [`Pipe::send`]; `waiter` hears what became of the batch.
    pub(super) async fn send_for(
        &mut self,
        producer: &mut dyn Producer,
        batch: Batch,
        span: Option<OpenSpan>,
        waiter: Option<Waiter>,
    ) -> Result<(), TaskError> {
        let task = self.task;
        let _busy = task.view.pulse.enter(Step::Send);
        while self.in_flight.len() >= self.task.env.options.max_in_flight.max(1) && self.failed.is_none() {
            self.step().await;
        }
        self.check()?;
        self.task.show_batch(&batch);
        let (rows, bytes) = (batch.rows, batch.payload_bytes() as u64);
        let trace = span.as_ref().map(OpenSpan::context);
        let topics = self.seen.new_in(&self.task.env.topics, &batch, self.task.job.spec.topics.first());
        let sent = Sent { rows, bytes, offsets: newest(&batch.checkpoints), topics, trace };
        let sending = Sending { since: Instant::now(), span };
        self.active += u64::from(rows);
        task.view.measures.batch(rows, bytes);
        task.view.measures.active(self.active);
        match self.beside(producer.send(batch)).await {
            Ok(acknowledgement) => {
                wharf_faults::reach("source.sent");
                let number = self.prefix.push(sent);
                self.in_flight.push(InFlight { number, rows, waiter, sending, acknowledgement });
                task.view.pulse.sent();
                Ok(())
            }
            Err(error) => {
                if let Some(span) = sending.span {
                    span.finish(Some(error.to_string()));
                }
                self.judge(rows, waiter, Err(error))?;
                let number = self.prefix.push(sent);
                self.pass(number);
                Ok(())
            }
        }
    }

    fn acknowledged(&mut self, answered: Answered) {
        let Answered { number, rows, waiter, sending, result } = answered;
        if result.is_ok() {
            self.task.view.measures.took(Stage::Send, sending.since.elapsed());
            self.task.view.pulse.acknowledged(!self.in_flight.is_empty());
        }
        if let Some(span) = sending.span {
            span.finish(result.as_ref().err().map(ToString::to_string));
        }
        match self.judge(rows, waiter, result) {
            Ok(()) => self.pass(number),
            Err(error) => self.fail(error),
        }
    }

    /// Whether the task is done with a batch, or fails by it.
    fn judge(&self, rows: u32, waiter: Option<Waiter>, result: Result<Receipt, DriverError>) -> Result<(), TaskError> {
        if let Some(waiter) = waiter {
            return self.tell_waiter(rows, waiter, result);
        }
        match result {
            Ok(receipt) => match receipt.failed.first() {
                None => Ok(()),
                Some((_, error @ DriverError::Rejected(_))) => self.rejected(receipt.failed.len(), error),
                Some((row, error)) => Err(TaskError::queue(&format!("send row {row}"), error)),
            },
            Err(error @ DriverError::Rejected(_)) => self.rejected(rows as usize, &error),
            Err(error) => Err(TaskError::queue("send rows", &error)),
        }
    }

    fn tell_waiter(&self, rows: u32, waiter: Waiter, result: Result<Receipt, DriverError>) -> Result<(), TaskError> {
        let (count, error) = match result {
            Ok(receipt) => {
                let count = receipt.failed.len();
                // One that may go through later counts for more than one that never will.
                let worst = |(_, error): &(u32, DriverError)| matches!(error, DriverError::Rejected(_));
                (count, receipt.failed.into_iter().min_by_key(worst).map(|(_, error)| error))
            }
            Err(error) => (rows as usize, Some(error)),
        };
        let Some(error) = error else {
            waiter(Ok(()));
            return Ok(());
        };
        let outcome = match &error {
            DriverError::Rejected(_) => {
                self.task.view.measures.erred(0);
                warn!(rows = count, %error, "the queue rejects rows, and their sender is told");
                Counters::add(&self.task.view.counters.skipped, count);
                Ok(())
            }
            error => Err(TaskError::queue("send rows", error)),
        };
        waiter(Err(error));
        outcome
    }

    /// The queue will never take these rows: leave them out, or fail.
    fn rejected(&self, rows: usize, error: &DriverError) -> Result<(), TaskError> {
        let policy = &self.task.job.spec.errors;
        let measures = &self.task.view.measures;
        if !policy.tolerate_all {
            measures.erred(rows);
            return Err(TaskError::rejected(&format!("the queue rejects {rows} row(s): {error}")));
        }
        measures.erred(0);
        Counters::add(&self.task.view.counters.skipped, rows);
        if policy.log {
            measures.logged();
            error!(rows, %error, "rows are left out: the queue rejects them");
        }
        Ok(())
    }

    fn pass(&mut self, number: u64) {
        wharf_faults::reach("source.acknowledged");
        self.prefix.acknowledge(number);
        while let Some(sent) = self.prefix.pop() {
            let view = &self.task.view;
            view.counters.batch(sent.rows, sent.bytes);
            view.measures.went(sent.rows);
            self.active = self.active.saturating_sub(sent.rows.into());
            view.measures.active(self.active);
            if let Some(trace) = sent.trace {
                self.traced.add(trace);
            }
            self.seen.used(&self.task.env, &self.task.job.spec.name, sent.topics);
            if !sent.offsets.is_empty() {
                self.commits.acknowledged(sent.offsets);
            }
        }
    }

    fn fail(&mut self, error: TaskError) {
        // The first failure is the cause; what follows from it says less.
        self.failed.get_or_insert(error);
    }

    /// Waits until everything is acknowledged, or something fails, or `limit` has passed; then stores what is
    /// acknowledged.
    pub(super) async fn drain(&mut self, limit: Option<Duration>) {
        let acknowledge = async {
            while !self.in_flight.is_empty() && self.failed.is_none() {
                self.step().await;
            }
        };
        match limit {
            None => acknowledge.await,
            Some(limit) => {
                if timeout(limit, acknowledge).await.is_err() {
                    warn!(batches = self.in_flight.len(), "the queue did not acknowledge in time");
                }
            }
        }
        self.store(limit).await;
    }

    /// After a failure: what is safe is kept, so that the next instance repeats less. A queue that failed is not waited
    /// for.
    pub(super) async fn wind_up(&mut self, error: &TaskError) {
        let limit = Some(self.task.env.drain_limit());
        if error.is_of_queue() { self.store(limit).await } else { self.drain(limit).await }
    }

    /// Stores what is acknowledged.
    async fn store(&mut self, limit: Option<Duration>) {
        let stored = match limit {
            None => self.commits.settle().await,
            Some(limit) => timeout(limit, self.commits.settle()).await.unwrap_or_else(|_| {
                warn!("the store did not take offsets in time");
                Ok(())
            }),
        };
        if let Err(error) = stored {
            self.fail(error);
        }
    }

    /// What is durable is told to nobody: the guest has no use for it.
    pub(super) fn tell_nobody(&mut self) {
        drop(self.commits.take_untold());
        self.traced.clear();
    }

    /// Tells the guest what is durable. A guest that cannot take it now is told again later.
    pub(super) async fn tell(&mut self, instance: &mut dyn SourceTask) -> Result<(), TaskError> {
        if self.tell_after.is_some_and(|after| Instant::now() < after) {
            return Ok(());
        }
        let Some(untold) = self.commits.take_untold() else {
            return Ok(());
        };
        wharf_faults::reach("source.commit");
        let (task, began) = (self.task, Instant::now());
        let span = task.after(Stage::Commit, &mut self.traced);
        let told = {
            let _busy = task.view.pulse.enter(Step::Tell);
            self.beside(instance.commit(untold.to_vec())).await
        };
        if let Some(span) = span {
            span.finish(told.as_ref().err().map(ToString::to_string));
        }
        match told {
            Ok(()) => {
                wharf_faults::reach("source.committed");
                task.view.measures.took(Stage::Commit, began.elapsed());
                self.tell_after = None;
            }
            Err(InstanceError::Failed(Failure::Retriable(retry))) => {
                warn!(reason = %retry.reason, "the plugin cannot take its committed offsets yet");
                self.task.view.retried(&retry.reason);
                self.commits.give_back(untold);
                self.tell_after = Some(Instant::now() + retry.after.unwrap_or(TELL_AGAIN));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
