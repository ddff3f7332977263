//! Write connectors for Wharf.
//!
//! A **connector** moves rows between an outside system and a message queue. A *source* reads the outside system, a
//! *sink* writes to it; the queue, retries, offsets, REST and restarts are the host's work. A connector is built to a
//! WebAssembly component, one file that runs in a sandbox on any machine.
//!
//! # A source from zero
//!
//! `cargo new --lib ticker`, and in `Cargo.toml`:
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! serde = { version = "1", features = ["derive"] }
//! wharf-sdk = "0.1"
//! ```
//!
//! In `src/lib.rs`:
//!
//! ```
//! use serde::Deserialize;
//! use wharf_sdk::{BatchBuilder, ConfigKey, Context, Descriptor, Failure, Next, Source, SourceOffset, json};
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     greeting: String,
//! }
//!
//! struct Ticker {
//!     greeting: String,
//!     next: u64,
//! }
//!
//! /// How far we got, as it is stored.
//! #[derive(Deserialize)]
//! struct At {
//!     next: u64,
//! }
//!
//! impl Source for Ticker {
//!     type Config = Config;
//!
//!     fn describe() -> Descriptor {
//!         Descriptor::new("ticker", "0.1.0", "Says hello, with a number.")
//!             .key(ConfigKey::string("greeting").default_value("hello").doc("What to say."))
//!     }
//!
//!     fn start(_: &Context, config: Config) -> Result<Self, Failure> {
//!         let at: Option<At> = wharf_sdk::stored_offset(json!({"ticker": "main"}))?;
//!         Ok(Self { greeting: config.greeting, next: at.map_or(0, |at| at.next) })
//!     }
//!
//!     fn poll(&mut self, batch: &mut BatchBuilder) -> Result<Next, Failure> {
//!         batch.push(format!("{} {}", self.greeting, self.next).as_bytes());
//!         self.next += 1;
//!         batch.checkpoint(SourceOffset::new(json!({"ticker": "main"}), json!({"next": self.next}))?);
//!         Ok(Next::More)
//!     }
//! }
//!
//! wharf_sdk::export_source!(Ticker);
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` makes `target/wasm32-wasip2/release/ticker.wasm`. Drop it into the
//! plugins directory of a worker, and create a connector whose `connector.class` is `ticker`.
//!
//! # What the host promises, and what it asks
//!
//! - **One task, one instance, one call at a time.** Nothing is shared between tasks, and there are no threads. A call
//!   has a deadline: `poll` returns within `batch.limits().max_wait`, `put` and `flush` in the time that the work takes.
//! - **At least once.** A *checkpoint* on a row says: once this row and all before it are safe in the queue, this offset
//!   may be stored. After a crash a new instance starts from the last stored offset, so rows behind it come again.
//!   A sink's rows count as done when `flush` returned.
//! - **No ambient authority.** A connector reaches what its configuration names and nothing else: keys of type
//!   `endpoint`, `file-…` and `path-…` grant what their values name. `describe`, `validate` and `tasks` run without
//!   any grant.
//! - **A panic ends the instance**, not the worker: the text is logged, and a new instance starts from the last stored
//!   offset. Answer with a [`Failure`] where the cause is known: it says whether to try again, or which key is wrong.
//!
//! # What to read next
//!
//! [`Source`], [`Sink`] and [`Webhook`] (a source that is called over HTTP) list the hooks, nearly all with defaults. [`BatchBuilder`] makes rows, [`Delivery::rows`] reads
//! them. [`config`] says how text becomes your struct. [`metrics`] and the `log` macros reach the worker's own.
//! [`testkit`] runs a connector natively, in a unit test. [`mod@file`] is for files, [`net`] for connections and TLS,
//! [`http`] for requests.

// The generated code of the export macros names this crate from outside.
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wharf_bindings_sink as bindings_sink;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wharf_bindings_source as bindings_source;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub use wharf_bindings_webhook as bindings_webhook;

pub use log;
/// JSON objects for partitions and offsets: `json!({"position": 4096})`.
pub use serde_json::json;

pub mod batch;
pub mod config;
mod context;
mod delivery;
mod descriptor;
mod drive;
pub mod encode;
mod failure;
pub mod file;
#[cfg(target_family = "wasm")]
#[doc(hidden)]
pub mod glue;
mod host;
pub mod http;
mod macros;
pub mod net;
mod offset;
mod sink;
mod source;
mod template;
#[cfg(not(target_family = "wasm"))]
pub mod testkit;
mod unsaid;
pub mod webhook;

pub use batch::{Batch, BatchBuilder, Format, Limits, NewRow, Operation, Schema};
pub use config::ConfigMap;
pub use context::Context;
pub use delivery::{Delivery, Origin, Row, Rows};
pub use descriptor::{ConfigKey, Descriptor, Importance, ValueType, Width};
pub use failure::{Failure, Problem, Rejection, Retry};
pub use host::request_reconfiguration;
pub use offset::{Checkpoint, SourceOffset, TopicPosition, stored_offset, stored_offsets};
pub use sink::{Flushed, Sink};
pub use source::{Next, Source};
pub use template::{Field, Template};
pub use unsaid::Unsaid;
pub use webhook::Webhook;

/// Figures for the worker's metrics. Names look like `rows_total`; labels are few and have few values.
pub mod metrics {
    pub use crate::host::{count, gauge, observe};
}
