//! Making what was put durable, and committing the position.

use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};
use wharf_core::plugin::{Flushed, SinkTask};
use wharf_core::trace::Stage;
use wharf_core::{Failure, InstanceError, TopicPosition};

use super::Sink;
use crate::progress::Counters;
use crate::task::pulse::Step;
use crate::task::retry::{Outage, Retrying};
use crate::task::{Mode, TaskError};

impl Sink<'_> {
    /// Makes what was put durable, waits for the dead letters, and only then commits the position. A sink that cannot
    /// flush now is asked again, unless a command waits: then nothing is committed.
    pub(super) async fn flush(&mut self, instance: &mut dyn SinkTask) -> Result<(), TaskError> {
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

    pub(super) async fn flush_and_commit(
        &mut self,
        instance: &mut dyn SinkTask,
        began: Instant,
    ) -> Result<(), TaskError> {
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
    pub(super) async fn commit(&mut self, durable: &[TopicPosition]) -> Result<bool, TaskError> {
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
    pub(super) async fn measure(&mut self) {
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
}
