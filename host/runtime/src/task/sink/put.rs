//! Putting rows, again where the plugin asks for it, and what becomes of those that it rejects.

use std::sync::Arc;

use tokio::select;
use tokio::time::{Instant, sleep};
use tracing::{error, warn};
use wharf_core::plugin::SinkTask;
use wharf_core::trace::Stage;
use wharf_core::{Delivery, Failure, InstanceError, Rejection, Retry};

use super::Sink;
use crate::progress::Counters;
use crate::task::dlq::DeadLetters;
use crate::task::positions::place;
use crate::task::pulse::Step;
use crate::task::retry::Retrying;
use crate::task::{Mode, TaskError};

impl Sink<'_> {
    /// Puts rows until they are taken. Rows that the plugin asks to be given again later go back into the feed when the
    /// task shall do something else meanwhile.
    pub(super) async fn put(
        &mut self,
        instance: &mut dyn SinkTask,
        mut delivery: Arc<Delivery>,
    ) -> Result<(), TaskError> {
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
    pub(super) async fn retry(&mut self, retrying: &mut Retrying, retry: &Retry) -> Result<bool, TaskError> {
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

    pub(super) async fn accepted(
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

    pub(super) async fn dead_letters(
        &mut self,
        delivery: &Delivery,
        rejections: &[Rejection],
    ) -> Result<(), TaskError> {
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
    pub(super) fn took(&mut self, delivery: &Delivery, rows: u32, rejected: usize) {
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
}
