//! One task: a future that runs attempts, one instance each, until it is stopped, finishes or gives up.

mod commit;
mod dlq;
mod failure;
mod feed;
mod measures;
mod offsets;
mod pipe;
mod positions;
mod prefix;
mod pulse;
mod retry;
mod runner;
mod sink;
mod source;
mod spans;
mod throttle;
mod view;
mod webhook;

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, info_span, warn};
use wharf_core::config::Config;
use wharf_core::plugin::{OffsetReader, TaskContext, TaskSetup};
use wharf_core::{Batch, Death, Delivery};

pub(crate) use failure::TaskError;
pub(crate) use offsets::SourceOffsets;
pub(crate) use view::TaskView;

use crate::env::{Env, Job};
use throttle::Throttle;

/// What a task shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Work.
    Run,
    /// Keep the instance and do nothing.
    Pause,
    /// Finish what is in flight, commit, and end.
    Stop,
}

/// How a task hears what it shall do.
#[derive(Debug)]
struct Control(watch::Receiver<Mode>);

impl Control {
    /// What it shall do now. A task whose supervisor is gone stops.
    fn mode(&mut self) -> Mode {
        if self.0.has_changed().is_err() { Mode::Stop } else { *self.0.borrow_and_update() }
    }

    /// Waits until there is something new since [`Control::mode`]. Cancel-safe.
    async fn changed(&mut self) {
        // An error means that the supervisor is gone, which `mode` reports as a stop.
        self.0.changed().await.ok();
    }
}

/// What a task works with.
struct Task {
    env: Arc<Env>,
    job: Arc<Job>,
    config: Config,
    /// How many tasks the connector has.
    tasks: u32,
    view: Arc<TaskView>,
    reconfigure: Arc<dyn Fn() + Send + Sync>,
    throttle: Throttle,
}

impl Task {
    async fn setup(&self, attempt: u32, offsets: Arc<dyn OffsetReader>) -> Result<TaskSetup, TaskError> {
        let (connector, task) = (&self.job.spec.name, self.view.number());
        let generation = self.env.generations.next_generation(connector, task).await?;
        let context = TaskContext {
            connector: connector.clone(),
            task,
            tasks: self.tasks,
            worker: self.env.options.id.clone(),
            attempt,
            generation,
        };
        Ok(TaskSetup {
            context,
            config: self.config.clone(),
            offsets,
            reconfigure: self.reconfigure.clone(),
            limits: self.job.spec.limits.clone(),
            meter: self.view.meter.clone(),
            audit: self.job.hidden.audit(&self.env.audit),
        })
    }

    /// Shows rows that its plugin handed over to whoever looks.
    fn show_batch(&self, batch: &Batch) {
        if self.env.taps.are_open() {
            let spec = &self.job.spec;
            self.env.taps.see_batch(&spec.name, self.view.number(), batch, spec.topics.first().map(String::as_str));
        }
    }

    /// Shows rows that its plugin is handed to whoever looks.
    fn show_delivery(&self, delivery: &Delivery) {
        if self.env.taps.are_open() {
            self.env.taps.see_delivery(&self.job.spec.name, self.view.number(), delivery);
        }
    }

    /// An instance of it died.
    fn killed(&self, death: &Death) {
        let task = Some((self.view.number(), &*self.view.meter));
        self.env.killed(&self.job.spec.name, task, self.job.plugin.id(), death);
    }
}

/// A task that was started. Dropping it without [`stop_all`] lets it stop by itself.
#[derive(Debug)]
pub(crate) struct RunningTask {
    pub(crate) view: Arc<TaskView>,
    mode: watch::Sender<Mode>,
    ended: JoinHandle<()>,
}

impl RunningTask {
    /// Starts task `view` of `job`.
    pub(crate) fn start(
        env: &Arc<Env>,
        job: &Arc<Job>,
        view: Arc<TaskView>,
        tasks: u32,
        mode: Mode,
        reconfigure: Arc<dyn Fn() + Send + Sync>,
    ) -> Self {
        let (mode, control) = watch::channel(mode);
        view.set_plugin(job.plugin.id());
        view.pulse.watch(env.options.stalled_after, job.inbox.clone());
        let throttle = Throttle::new(&job.spec.limits);
        let (env_, job_, config) = (env.clone(), job.clone(), view.config());
        let task = Task { env: env_, job: job_, config, tasks, view: view.clone(), reconfigure, throttle };
        // A root: below the supervisor's span every line would name the connector twice.
        let span = info_span!(parent: None, "task", connector = %job.spec.name, task = view.number());
        let ended = env.gate.spawn(runner::run(task, Control(control)).instrument(span));
        Self { view, mode, ended }
    }

    /// Tells it what to do. It hears at once and acts after the call it is in.
    pub(crate) fn tell(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }
}

/// Stops tasks: each may finish its call, drain and commit until the grace is over, then it is dropped, which stops its
/// instance in the middle of whatever it does.
pub(crate) async fn stop_all(env: &Env, tasks: Vec<RunningTask>) {
    for task in &tasks {
        task.tell(Mode::Stop);
    }
    let deadline = Instant::now() + env.options.shutdown_timeout;
    for mut task in tasks {
        if timeout_at(deadline, &mut task.ended).await.is_err() {
            warn!(task = task.view.number(), "the task did not stop in time and is dropped");
            task.ended.abort();
            // An aborted task is only awaited so that its queue and instance are free when this returns.
            task.ended.await.ok();
        }
    }
}
