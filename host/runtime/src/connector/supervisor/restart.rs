//! Restarting the connector, its tasks, or what failed of them.

use std::sync::Arc;

use wharf_core::state::{State, TargetState, TaskEvent};
use wharf_core::status::ConnectorStatus;

use super::{Supervisor, answer};
use crate::connector::Reply;
use crate::error::WorkerError;
use crate::task::{RunningTask, TaskView, stop_all};

impl Supervisor {
    /// Restarts the connector itself, its tasks, or of both only what failed; says what will be restarted before it is.
    pub(super) async fn restart(&mut self, tasks: bool, only_failed: bool, reply: Reply<ConnectorStatus>) {
        let itself = !only_failed || self.view.state() == State::Failed;
        let chosen: Vec<_> =
            self.tasks.iter().filter(|task| tasks && (!only_failed || task.view.has_failed())).collect();
        let chosen: Vec<_> = chosen.into_iter().map(|task| task.view.clone()).collect();
        if itself {
            self.view.set_state(State::Restarting);
        }
        chosen.iter().for_each(|view| view.on(TaskEvent::Restarted));
        answer(reply, Ok(self.view.status()));
        if itself {
            self.restart_itself().await;
        }
        self.restart_tasks(&chosen).await;
    }

    pub(super) async fn restart_itself(&mut self) {
        // The plugin may have been replaced by a later version, or be back.
        if let Err(trace) = self.look_up().await {
            self.job = None;
            self.view.set_failed(trace);
            return;
        }
        match self.view.target() {
            TargetState::Running => self.start_tasks().await,
            TargetState::Paused if !self.tasks.is_empty() => self.start_tasks().await,
            TargetState::Paused | TargetState::Stopped => self.show_target(),
        }
    }

    /// Starts tasks again under the views they have, without the memory of earlier failures.
    pub(super) async fn restart_tasks(&mut self, chosen: &[Arc<TaskView>]) {
        let is_chosen = |task: &RunningTask| chosen.iter().any(|view| Arc::ptr_eq(view, &task.view));
        let count = self.tasks.len() as u32;
        let (old, mut tasks): (Vec<_>, Vec<_>) = self.tasks.drain(..).partition(is_chosen);
        let views: Vec<_> = old.iter().map(|task| task.view.clone()).collect();
        stop_all(&self.env, old).await;
        // A task may have come to another end while it was being stopped.
        views.iter().filter(|view| view.state() != State::Restarting).for_each(|view| view.on(TaskEvent::Restarted));
        if let Some(job) = self.job.clone() {
            tasks.extend(views.into_iter().map(|view| self.start_task(&job, view, count)));
        }
        tasks.sort_by_key(|task| task.view.number());
        self.tasks = tasks;
        self.show_tasks();
    }

    pub(super) async fn restart_task(&mut self, number: u32, reply: Reply<()>) {
        if self.view.target() == TargetState::Stopped {
            // The words of Kafka Connect, whose clients try again on them.
            let message = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance \
                           was underway.";
            return answer(reply, Err(WorkerError::Conflict(message.to_owned())));
        }
        let found = self.tasks.iter().find(|task| task.view.number() == number).map(|task| task.view.clone());
        let Some(view) = found else {
            return answer(reply, Err(WorkerError::unknown_task(self.view.name(), number)));
        };
        view.on(TaskEvent::Restarted);
        answer(reply, Ok(()));
        self.restart_tasks(&[view]).await;
    }
}
