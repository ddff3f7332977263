//! Between the generated bindings and the traits; used by the export macros only.
#![doc(hidden)]

mod convert;
mod exports;
mod rows;
mod sink;
mod source;
mod webhook;

pub use sink::{SinkComponent, SinkSlot};
pub use source::{SourceComponent, SourceSlot};
pub use webhook::{WebhookComponent, WebhookSlot};
