//! A paused sink.

use tokio::select;
use tracing::debug;
use wharf_core::plugin::SinkTask;
use wharf_core::state::TaskEvent;

use super::Sink;
use crate::task::feed::Event;
use crate::task::{Mode, TaskError};

impl Sink<'_> {
    pub(super) async fn pause(&mut self, instance: &mut dyn SinkTask) -> Result<(), TaskError> {
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
    pub(super) fn news_while_paused(&mut self) -> Result<(), TaskError> {
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
