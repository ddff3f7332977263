//! Starting, replacing and stopping the tasks.

use std::sync::Arc;

use tracing::{error, info};
use wharf_core::state::TargetState;

use super::Supervisor;
use crate::connector::split::{Plan, split};
use crate::env::Job;
use crate::task::{RunningTask, TaskView, stop_all};

impl Supervisor {
    /// Splits the work and starts, replaces and stops tasks so that they fit. Tasks whose configuration is the same
    /// stay as they are.
    pub(super) async fn start_tasks(&mut self) {
        if self.job.is_some() {
            let has_worked = self.arrange_tasks().await;
            self.env.connector_starts.count(has_worked);
        }
    }

    /// As [`Self::start_tasks`]; `false` when the work cannot be split.
    pub(super) async fn arrange_tasks(&mut self) -> bool {
        let Some(job) = self.job.clone() else { return false };
        let configs = match split(&self.env, &job).await {
            Ok(configs) => configs,
            Err(trace) => {
                error!(%trace, "the connector failed");
                self.view.set_failed(trace);
                return false;
            }
        };
        let now: Vec<_> = self.tasks.iter().map(|task| task.view.clone()).collect();
        let plan = Plan::new(&now, configs);
        let (mut kept, gone): (Vec<_>, Vec<_>) = self.tasks.drain(..).partition(|task| plan.keeps(&task.view));
        stop_all(&self.env, gone).await;
        let count = plan.tasks.len() as u32;
        for (view, _) in plan.tasks {
            match kept.iter().position(|task| Arc::ptr_eq(&task.view, &view)) {
                Some(index) => self.tasks.push(kept.swap_remove(index)),
                None => self.tasks.push(self.start_task(&job, view, count)),
            }
        }
        self.show_tasks();
        self.show_target();
        true
    }

    pub(super) fn start_task(&self, job: &Arc<Job>, view: Arc<TaskView>, count: u32) -> RunningTask {
        let resplit = self.resplit.clone();
        let reconfigure = Arc::new(move || resplit.notify_one());
        RunningTask::start(&self.env, job, view, count, self.mode(), reconfigure)
    }

    pub(super) fn show_tasks(&self) {
        self.view.set_tasks(self.tasks.iter().map(|task| task.view.clone()).collect());
    }

    pub(super) fn take_tasks(&mut self) -> Vec<RunningTask> {
        std::mem::take(&mut self.tasks)
    }

    pub(super) async fn split_anew(&mut self) {
        // A connector that is not running is split when it is started or resumed.
        if self.view.target() == TargetState::Running {
            info!("the plugin asks for its tasks to be configured anew");
            self.arrange_tasks().await;
        }
    }

    /// Everything begins anew: the worker's own keys, the plugin or its version may have changed for every task.
    pub(super) async fn begin_anew(&mut self) {
        let had_tasks = !self.tasks.is_empty();
        let tasks = self.take_tasks();
        stop_all(&self.env, tasks).await;
        match self.view.target() {
            TargetState::Running => self.start_tasks().await,
            TargetState::Paused if had_tasks => self.start_tasks().await,
            TargetState::Paused | TargetState::Stopped => self.show_target(),
        }
    }
}
