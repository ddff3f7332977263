//! What the REST API may look at without waiting for a supervisor: short locks, never held across an await.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wharf_core::config::Config;
use wharf_core::plugin::{Descriptor, PluginId};
use wharf_core::state::{State, TargetState};
use wharf_core::status::{ConnectorInfo, ConnectorState, ConnectorStatus, TaskId, TaskInfo, TaskStatus};

use crate::env::Env;
use crate::figures::ConnectorFigures;
use crate::ingest::Inbox;
use crate::progress::ConnectorProgress;
use crate::redactors::Redactors;
use crate::secrets::Hidden;
use crate::task::TaskView;
use crate::usage::ConnectorUsage;

/// The type of a connector whose plugin is not known.
const UNKNOWN: &str = "unknown";

/// A connector as it is seen from outside. Its supervisor writes, everybody reads.
pub(crate) struct ConnectorView {
    name: String,
    worker_id: String,
    redactors: Arc<Redactors>,
    cell: Mutex<Cell>,
}

struct Cell {
    /// As it was posted: secrets in it are not for eyes.
    config: Config,
    hidden: Arc<Hidden>,
    /// Keys whose stored values cannot be opened.
    lost: BTreeSet<String>,
    target: TargetState,
    state: State,
    trace: Option<String>,
    kind: &'static str,
    plugin: Option<PluginId>,
    /// As tools of Kafka Connect know its tasks.
    task_class: Option<String>,
    tasks: Vec<Arc<TaskView>>,
    inbox: Option<Arc<Inbox>>,
}

/// A poisoned lock is taken as it is: every change under these locks is a single assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for ConnectorView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorView").field("name", &self.name).finish_non_exhaustive()
    }
}

