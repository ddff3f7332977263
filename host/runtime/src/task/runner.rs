//! The life of a task: attempt after attempt, with back-off between them, until it stops, finishes or gives up.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, error, info, warn};
use wharf_core::InstanceError;
use wharf_core::plugin::{Kind, SinkTask, SourceTask, WebhookTask};
use wharf_core::policy::{CrashLoop, Verdict};
use wharf_core::state::TaskEvent;

use super::retry::Outage;
use super::{Control, Mode, Task, TaskError, sink, source, webhook};

/// How an attempt ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It was told to stop.
    Stopped,
    /// Its bounded job is done.
    Finished,
}

/// The instance that an attempt leaves behind, if it is alive.
pub(super) enum Left {
    Nothing,
    Source(Box<dyn SourceTask>),
    Sink(Box<dyn SinkTask>),
    Webhook(Box<dyn WebhookTask>),
}

impl Left {
    async fn stop(self, task: &Task) {
        let stopped = match self {
            Self::Nothing => Ok(()),
            Self::Source(instance) => instance.stop().await,
            Self::Sink(instance) => instance.stop().await,
            Self::Webhook(instance) => instance.stop().await,
        };
        farewell(task, stopped);
    }

    async fn failed(self, task: &Task, reason: String) {
        let told = match self {
            Self::Nothing => Ok(()),
            Self::Source(instance) => instance.failed(reason).await,
            Self::Sink(instance) => instance.failed(reason).await,
            Self::Webhook(instance) => instance.failed(reason).await,
        };
        farewell(task, told);
    }
}

fn farewell(task: &Task, result: Result<(), InstanceError>) {
    if let Err(error) = result {
        if let InstanceError::Died(death) = &error {
            task.killed(death);
        }
        warn!(%error, "the plugin failed in its last call");
    }
}

/// What came of an attempt.
pub(super) struct Outcome {
    pub(super) end: Result<End, TaskError>,
    pub(super) left: Left,
}

impl Outcome {
    /// No instance was started, or it is dead.
    pub(super) fn failed(error: TaskError) -> Self {
        Self { end: Err(error), left: Left::Nothing }
    }
}

/// Runs a task to its end.
pub(super) async fn run(task: Task, mut control: Control) {
    let began = Instant::now();
    let (mut crashes, mut outage) = (CrashLoop::default(), Outage::default());
    for attempt in 1.. {
        let started = Instant::now();
        let outcome = AssertUnwindSafe(once(&task, &mut control, attempt)).catch_unwind().await;
        let Outcome { end, left } = outcome.unwrap_or_else(|_| Outcome::failed(TaskError::panicked()));
        let error = match end {
            Ok(end) => {
                left.stop(&task).await;
                if end == End::Finished {
                    task.view.on(TaskEvent::Finished);
                }
                info!(?end, "the task ended");
                return;
            }
            Err(error) => error.redacted(&task.job.hidden.redactor),
        };
        if let Some(death) = &error.death {
            task.killed(death);
        }
        if control.mode() == Mode::Stop {
            warn!(%error, "the task failed while it was stopping");
            left.stop(&task).await;
            return;
        }
        let verdict = if error.is_outage && task.job.spec.restart.enabled {
            task.view.pulse.outage(outage.goes_on(started.elapsed()));
            Ok(outage.wait(started.elapsed()))
        } else {
            task.view.pulse.no_outage();
            verdict(&task, &mut crashes, &error, began.elapsed())
        };
        match verdict {
            Ok(after) => {
                task.view.crashed(&error);
                warn!(%error, ?after, attempt, "the task failed and is started again");
                left.stop(&task).await;
                if !back_off(&mut control, after).await {
                    debug!("the task was stopped before it was started again");
                    return;
                }
            }
            Err(trace) => {
                error!(%error, %trace, "the task failed");
                task.view.gave_up(&error, trace);
                left.failed(&task, error.to_string()).await;
                return;
            }
        }
    }
}

async fn once(task: &Task, control: &mut Control, attempt: u32) -> Outcome {
    match task.job.spec.kind {
        Kind::Source => source::attempt(task, control, attempt).await,
        Kind::Sink => sink::attempt(task, control, attempt).await,
        Kind::WebhookSource => webhook::attempt(task, control, attempt).await,
        kind @ Kind::Transform => {
            let message = format!("a plugin of the kind `{}` cannot run as a connector", kind.as_str());
            Outcome::failed(TaskError::fatal(message))
        }
    }
}

/// How long to wait before the next attempt, or why there is none.
fn verdict(task: &Task, crashes: &mut CrashLoop, error: &TaskError, now: Duration) -> Result<Duration, String> {
    if !error.recoverable {
        return Err(error.to_string());
    }
    let policy = &task.job.spec.restart;
    match crashes.failed(policy, now, fastrand::f64()) {
        Verdict::Restart { after } => Ok(after),
        Verdict::Disabled => Err(error.to_string()),
        Verdict::CrashLoop { failures } => {
            let window = policy.window.as_secs();
            Err(format!(
                "{error}\nthe task crashes in a loop: it failed {failures} times within {window} s and is not started \
                 again; restart it once the cause is mended"
            ))
        }
    }
}

/// Waits before the next attempt; `false` when the task shall stop instead.
async fn back_off(control: &mut Control, after: Duration) -> bool {
    let until = Instant::now() + after;
    loop {
        tokio::select! {
            () = sleep_until(until) => return true,
            () = control.changed() => if control.mode() == Mode::Stop {
                return false;
            }
        }
    }
}
