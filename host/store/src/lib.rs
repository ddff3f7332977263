//! Durable source offsets, connector configurations and target states.
//!
//! Three layers, each with one job:
//!
//! 1. [`Store`] is the narrow waist: three [`Bucket`]s of small values, changed atomically under conditions, durable
//!    when a change returns, and watchable. It is small enough to be implemented over an engine that a whole cluster
//!    shares, and knows nothing of connectors.
//! 2. [`SledStore`] implements it in a directory, for one worker; [`MemoryStore`] in memory, for tests and for
//!    embedding Wharf where nothing need outlive the process.
//! 3. [`Offsets`], [`Connectors`] and [`Generations`] give the values their meaning. They hold nothing but an
//!    `Arc<dyn Store>` and are cheap to clone.
//!
//! Values of configurations that are secrets are sealed by a [`Sealer`] before they come to the store.
//!
//! Every value says in which format it was written, so that a later version can read it, and this version can refuse
//! what a later one wrote instead of misreading it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use std::sync::Arc;
//!
//! use wharf_core::offset::SourceOffset;
//! use wharf_store::{MemoryStore, Offsets};
//!
//! let offsets = Offsets::new(Arc::new(MemoryStore::new()));
//! let partition = r#"{"filename":"/var/log/app"}"#.to_owned();
//! let at = SourceOffset { partition: partition.clone(), offset: r#"{"position":4096}"#.to_owned() };
//! offsets.commit("lines", &[at]).await?;
//! assert_eq!(offsets.get("lines", &[partition]).await?, [Some(r#"{"position":4096}"#.to_owned())]);
//! # Ok::<(), wharf_store::StoreError>(()) }).unwrap();
//! ```

mod accepted;
mod connectors;
#[doc(hidden)]
pub mod fuzzing;
mod generations;
mod memory;
mod offsets;
mod seal;
mod sled_store;
mod store;
mod stored;
mod topics;
mod watchers;

pub use accepted::{Accepted, ConfigVersion};
pub use connectors::{Connectors, StoredConnector, UnreadableConnector};
pub use generations::Generations;
pub use memory::MemoryStore;
pub use offsets::Offsets;
pub use seal::Sealer;
pub use sled_store::SledStore;
pub use store::{Bucket, Change, Condition, Store, StoreError, Versioned};
pub use topics::UsedTopics;
