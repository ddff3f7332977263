//! A connector's configuration: raw as it was posted, validated as it is used.
//!
//! [`Config`] is what the user said. [`ConnectorSpec`] is what the worker acts on; only [`ConnectorSpec::new`] makes
//! one, so that whoever holds a spec need not check again.

mod aliases;
mod build;
mod infos;
mod ingest;
mod keys;
mod limits;
mod names;
#[cfg(test)]
mod properties;
mod rules;
mod shown;
mod spec;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;

pub use aliases::normalize;
pub use infos::{ConfigInfo, ConfigInfos, ConfigKeyInfo, ConfigValueInfo, Validation};
pub use ingest::{IngestAuth, IngestSpec, Secret};
pub use keys::{TLS_CA_FILE, TLS_CERTIFICATE_FILE, TLS_KEY_FILE, worker_keys};
pub use limits::check_limits;
pub use names::{check_name, check_topic};
pub use shown::without_secrets;
pub use values::{check_value, shown_value};

pub use spec::{ConfigErrors, ConnectorSpec, ErrorPolicy};

/// Keys and values as they were posted, all of them text.
pub type Config = BTreeMap<String, String>;
