//! The configurations that a connector has and had, as the REST API shows them.

use serde::{Deserialize, Serialize};

use crate::config::Config;

/// A connector's configurations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ConfigHistory {
    /// The connector's name.
    pub connector: String,
    /// The version that holds.
    pub current: u64,
    /// The versions that are kept, newest first.
    pub versions: Vec<ShownVersion>,
}

/// One of a connector's configurations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ShownVersion {
    /// From 1.
    pub version: u64,
    /// When it was accepted, RFC 3339 in UTC; empty where that is not known.
    pub at: String,
    /// Who asked for it; empty where that is not known.
    pub by: String,
    /// The configuration; secrets are `[hidden]`.
    pub config: Config,
}
