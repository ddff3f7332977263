//! Why a request to the worker failed.

use wharf_core::config::ConfigErrors;
use wharf_store::StoreError;

/// Why a request to the worker failed. The text is what Kafka Connect answers in the same case.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkerError {
    /// There is no such connector or task (404).
    #[error("{0}")]
    NotFound(String),
    /// There is a connector of that name already (409).
    #[error("{0}")]
    AlreadyExists(String),
    /// The configuration is invalid (400).
    #[error(
        "Connector configuration is invalid and contains the following {} error(s):\n{}\n\
         You can also find the above list of errors at the endpoint \
         `/connector-plugins/{{connectorType}}/config/validate`",
        .0.0.len(), .0
    )]
    Invalid(ConfigErrors),
    /// The request makes no sense (400).
    #[error("{0}")]
    BadRequest(String),
    /// Not now; it may work later (409).
    #[error("{0}")]
    Conflict(String),
    /// A part of the worker failed (500).
    #[error("{0}")]
    Internal(String),
}

impl WorkerError {
    pub(crate) fn not_found(name: &str) -> Self {
        Self::NotFound(format!("Connector {name} not found"))
    }

    /// As pausing, resuming and stopping answer.
    pub(crate) fn unknown(name: &str) -> Self {
        Self::NotFound(format!("Unknown connector {name}"))
    }

    /// As restarting answers.
    pub(crate) fn unknown_to_restart(name: &str) -> Self {
        Self::NotFound(format!("Unknown connector: {name}"))
    }

    pub(crate) fn unknown_task(name: &str, task: u32) -> Self {
        Self::NotFound(format!("Unknown task: {name}-{task}"))
    }

    pub(crate) fn no_status(name: &str) -> Self {
        Self::NotFound(format!("No status found for connector {name}"))
    }

    pub(crate) fn no_task_status(name: &str, task: u32) -> Self {
        Self::NotFound(format!("No status found for task {name}-{task}"))
    }

    pub(crate) fn exists(name: &str) -> Self {
        Self::AlreadyExists(format!("Connector {name} already exists"))
    }

    pub(crate) fn shutting_down() -> Self {
        Self::Conflict("the worker is shutting down".to_owned())
    }
}

impl From<StoreError> for WorkerError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } => Self::Conflict(error.to_string()),
            _ => Self::Internal(format!("store: {error}")),
        }
    }
}
