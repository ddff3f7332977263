//! Why something was not reached.

/// Something was denied. It has been told to the auditor already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Denial {
    /// One of [`crate::gate::codes`].
    pub code: &'static str,
    /// What was asked for and why it was denied.
    pub message: String,
}

/// Why something was not reached, or broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// Neither the configuration nor the operator allows it.
    #[error(transparent)]
    Denied(Denial),
    /// Too many at a time.
    #[error(transparent)]
    Quota(Denial),
    /// There is no such name, or it has no address.
    #[error("look up {0}: there is no such name")]
    NotFound(String),
    /// Nobody listens there.
    #[error("connect to {0}: connection refused")]
    Refused(String),
    /// There is no way to that address.
    #[error("connect to {0}: {1}")]
    Unreachable(String, String),
    /// It took too long.
    #[error("{0} took longer than {1} ms")]
    TimedOut(String, u128),
    /// The other side ended the connection, or it broke.
    #[error("the connection to {0} is closed: {1}")]
    Closed(String, String),
    /// The handshake failed.
    #[error("speak TLS with {0}: {1}")]
    Tls(String, String),
    /// An argument is wrong.
    #[error("{0}")]
    Invalid(String),
}
