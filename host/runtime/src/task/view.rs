//! A task as it is seen from outside.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};
use wharf_core::config::Config;
use wharf_core::meter::{Meter, Usage};
use wharf_core::plugin::PluginId;
use wharf_core::state::{State, TaskEvent};
use wharf_core::status::{LastFailure, TaskStatus};

use super::TaskError;
use super::measures::Measures;
use super::pulse::{News, Pulse};
use crate::env::now_millis;
use crate::figures::TaskFigures;
use crate::progress::{Counters, TaskProgress};
use crate::status::lock;
use crate::usage::TaskUsage;

/// A task as it is seen from outside. The task writes, everybody reads. It outlives the task's restarts.
pub(crate) struct TaskView {
    number: u32,
    /// With values in the place of placeholders. Not for eyes.
    config: Config,
    cell: Mutex<Cell>,
    pub(super) counters: Counters,
    pub(super) meter: Arc<Meter>,
    pub(super) measures: Measures,
    pub(super) pulse: Pulse,
}

#[derive(Debug)]
struct Cell {
    state: State,
    trace: Option<String>,
    /// What it runs.
    plugin: Option<PluginId>,
    last_failure: Option<LastFailure>,
    restarts: u32,
    lived: Lived,
}

/// How long it was in which state.
#[derive(Debug)]
struct Lived {
    born: Instant,
    since: Instant,
    running: Duration,
    paused: Duration,
}

impl fmt::Debug for TaskView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskView").field("number", &self.number).finish_non_exhaustive()
    }
}