impl ConnectorView {
    /// Its secrets do not stand in log lines from now on.
    pub(crate) fn new(env: &Env, name: &str, config: Config, target: TargetState) -> Self {
        let hidden = Arc::new(Hidden::by_name(&config, BTreeSet::new()));
        env.redactors.set(name, &hidden);
        let cell = Cell {
            hidden,
            config,
            lost: BTreeSet::new(),
            target,
            state: State::Unassigned,
            trace: None,
            kind: UNKNOWN,
            plugin: None,
            task_class: None,
            tasks: Vec::new(),
            inbox: None,
        };
        let (name, worker_id) = (name.to_owned(), env.options.id.clone());
        Self { name, worker_id, redactors: env.redactors.clone(), cell: Mutex::new(cell) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The configuration as it was posted, with secrets that are not for eyes: see [`ConnectorView::shown_config`].
    pub(crate) fn config(&self) -> Config {
        lock(&self.cell).config.clone()
    }

    /// The configuration as it may be shown.
    pub(crate) fn shown_config(&self) -> Config {
        let cell = lock(&self.cell);
        cell.hidden.shown(&cell.config)
    }

    /// What of the configuration must not be shown.
    pub(crate) fn hidden(&self) -> Arc<Hidden> {
        lock(&self.cell).hidden.clone()
    }

    pub(crate) fn set_hidden(&self, hidden: Arc<Hidden>) {
        self.redactors.set(&self.name, &hidden);
        lock(&self.cell).hidden = hidden;
    }

    /// Keys whose stored values cannot be opened.
    pub(crate) fn lost(&self) -> BTreeSet<String> {
        lock(&self.cell).lost.clone()
    }

    /// It was loaded: these keys were secrets when it was stored, and of those the values cannot be opened.
    pub(crate) fn loaded(&self, sealed: BTreeSet<String>, lost: BTreeSet<String>) {
        let mut cell = lock(&self.cell);
        cell.hidden = Arc::new(Hidden::by_name(&cell.config, sealed));
        self.redactors.set(&self.name, &cell.hidden);
        cell.lost = lost;
    }

    pub(crate) fn target(&self) -> TargetState {
        lock(&self.cell).target
    }

    pub(crate) fn state(&self) -> State {
        lock(&self.cell).state
    }

    pub(crate) fn info(&self) -> ConnectorInfo {
        let cell = lock(&self.cell);
        let tasks = cell.tasks.iter().map(|task| self.task_id(task.number())).collect();
        ConnectorInfo {
            name: self.name.clone(),
            config: cell.hidden.shown(&cell.config),
            tasks,
            kind: cell.kind.to_owned(),
        }
    }

    fn task_id(&self, task: u32) -> TaskId {
        TaskId { connector: self.name.clone(), task }
    }

    pub(crate) fn status(&self) -> ConnectorStatus {
        let cell = lock(&self.cell);
        let connector = ConnectorState {
            state: cell.state,
            worker_id: self.worker_id.clone(),
            trace: cell.trace.clone(),
            version: cell.plugin.as_ref().map(|plugin| plugin.version.clone()),
            plugin_change: None,
        };
        let tasks = cell.tasks.iter().map(|task| task.status(&self.worker_id)).collect();
        ConnectorStatus { name: self.name.clone(), connector, tasks, kind: cell.kind.to_owned() }
    }

    pub(crate) fn task_status(&self, task: u32) -> Option<TaskStatus> {
        let cell = lock(&self.cell);
        cell.tasks.iter().find(|it| it.number() == task).map(|it| it.status(&self.worker_id))
    }

    pub(crate) fn tasks(&self) -> Vec<TaskInfo> {
        let cell = lock(&self.cell);
        let shown = |task: &Arc<TaskView>| {
            let mut config = cell.hidden.shown_task(&cell.config, &task.config());
            if let Some(class) = &cell.task_class {
                // Kafka Connect hands it to its tasks; here it is only shown.
                config.entry("task.class".to_owned()).or_insert_with(|| class.clone());
            }
            TaskInfo { id: self.task_id(task.number()), config }
        };
        cell.tasks.iter().map(shown).collect()
    }

    pub(crate) fn progress(&self) -> ConnectorProgress {
        let cell = lock(&self.cell);
        let tasks = cell.tasks.iter().map(|task| task.progress()).collect();
        ConnectorProgress { name: self.name.clone(), kind: cell.kind.to_owned(), tasks }
    }

    pub(crate) fn figures(&self) -> ConnectorFigures {
        let cell = lock(&self.cell);
        ConnectorFigures {
            name: self.name.clone(),
            kind: cell.kind.to_owned(),
            state: cell.state,
            class: cell.config.get("connector.class").cloned().unwrap_or_default(),
            version: cell.plugin.as_ref().map(|plugin| plugin.version.clone()),
            tasks: cell.tasks.iter().map(|task| task.figures()).collect(),
        }
    }

    /// Says in the log which tasks stand still, and which move on.
    pub(crate) fn tell_of_stalls(&self) {
        let tasks = lock(&self.cell).tasks.clone();
        tasks.iter().for_each(|task| task.tell_of_stall(&self.name));
    }

    pub(crate) fn usage(&self) -> ConnectorUsage {
        let cell = lock(&self.cell);
        let tasks = cell.tasks.iter().map(|task| task.usage()).collect();
        ConnectorUsage { name: self.name.clone(), kind: cell.kind.to_owned(), tasks }
    }

    /// The plugins that the connector and its tasks run, each once.
    pub(crate) fn plugins(&self) -> Vec<PluginId> {
        let cell = lock(&self.cell);
        let mut plugins: Vec<PluginId> = cell.plugin.iter().cloned().collect();
        for plugin in cell.tasks.iter().filter_map(|task| task.plugin()) {
            if !plugins.contains(&plugin) {
                plugins.push(plugin);
            }
        }
        plugins
    }

    /// It has another configuration, of which `hidden` must not be shown.
    pub(crate) fn set_config(&self, config: Config, hidden: Arc<Hidden>) {
        self.redactors.set(&self.name, &hidden);
        let mut cell = lock(&self.cell);
        cell.config = config;
        cell.hidden = hidden;
        cell.lost.clear();
    }

    pub(crate) fn set_target(&self, target: TargetState) {
        lock(&self.cell).target = target;
    }

    pub(crate) fn set_plugin(&self, id: &PluginId, descriptor: &Descriptor) {
        let mut cell = lock(&self.cell);
        cell.kind = descriptor.kind.as_str();
        cell.plugin = Some(id.clone());
        cell.task_class = Some(descriptor.task_class());
    }

    /// Where its requests wait; webhook sources only.
    pub(crate) fn inbox(&self) -> Option<Arc<Inbox>> {
        lock(&self.cell).inbox.clone()
    }

    pub(crate) fn set_inbox(&self, inbox: Option<Arc<Inbox>>) {
        lock(&self.cell).inbox = inbox;
    }

    pub(crate) fn set_tasks(&self, tasks: Vec<Arc<TaskView>>) {
        lock(&self.cell).tasks = tasks;
    }

    pub(crate) fn set_state(&self, state: State) {
        let mut cell = lock(&self.cell);
        cell.state = state;
        // A restart says why it is needed until it has worked.
        if state != State::Restarting {
            cell.trace = None;
        }
    }

    pub(crate) fn set_failed(&self, trace: String) {
        let mut cell = lock(&self.cell);
        cell.state = State::Failed;
        cell.trace = Some(trace);
    }
}
