//! What the REST API shows of a connector, in the shapes of Kafka Connect.

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::meter::Usage;
use crate::state::State;

/// Which task.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskId {
    /// The connector's name.
    pub connector: String,
    /// From 0.
    pub task: u32,
}

/// A connector, its configuration and its tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorInfo {
    /// Its name.
    pub name: String,
    /// Its configuration as it was posted, with `name` added.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub config: Config,
    /// Its tasks.
    pub tasks: Vec<TaskId>,
    /// `source`, `sink` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A task and its configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskInfo {
    /// Which task.
    pub id: TaskId,
    /// Its configuration.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    pub config: Config,
}

/// What a connector and its tasks are doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorStatus {
    /// Its name.
    pub name: String,
    /// The connector itself.
    pub connector: ConnectorState,
    /// Its tasks, by number.
    pub tasks: Vec<TaskStatus>,
    /// `source`, `sink` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl ConnectorStatus {
    /// Only what Kafka Connect says too.
    #[must_use]
    pub fn without_details(mut self) -> Self {
        self.connector.plugin_change = None;
        self.tasks = self.tasks.into_iter().map(TaskStatus::without_details).collect();
        self
    }
}

/// What a connector is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorState {
    /// Its state.
    pub state: State,
    /// The worker that has it.
    pub worker_id: String,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The plugin's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What a restart would change: the plugin's bytes are others by now, a later version is there, or it is gone. A
    /// detail, of which Kafka Connect knows nothing; absent while what runs is what would be started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_change: Option<String>,
}

/// What a task is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskStatus {
    /// Its number.
    pub id: u32,
    /// Its state.
    pub state: State,
    /// The worker that has it.
    pub worker_id: String,
    /// Why it failed; present while it is FAILED or RESTARTING after a failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// The plugin's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The last failure, kept after the task recovered. A detail; absent while there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<LastFailure>,
    /// What it uses. A detail; here only once something was denied to it or an instance of it died, always at
    /// `GET /connectors/{name}/usage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// It makes no progress although there is something to do. A detail; absent while it moves on or has nothing to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stalled: Option<Stalled>,
}

impl TaskStatus {
    /// Only what Kafka Connect says too.
    #[must_use]
    pub fn without_details(self) -> Self {
        Self { last_failure: None, usage: None, stalled: None, ..self }
    }
}

/// A task that makes no progress although there is something to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Stalled {
    /// Since how many milliseconds.
    pub for_ms: u64,
    /// What it waits for.
    pub reason: String,
}

/// The last failure of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LastFailure {
    /// A stable name: one of [`crate::DeathKind`]'s, or `retriable`, `invalid-config`, `fatal`, `rejected`, `queue`, `store`.
    pub class: String,
    /// What happened.
    pub message: String,
    /// Milliseconds since 1970.
    pub at: i64,
    /// How often the task was started again since its connector was configured.
    pub restarts: u32,
}
