//! Why a request from outside was not answered by its connector.

use std::time::Duration;

use wharf_drivers::DriverError;

/// How long a caller should wait where nothing says otherwise.
const AGAIN: Duration = Duration::from_secs(1);

/// Why a request from outside was not answered by its connector. The texts go to strangers, so they say nothing of the
/// inside; the log does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// There is no connector of that name that can be called (404).
    #[error("there is no webhook connector of that name")]
    Unknown,
    /// `ingest.max.in.flight` requests are on their way (429).
    #[error("too many requests are on their way: try again in a moment")]
    Busy,
    /// `ingest.requests.per.second` (429).
    #[error("there are more requests than are allowed in a second: try again later")]
    TooFast {
        /// When there is room again.
        after: Duration,
    },
    /// It may work later (503).
    #[error("{reason}: try again later")]
    Unavailable {
        /// What is the matter.
        reason: &'static str,
        /// When to try again.
        after: Duration,
    },
    /// The queue will never take these rows (500).
    #[error("the queue does not take what this request holds")]
    Rejected,
    /// The connector broke while it handled the request (500).
    #[error("the connector failed while it handled the request")]
    Failed,
    /// `ingest.timeout.ms` is over (504).
    #[error("the request was not done in time; what it holds may be stored all the same")]
    TimedOut,
}

impl IngestError {
    pub(crate) fn unavailable(reason: &'static str) -> Self {
        Self::Unavailable { reason, after: AGAIN }
    }

    /// The plugin asked for patience, maybe for so long.
    pub(crate) fn busy_connector(after: Option<Duration>) -> Self {
        Self::Unavailable { reason: "the connector cannot take the request now", after: after.unwrap_or(AGAIN) }
    }

    /// When the caller should try again; `None`: it need not.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy => Some(AGAIN),
            Self::TooFast { after } | Self::Unavailable { after, .. } => Some(*after),
            Self::Unknown | Self::Rejected | Self::Failed | Self::TimedOut => None,
        }
    }
}

impl From<DriverError> for IngestError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Rejected(_) => Self::Rejected,
            DriverError::Fatal(_) => Self::Failed,
            DriverError::Retriable(_)
            | DriverError::Unavailable(_)
            | DriverError::MaybeWritten(_)
            | DriverError::Fenced(_) => Self::unavailable("the queue did not take the request"),
        }
    }
}
