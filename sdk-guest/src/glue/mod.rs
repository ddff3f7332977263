//! Between the generated bindings and the traits; used by the export macros only.
#![doc(hidden)]

mod convert;
mod sink;
mod source;

pub use sink::{SinkComponent, SinkSlot};
pub use source::{SourceComponent, SourceSlot};
