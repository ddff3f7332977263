//! What the tasks of a connector use, as REST and metrics show it.

use serde::{Deserialize, Serialize};
use wharf_core::meter::Usage;

/// What a connector uses since it was configured or the worker started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConnectorUsage {
    /// The connector's name.
    pub name: String,
    /// `source`, `sink` or `unknown`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its tasks, by number.
    pub tasks: Vec<TaskUsage>,
}

/// What a task uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TaskUsage {
    /// Its number.
    pub task: u32,
    /// The plugin that it runs, `name@version`; empty before its first start.
    pub plugin: String,
    /// The figures.
    #[serde(flatten)]
    pub usage: Usage,
}
