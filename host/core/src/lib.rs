//! What crosses every boundary of Wharf.
//!
//! This crate is pure: no I/O, no runtime, no wasm. It holds the vocabulary that the other crates share, and the rules
//! that need nothing but their arguments:
//!
//! - [`batch`]: rows as columns, from a source's poll to a sink's put ([`Batch`], [`Delivery`]);
//! - [`offset`]: where a source stands ([`SourceOffset`], [`Checkpoint`]) and where a queue stands ([`TopicPosition`]);
//! - [`plugin`]: what a plugin says of itself ([`Descriptor`]) and the traits by which the worker drives one, so that
//!   the worker knows nothing of wasm;
//! - [`failure`]: how a plugin fails, as it says itself ([`Failure`]) or as the sandbox saw it ([`Death`]);
//! - [`config`]: a connector's configuration, raw as it was posted and validated as it is used;
//! - [`secret`]: placeholders, masks and redaction;
//! - [`state`]: the states of connectors and tasks, and which commands move them;
//! - [`access`]: who calls the REST API, and what he may do there;
//! - [`audit`]: what was denied to a plugin, with stable codes;
//! - [`history`]: the configurations that a connector had;
//! - [`logs`] and [`loggers`]: the last log lines of each connector, and how much is logged;
//! - [`limits`] and [`meter`]: how much a task may use, and how much it does;
//! - [`histogram`], [`recent`], [`figures`] and [`trace`]: what is measured of batches on their way, and how it is shown;
//! - [`policy`]: back-off, retries and the crash-loop limit;
//! - [`status`]: what the REST API shows of a connector.

pub mod access;
pub mod audit;
pub mod batch;
pub mod config;
pub mod failure;
pub mod figures;
pub mod histogram;
pub mod history;
pub mod limits;
pub mod loggers;
pub mod logs;
pub mod meter;
pub mod offset;
pub mod plugin;
pub mod policy;
pub mod recent;
pub mod secret;
pub mod state;
pub mod status;
pub mod trace;

pub use batch::{Batch, Column, Delivery, Format, Headers, Operation, Origin, Schema};
pub use config::Config;
pub use failure::{Death, DeathKind, Failure, InstanceError, Problem, Rejection, Retry};
pub use offset::{Checkpoint, SourceOffset, TopicPosition};
pub use plugin::{Descriptor, PluginId};
