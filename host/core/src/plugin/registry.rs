//! What an operator does with plugins: installing, approving, removing and checking them.
//!
//! The registry implements [`PluginRegistry`]; the REST API uses it without knowing the registry. Approvals and records
//! belong to bytes, that is to a SHA-256, and never to a path: whoever changes a file has another plugin.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{LoadError, PluginId};

/// Why the registry does not do what it was asked. The code is stable; the message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct PluginRefusal {
    /// For machines: `CORRUPT`, `UNSIGNED`, `IDENTITY_MISMATCH`, `REVOKED`, `EXISTS`, `IN_USE`, `NOT_FOUND`, …, or a
    /// [`LoadError`]'s.
    pub code: &'static str,
    /// For people.
    pub message: String,
}

impl PluginRefusal {
    /// A refusal with this code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl From<LoadError> for PluginRefusal {
    fn from(LoadError { code, message }: LoadError) -> Self {
        Self { code, message }
    }
}

/// What is known of a plugin's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum SignatureState {
    /// There is none.
    Unsigned,
    /// It is good, and its key is one that the operator pinned.
    Verified {
        /// The publisher's name in the worker's settings.
        publisher: String,
        /// The key's id, as minisign writes it: 16 hexadecimal digits.
        key: String,
        /// The `name@version` that the signature's trusted comment is bound to, where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plugin: Option<String>,
    },
    /// Made by a key that nobody pinned: it cannot be checked.
    UnknownKey {
        /// The key's id.
        key: String,
    },
    /// It cannot be read, or these bytes are not what was signed.
    Bad {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for SignatureState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("unsigned"),
            Self::Verified { publisher, key, .. } => write!(f, "signed by {publisher} (key {key})"),
            Self::UnknownKey { key } => write!(f, "signed by the unknown key {key}"),
            Self::Bad { reason } => write!(f, "bad: {reason}"),
        }
    }
}

/// A plugin's file, whether it may run or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = InstalledPlugin)]
pub struct Installed {
    /// The plugin's name; empty where the file does not load, so that nobody knows.
    pub name: String,
    /// Its version; empty as above.
    pub version: String,
    /// The digest of the file's bytes; empty where it could not be read.
    pub sha256: String,
    /// The file's name in the plugins directory.
    pub file: String,
    /// Bytes of the file.
    pub size: u64,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// Where the bytes came from: `drop-in`, `upload`, or a URL.
    pub origin: String,
    /// What its signature is worth.
    pub signature: SignatureState,
    /// Milliseconds since 1970: when these bytes were first seen; 0: not recorded.
    pub recorded_at: i64,
    /// Milliseconds since 1970: when an operator installed or approved these bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_at: Option<i64>,
    /// Why it may not run; absent where it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

/// Why a file in the plugins directory is not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PluginRefused)]
pub struct Refused {
    /// Stable, for machines.
    pub code: String,
    /// For people; says what to do.
    pub message: String,
}

/// Where the bytes of an installation come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstallSource {
    /// They are here.
    Bytes(Bytes),
    /// They are fetched from this URL.
    Url(String),
}

/// What to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallRequest {
    /// The bytes, or where to get them.
    pub source: InstallSource,
    /// The SHA-256 that they must have, in hexadecimal digits.
    pub sha256: Option<String>,
    /// The text of a minisign signature. Without one, a URL is asked for its `.minisig`.
    pub signature: Option<String>,
    /// Other bytes of the same `name@version` may be replaced.
    pub replace: bool,
}

/// A connector that uses a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginUse {
    /// The connector's name.
    pub connector: String,
    /// The plugin that it, or a task of it, runs.
    pub plugin: PluginId,
}

/// What was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = UninstalledPlugin)]
pub struct Uninstalled {
    /// Names of the files that are gone.
    pub files: Vec<String>,
    /// Connectors that run on with what they hold in memory until they are restarted.
    pub used_by: Vec<String>,
}

/// How bad a [`Finding`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something that is not as it should be.
    Error,
    /// Something to know.
    Warning,
}

/// What a check of the plugins found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = PluginFinding)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Stable, for machines: `CORRUPT`, `MISSING`, `REVOKED`, `CHANGED`, …
    pub code: String,
    /// `name@version`; empty where it is not known.
    pub plugin: String,
    /// The file's name in the plugins directory; empty where there is none.
    pub file: String,
    /// Connectors that it concerns.
    pub connectors: Vec<String>,
    /// For people; says what to do.
    pub message: String,
}

/// What an operator asks of the plugins directory.
#[async_trait]
pub trait PluginRegistry: Send + Sync + fmt::Debug {
    /// How many bytes a plugin may have.
    fn max_bytes(&self) -> u64;

    /// Every `.wasm` in the plugins directory, by file name, also those that may not run.
    fn installed(&self) -> Vec<Installed>;

    /// Checks a plugin and puts it into the plugins directory; it is approved by that. The same bytes twice are no error.
    ///
    /// # Errors
    /// With the code of the first check that fails.
    async fn install(&self, request: InstallRequest) -> Result<Installed, PluginRefusal>;

    /// Approves the bytes that are in the plugins directory now, and withdraws the approval of other bytes of the same
    /// `name@version`. With `sha256` only these bytes are approved.
    ///
    /// # Errors
    /// `NOT_FOUND`, `CORRUPT` where the digest is another, or why it may not run even if approved.
    async fn approve(&self, name: &str, version: &str, sha256: Option<&str>) -> Result<Installed, PluginRefusal>;

    /// Removes the files and the records of a plugin. `used_by` names the connectors that use it.
    ///
    /// # Errors
    /// `NOT_FOUND`, or `IN_USE` unless `force`.
    async fn uninstall(
        &self,
        name: &str,
        version: &str,
        used_by: Vec<String>,
        force: bool,
    ) -> Result<Uninstalled, PluginRefusal>;

    /// Reads every file again and compares it with what was recorded, signed and approved.
    async fn verify(&self) -> Vec<Finding>;

    /// Holds what is installed, and what `uses` says is in use, against the policy.
    async fn audit(&self, uses: &[PluginUse]) -> Vec<Finding>;
}
