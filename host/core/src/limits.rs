//! How much the tasks of a connector may use.

use std::time::Duration;

/// Bounds on each task of a connector, as its configuration sets them. `None`: what the worker allows, which is also the
/// most that can be set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskLimits {
    /// Linear memory of an instance, in bytes.
    pub memory_bytes: Option<usize>,
    /// Guest CPU time, in percent of one core.
    pub cpu_percent: Option<u32>,
    /// How long one call may take.
    pub call_deadline: Option<Duration>,
    /// Rows in a second.
    pub rows_per_second: Option<u64>,
    /// Bytes of keys, values and headers in a second.
    pub bytes_per_second: Option<u64>,
    /// Log lines in a second.
    pub log_lines_per_second: Option<u32>,
    /// Sockets open at a time.
    pub sockets: Option<usize>,
    /// HTTP requests under way at a time.
    pub http_requests: Option<usize>,
    /// Bytes over the network in a second, both directions together.
    pub network_bytes_per_second: Option<u64>,
}
