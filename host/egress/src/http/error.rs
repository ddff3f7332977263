//! Why a request got no answer.

use crate::error::{Denial, EgressError};

/// Why a request got no answer, or an answer no end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The connection could not be made, or was denied.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// No guest may send such a request.
    #[error(transparent)]
    Request(Denial),
    /// The URL names no place.
    #[error("the request's URL {0}")]
    Url(&'static str),
    /// The answer did not begin in time.
    #[error("no answer within {0} ms")]
    FirstByte(u128),
    /// The answer paused for too long.
    #[error("the answer paused for longer than {0} ms")]
    BetweenBytes(u128),
    /// The answer's body is larger than was asked for.
    #[error("the answer has more than {0} bytes")]
    TooLarge(u64),
    /// The request's body ended before its end.
    #[error("the request's body: {0}")]
    Body(String),
    /// The other side does not speak HTTP/1.1, or stopped in the middle.
    #[error("speak HTTP: {0}")]
    Protocol(String),
}