impl TaskView {
    pub(crate) fn new(number: u32, config: Config) -> Self {
        let (born, zero) = (Instant::now(), Duration::ZERO);
        let lived = Lived { born, since: born, running: zero, paused: zero };
        let cell = Cell { state: State::Unassigned, trace: None, plugin: None, last_failure: None, restarts: 0, lived };
        Self {
            number,
            config,
            cell: Mutex::new(cell),
            counters: Counters::default(),
            meter: Arc::default(),
            measures: Measures::default(),
            pulse: Pulse::default(),
        }
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn config(&self) -> Config {
        self.config.clone()
    }

    pub(crate) fn has_config(&self, config: &Config) -> bool {
        self.config == *config
    }

    pub(crate) fn state(&self) -> State {
        lock(&self.cell).state
    }

    /// Whether it gave up, or crashed and waits to be started again.
    pub(crate) fn has_failed(&self) -> bool {
        let cell = lock(&self.cell);
        cell.state == State::Failed || (cell.state == State::Restarting && cell.trace.is_some())
    }

    pub(crate) fn status(&self, worker_id: &str) -> TaskStatus {
        let cell = lock(&self.cell);
        TaskStatus {
            id: self.number,
            state: cell.state,
            worker_id: worker_id.to_owned(),
            trace: cell.trace.clone(),
            version: cell.plugin.as_ref().map(|plugin| plugin.version.clone()),
            last_failure: cell.last_failure.clone(),
            usage: Some(self.meter.usage()).filter(Usage::has_incidents),
            stalled: self.pulse.stalled(cell.state),
        }
    }

    pub(crate) fn progress(&self) -> TaskProgress {
        self.counters.snapshot(self.number, self.state())
    }

    pub(crate) fn figures(&self) -> TaskFigures {
        let (state, restarts, plugin, (running_ratio, pause_ratio)) = {
            let cell = lock(&self.cell);
            (cell.state, cell.restarts, cell.plugin.clone(), cell.ratios())
        };
        let measures = &self.measures;
        let (batch_rows, batch_bytes, batch_size) = measures.batches();
        let (came, went) = measures.flows();
        let stalled = self.pulse.stalled(state).map_or(0, |stalled| stalled.for_ms);
        TaskFigures {
            task: self.number,
            plugin: plugin.map_or_else(String::new, |plugin| plugin.to_string()),
            state,
            running_ratio,
            pause_ratio,
            restarts,
            stalled: Duration::from_millis(stalled),
            progress: self.counters.snapshot(self.number, state),
            usage: self.meter.usage(),
            stages: measures.stages(),
            batch_rows,
            batch_bytes,
            batch_size,
            came,
            went,
            active: measures.level(),
            commits: measures.commits(),
            errors: measures.errors(),
            partitions: measures.partition_count(),
            lag_max: measures.lag_max(),
        }
    }

    /// Says in the log that it stands still, or moves on, once for each.
    pub(crate) fn tell_of_stall(&self, connector: &str) {
        let task = self.number;
        match self.pulse.news(self.state()) {
            Some(News::Stalls(stalled)) => {
                warn!(connector, task, for_ms = stalled.for_ms, reason = stalled.reason, "the task is stalled");
            }
            Some(News::MovesOn) => info!(connector, task, "the task is not stalled any more"),
            None => {}
        }
    }

    pub(crate) fn usage(&self) -> TaskUsage {
        let plugin = self.plugin().map_or_else(String::new, |plugin| plugin.to_string());
        TaskUsage { task: self.number, plugin, usage: self.meter.usage() }
    }

    /// The plugin that it runs, or ran last.
    pub(crate) fn plugin(&self) -> Option<PluginId> {
        lock(&self.cell).plugin.clone()
    }

    pub(super) fn set_plugin(&self, plugin: &PluginId) {
        lock(&self.cell).plugin = Some(plugin.clone());
    }

    /// Moves to the state after `event`.
    pub(crate) fn on(&self, event: TaskEvent) {
        let mut cell = lock(&self.cell);
        match cell.state.after(event) {
            Some(state) => cell.turn(state),
            None => warn!(state = %cell.state, ?event, "a task was told something that cannot happen in its state"),
        }
        if event == TaskEvent::Restarted {
            cell.restarts = cell.restarts.saturating_add(1);
        } else {
            cell.trace = None;
        }
    }

    /// It failed and will be started again.
    pub(super) fn crashed(&self, error: &TaskError) {
        let mut cell = lock(&self.cell);
        cell.restarts = cell.restarts.saturating_add(1);
        cell.fail(TaskEvent::Crashed, error, error.to_string());
    }

    /// It failed for good; `trace` says why it is not started again.
    pub(super) fn gave_up(&self, error: &TaskError, trace: String) {
        lock(&self.cell).fail(TaskEvent::GaveUp, error, trace);
    }

    /// Something that all tasks need has failed; it waits, and keeps its instance.
    pub(super) fn waits(&self, error: &TaskError) {
        Counters::add(&self.counters.retries, 1);
        lock(&self.cell).remember(error.class, &error.message);
    }

    /// It met a passing failure, and works on.
    pub(super) fn retried(&self, reason: &str) {
        Counters::add(&self.counters.retries, 1);
        lock(&self.cell).remember("retriable", reason);
    }
}

impl Cell {
    fn turn(&mut self, state: State) {
        (self.lived.running, self.lived.paused) = self.spent();
        self.lived.since = Instant::now();
        self.state = state;
    }

    /// How long it was RUNNING, and PAUSED.
    fn spent(&self) -> (Duration, Duration) {
        let (Lived { running, paused, .. }, here) = (&self.lived, self.lived.since.elapsed());
        match self.state {
            State::Running => (*running + here, *paused),
            State::Paused => (*running, *paused + here),
            _ => (*running, *paused),
        }
    }

    /// The parts of its life that it was RUNNING, and PAUSED.
    fn ratios(&self) -> (f64, f64) {
        let (running, paused) = self.spent();
        let all = self.lived.born.elapsed().as_secs_f64();
        let part = |time: Duration| if all > 0.0 { (time.as_secs_f64() / all).min(1.0) } else { 0.0 };
        (part(running), part(paused))
    }

    fn fail(&mut self, event: TaskEvent, error: &TaskError, trace: String) {
        self.turn(self.state.after(event).unwrap_or(State::Failed));
        self.trace = Some(trace);
        self.remember(error.class, &error.message);
    }

    fn remember(&mut self, class: &str, message: &str) {
        self.last_failure = Some(LastFailure {
            class: class.to_owned(),
            message: message.to_owned(),
            at: now_millis(),
            restarts: self.restarts,
        });
    }
}
