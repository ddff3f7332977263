//! What a plugin is, and the traits by which the worker drives one.
//!
//! The sandbox implements [`Loader`], [`Plugin`], [`SourceTask`] and [`SinkTask`] over wasm; tests implement them
//! natively, so that the worker is tested without wasm and under paused time.

mod descriptor;
mod instance;
mod registry;
mod webhook;

pub use descriptor::{Checked, ConfigKey, Descriptor, Importance, Kind, ValueType, Width};
pub use instance::{
    Catalog, Flushed, LoadError, Loader, Next, OffsetReader, Plugin, PollLimits, Polled, SinkTask, SourceTask,
    TaskContext, TaskSetup,
};

pub use registry::{
    Finding, InstallRequest, InstallSource, Installed, PluginRefusal, PluginRegistry, PluginUse, Refused, Severity,
    SignatureState, Uninstalled,
};
pub use webhook::{Handled, WebhookRequest, WebhookResponse, WebhookTask};

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which plugin, to the byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PluginId {
    /// The descriptor's name.
    pub name: String,
    /// The descriptor's version.
    pub version: String,
    /// The SHA-256 of the `.wasm`, in lower-case hexadecimal digits.
    pub sha256: String,
}

/// What can be seen of a plugin from outside, without believing what it says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PluginFacts {
    /// Bytes of the `.wasm`.
    pub size: u64,
    /// The interfaces that it imports, sorted: what it could ever ask for.
    pub imports: Vec<String>,
}

impl fmt::Display for PluginId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}
