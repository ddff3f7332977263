//! Message queues behind one trait, and the embedded log.

pub mod driver;
pub mod log;
pub use driver::*;
