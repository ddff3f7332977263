//! Bodies of requests as they are described. They are read by [`crate::dto`], which is more patient than a schema can
//! say: a number keeps the text it was written as, and `initial_state` may be written in any case.

#![expect(dead_code, reason = "these types are described and never made")]

use std::collections::BTreeMap;

use serde::Deserialize;
use utoipa::ToSchema;
use wharf_core::state::TargetState;

/// A value of a configuration: it is kept as the text it was written as.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum ConfigValue {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// `true` or `false`.
    Boolean(bool),
}

/// A connector to be created.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({
    "name": "orders",
    "config": {"connector.class": "file-source", "tasks.max": 1, "file": "/data/orders.txt", "topic": "orders"},
    "initial_state": "RUNNING"
}))]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateConnector {
    /// Its name; may be left out where the configuration has it.
    name: Option<String>,
    /// Its configuration.
    config: BTreeMap<String, ConfigValue>,
    /// The state that it begins in; `RUNNING` if not given.
    initial_state: Option<TargetState>,
}

/// A connector to be created by its own path: its configuration, or what `POST /connectors` takes.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"connector.class": "file-source", "file": "/data/orders.txt", "topic": "orders"}))]
#[serde(untagged)]
pub(crate) enum CreateNamedConnector {
    /// The configuration itself.
    Flat(BTreeMap<String, ConfigValue>),
    /// As in `POST /connectors`.
    Wrapped(CreateConnector),
}
