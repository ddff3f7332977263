//! How a connector's work is split into tasks.

use std::sync::Arc;

use tracing::warn;
use wharf_core::config::Config;

use crate::env::{Env, Job};
use crate::task::TaskView;

/// More are never run, whatever `tasks.max.enforce` says.
const MOST_TASKS: usize = 10_000;

/// The task configurations that the plugin makes of the connector's, or why there are none.
pub(super) async fn split(env: &Env, job: &Job) -> Result<Vec<Config>, String> {
    let (spec, id) = (&job.spec, job.plugin.id());
    let tasks = job.plugin.tasks(&job.config, spec.tasks_max).await;
    let tasks = tasks.map_err(|error| {
        env.killed_aside(&spec.name, id, &error);
        format!("plugin {id} cannot split the work: {error}")
    })?;
    let (count, max) = (tasks.len(), spec.tasks_max);
    if u32::try_from(count).is_ok_and(|count| count <= max) {
        Ok(tasks)
    } else if !spec.enforce_tasks_max && count <= MOST_TASKS {
        warn!(plugin = %id, tasks = count, max, "more tasks than `tasks.max` run, because `tasks.max.enforce` is false");
        Ok(tasks)
    } else {
        Err(format!("plugin {id} made {count} tasks where `tasks.max` allows {max}"))
    }
}

/// What becomes of the tasks there are when the work is split anew: those whose configuration is the same stay.
pub(super) struct Plan {
    /// For each task its view, and whether it runs on as it is.
    pub(super) tasks: Vec<(Arc<TaskView>, bool)>,
}

impl Plan {
    pub(super) fn new(now: &[Arc<TaskView>], configs: Vec<Config>) -> Self {
        let tasks = configs.into_iter().zip(0..).map(|(config, number)| {
            match now.iter().find(|view| view.number() == number && view.has_config(&config)) {
                Some(view) => (view.clone(), true),
                None => (Arc::new(TaskView::new(number, config)), false),
            }
        });
        Self { tasks: tasks.collect() }
    }

    pub(super) fn keeps(&self, view: &Arc<TaskView>) -> bool {
        self.tasks.iter().any(|(it, stays)| *stays && Arc::ptr_eq(it, view))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(value: &str) -> Config {
        Config::from([("part".to_owned(), value.to_owned())])
    }

    #[test]
    fn only_tasks_whose_configuration_changed_are_replaced() {
        let now: Vec<_> =
            ["a", "b", "c"].into_iter().zip(0..).map(|(it, n)| Arc::new(TaskView::new(n, config(it)))).collect();
        let plan = Plan::new(&now, vec![config("a"), config("x")]);
        let stays: Vec<_> = plan.tasks.iter().map(|(view, stays)| (view.number(), *stays)).collect();
        assert_eq!(stays, [(0, true), (1, false)]);
        let kept: Vec<_> = now.iter().map(|view| plan.keeps(view)).collect();
        assert_eq!(kept, [true, false, false]);
    }
}
