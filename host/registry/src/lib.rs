//! The plugins directory: which `.wasm` files are plugins, and which one a configuration means.
//!
//! A [`Registry`] looks at one directory. Every `*.wasm` in it (links are followed, folders are not entered) is handed
//! to a [`Loader`](wharf_core::plugin::Loader), which checks and compiles it. What loads is in the catalog under the
//! name and version it gives itself; what does not is reported by [`Catalog::broken`](wharf_core::plugin::Catalog) and
//! hurts nothing else.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use wharf_core::plugin::Loader;
//! use std::time::Duration;
//! use wharf_core::plugin::Catalog;
//! use wharf_registry::Registry;
//!
//! # async fn example(loader: Arc<dyn Loader>) -> Result<(), wharf_registry::RegistryError> {
//! let registry = Registry::open("plugins".into(), loader)?;
//! registry.refresh().await;
//! let _watch = registry.watch(Duration::from_millis(500));
//! let plugin = registry.find("FileStreamSource", None);
//! # drop(plugin);
//! # Ok(())
//! # }
//! ```
//!
//! # When a file changes
//!
//! The directory is polled rather than watched by inotify: that works the same on every file system, mounted volumes of
//! containers included, and half a second is soon enough. A file is read again when its size, times or inode changed,
//! and compiled again only when its bytes did. A file that is still being copied may be reported as broken for a
//! moment; the next change of it is a new try.
//!
//! A file that goes takes its plugin out of the catalog. Tasks that run it keep it until they are restarted.
//!
//! # Which plugin is meant
//!
//! `connector.class` may be a plugin's name or one of its aliases. Where none is equal to it, the last part of a Java
//! class name, with or without `Connector` at the end, is compared: `FileStreamSource`, `FileStreamSourceConnector` and
//! `org.apache.kafka.connect.file.FileStreamSourceConnector` are the same. Case matters. Of several versions the
//! highest is taken, unless `connector.plugin.version` names one or a range: see [`VersionRange`].
//!
//! # What may run
//!
//! A file is held against the [`Policy`] before its bytes reach the compiler (revoked digests, signatures) and again when
//! its name is known (publishers, approvals). Records and approvals are of a digest: a file that changes is another plugin,
//! and once an operator approved a `name@version`, other bytes of it wait for an approval of their own. Of several files
//! with one `name@version` that may run, the one that was written last counts.
//!
//! [`Registry`] is also a [`PluginRegistry`](wharf_core::plugin::PluginRegistry): what installs, approves, removes and
//! checks plugins for the REST API and the command line.

mod check;
mod examine;
mod fetch;
mod install;
mod naming;
mod operate;
mod policy;
mod records;
mod refused;
mod registry;
mod scan;
mod signature;
mod snapshot;
mod staging;
#[cfg(test)]
mod tests;
mod version;
mod watch;

pub use fetch::{Fetch, FetchError};
pub use policy::{Policy, Revoked, Unsigned};
pub use registry::{Registry, RegistryError, RegistryOptions};
pub use signature::{Publisher, signature_key_id};
pub use version::VersionRange;
pub use watch::Watch;
