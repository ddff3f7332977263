//! Who a task is.

/// Who a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The connector's name.
    pub connector: String,
    /// The task's number, from 0.
    pub task: u32,
    /// How many tasks the connector has.
    pub tasks: u32,
    /// The worker's id.
    pub worker: String,
    /// From 1: which try at starting this task this is.
    pub attempt: u32,
    /// Grows with each start of this task anywhere: a fencing token.
    pub generation: u64,
}
