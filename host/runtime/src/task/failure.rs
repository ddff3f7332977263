//! What ends an attempt, classified once.

use wharf_core::secret::Redactor;
use wharf_core::{Death, DeathKind, Failure, InstanceError};
use wharf_drivers::DriverError;
use wharf_store::StoreError;

/// The class of failures of the queue.
const QUEUE: &str = "queue";

/// What ended an attempt at running a task.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub(crate) struct TaskError {
    /// As in [`wharf_core::status::LastFailure::class`].
    pub(crate) class: &'static str,
    /// What happened.
    pub(crate) message: String,
    /// Whether a fresh instance may do better.
    pub(crate) recoverable: bool,
    /// Whether it is an outage of what all tasks need, as a full disk: it is waited for, and is no crash of this task.
    pub(crate) is_outage: bool,
    /// Whether the instance is dead: then nothing may be called any more.
    pub(crate) dead: bool,
    /// How it died, where that is known.
    pub(crate) death: Option<Death>,
}

impl TaskError {
    fn new(class: &'static str, message: String, recoverable: bool) -> Self {
        Self { class, message, recoverable, is_outage: false, dead: false, death: None }
    }

    /// A passing failure that lasted longer than `errors.retry.timeout`.
    pub(crate) fn retries_exhausted(reason: &str) -> Self {
        let message = format!("{reason} (tried again for as long as `errors.retry.timeout` allows)");
        Self::new("retriable", message, true)
    }

    /// A row that nobody takes, while `errors.tolerance` is `none`.
    pub(crate) fn rejected(what: &str) -> Self {
        let message = format!("{what} (set `errors.tolerance` to `all` to leave such rows out)");
        Self::new("rejected", message, false)
    }

    /// The worker cannot do what the configuration asks.
    pub(crate) fn fatal(message: String) -> Self {
        Self::new("fatal", message, false)
    }

    /// The same without secrets in its text. What a plugin says comes without them; this is for what is said around it.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let message = redactor.redact_owned(self.message);
        let death = self.death.map(|Death { kind, message }| Death { kind, message: redactor.redact_owned(message) });
        Self { message, death, ..self }
    }

    /// The queue failed while doing `what`.
    pub(crate) fn queue(what: &str, error: &DriverError) -> Self {
        let is_outage = matches!(error, DriverError::Unavailable(_));
        Self { is_outage, ..Self::new(QUEUE, format!("{what}: {error}"), true) }
    }

    /// Whether the queue failed.
    pub(crate) fn is_of_queue(&self) -> bool {
        self.class == QUEUE
    }

    /// The task's own future panicked: a fault of ours.
    pub(crate) fn panicked() -> Self {
        let message = "the worker failed while it ran the task".to_owned();
        let death = Some(Death { kind: DeathKind::Gone, message: message.clone() });
        Self { dead: true, death, ..Self::new("gone", message, false) }
    }
}

impl From<InstanceError> for TaskError {
    fn from(error: InstanceError) -> Self {
        match error {
            InstanceError::Died(death) => {
                let error = Self::new(death.kind.as_str(), death.message.clone(), true);
                Self { dead: true, death: Some(death), ..error }
            }
            InstanceError::Failed(failure) => {
                let (class, recoverable) = match &failure {
                    Failure::Retriable(_) => ("retriable", true),
                    Failure::InvalidConfig(_) => ("invalid-config", false),
                    Failure::Fatal(_) => ("fatal", false),
                };
                Self::new(class, failure.to_string(), recoverable)
            }
        }
    }
}

impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        // A store that failed opens itself again, and says so to whoever asks until it has.
        let is_outage = matches!(error, StoreError::Io(_));
        Self { is_outage, ..Self::new("store", format!("use the store: {error}"), true) }
    }
}
