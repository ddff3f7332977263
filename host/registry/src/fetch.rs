//! Getting a plugin from a URL. How that is done is somebody else's business: the worker hands in a [`Fetch`].

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

/// Why nothing was fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The server has nothing there (404 or 410).
    #[error("the server has nothing there")]
    NotFound,
    /// There is more than was allowed; the rest was not read.
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    /// Anything else, with what a reader can do.
    #[error("{0}")]
    Failed(String),
}

/// Fetches over HTTPS, and over HTTP from this machine only. Redirects are not followed: they lead to hosts that nobody
/// allowed.
#[async_trait]
pub trait Fetch: Send + Sync + fmt::Debug {
    /// The body of a successful answer of at most `max_bytes`.
    ///
    /// # Errors
    /// When there is none.
    async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Bytes, FetchError>;
}
