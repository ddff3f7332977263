//! Loggers: how much is logged, by whom, changed while the worker runs.
//!
//! A logger is a name. `root` is all of them; others are those who log, as `wharf_runtime::task`, which may be written
//! with dots too, and `connector.<name>`: all that is said of one connector. As in Kafka Connect any name may be set, and
//! is remembered.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::logs::LogLevel;

/// The logger that is the parent of all.
pub const ROOT: &str = "root";

/// How a logger is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoggerLevel {
    /// What it lets through, and all that is more serious.
    pub level: LogLevel,
    /// When it was changed while the worker ran, in milliseconds since 1970; `null`: never.
    #[schema(required = true)]
    pub last_modified: Option<i64>,
}

/// There are so many loggers that no more can be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} loggers are set already, and no more can be: set one of them, or one of their parents")]
pub struct TooManyLoggers(pub usize);

/// Shows and changes how much is logged.
pub trait LogLevels: Send + Sync + fmt::Debug {
    /// All loggers that were set, and those that Wharf has by itself.
    fn all(&self) -> BTreeMap<String, LoggerLevel>;

    /// One logger; `None` where Wharf has none of that name and it was never set.
    fn get(&self, logger: &str) -> Option<LoggerLevel>;

    /// Sets a logger and all below it that were set. Gives back the names of those that changed, sorted.
    ///
    /// # Errors
    /// [`TooManyLoggers`]
    fn set(&self, logger: &str, level: LogLevel) -> Result<Vec<String>, TooManyLoggers>;
}
