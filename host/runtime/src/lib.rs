//! The worker: it turns configurations into running tasks and keeps them running.
//!
//! ```text
//!  Worker ──▶ Supervisor (one for each connector: takes commands, splits the work into tasks)
//!                 └──▶ task (one future each: attempts, back-off, crash-loop limit)
//!                          ├── source: poll ─▶ send ─▶ acknowledged prefix ─▶ offsets stored ─▶ guest's commit
//!                          ├── webhook: request ─▶ handle ─▶ send ─▶ acknowledged ─▶ answer (see [`Ingress`])
//!                          └── sink:   prefetch ─▶ put ─▶ flush ─▶ dead letters acknowledged ─▶ position committed
//! ```
//!
//! [`Worker`] is what the REST API talks to: start it with its [`Parts`] and call [`Worker::create`],
//! [`Worker::status`], … It sees plugins, queues and the store only through traits ([`wharf_core::plugin`],
//! [`wharf_drivers::Driver`], [`wharf_store::Store`]), so all of it is tested with fakes and under paused time.
//!
//! Four rules hold everywhere here:
//!
//! - **Durable before acknowledged.** What is told to the outside system (a source's `commit`) or to the queue (a
//!   sink's position) is durable on the other side first, and only the contiguous acknowledged prefix ever is.
//! - **An instance that died is dropped**, and a fresh one resumes from the last committed offset.
//! - **Limited.** What a task may use is the lower of what its configuration asks for and the operator's ceiling
//!   ([`WorkerOptions::ceiling`]); an instance that is ended for it is counted and audited.
//! - **Bounded.** Batches in flight, prefetched deliveries and mailboxes have limits; no task is spawned for a batch.

mod connector;
mod env;
mod error;
mod figures;
mod incident;
mod ingest;
mod inspect;
mod offsets;
mod options;
mod plugin_use;
mod progress;
mod redactors;
mod secrets;
mod shutdown;
mod stalls;
mod status;
mod task;
mod topics;
mod tracer;
mod usage;
mod validate;
mod worker;

pub use connector::ConfigPatch;
pub use error::WorkerError;
pub use figures::{Commits, ConnectorFigures, Flow, Level, StageTimes, Starts, TaskErrors, TaskFigures, WorkerFigures};
pub use ingest::{IngestError, IngestOptions, Ingress, Slot};
pub use inspect::{Direction, InspectQuery, Inspection, Passed, PassedCell};
pub use offsets::{Consent, OffsetChange};
pub use options::{Parts, Prefetch, TopicTracking, WorkerOptions};
pub use progress::{ConnectorProgress, TaskProgress};
pub use redactors::Redactors;
pub use secrets::SecretParts;
pub use tracer::Tracing;
pub use usage::{ConnectorUsage, TaskUsage};
pub use worker::{Health, Worker};

#[cfg(test)]
mod tests;
