//! The parameters that operations have in common, for the description only: handlers read them with [`crate::path`] and
//! [`crate::query`], which know Kafka Connect's quirks.

#![expect(dead_code, reason = "these types are described and never made")]

use utoipa::IntoParams;

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Connector {
    /// The connector's name, percent-encoded: `a/b` is written `a%2Fb`.
    #[param(example = "orders")]
    name: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Task {
    /// The connector's name, percent-encoded: `a/b` is written `a%2Fb`.
    #[param(example = "orders")]
    name: String,
    /// The task's number, from 0.
    #[param(example = 0)]
    task: i32,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Expand {
    /// `status`, `info` or both, as `?expand=status&expand=info`, and `details` for a status with them; others are ignored.
    #[param(example = json!(["status", "info"]))]
    expand: Option<Vec<String>>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Details {
    /// `details` for what Kafka Connect does not tell; others are ignored.
    #[param(example = json!(["details"]))]
    expand: Option<Vec<String>>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Restart {
    /// The tasks too.
    #[param(rename = "includeTasks", default = false)]
    include_tasks: Option<bool>,
    /// Only what is FAILED.
    #[param(rename = "onlyFailed", default = false)]
    only_failed: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConnectorsOnly {
    /// `false` shows transforms too.
    #[param(rename = "connectorsOnly", default = true)]
    connectors_only: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Audit {
    /// Only of this connector.
    #[param(example = "orders")]
    connector: Option<String>,
    /// Only with this code, or of the family before its dot.
    #[param(example = "kill")]
    code: Option<String>,
    /// Only those after the record with this number.
    after: Option<u64>,
    /// At most so many, the newest.
    #[param(default = 100)]
    limit: Option<u64>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Topic {
    /// The topic's name, percent-encoded.
    #[param(example = "orders")]
    topic: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Partition {
    /// The topic's name, percent-encoded.
    #[param(example = "orders")]
    topic: String,
    /// The partition's number, from 0.
    #[param(example = 0)]
    partition: u32,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Records {
    /// The position of the first record; none, or one before the oldest record, means the oldest; a negative one counts
    /// from the end.
    #[param(example = 0)]
    from: Option<i64>,
    /// At most so many records.
    #[param(default = 100)]
    limit: Option<u32>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct Plugin {
    /// The plugin's name.
    #[param(example = "orders-source")]
    name: String,
    /// Its version.
    #[param(example = "1.2.0")]
    version: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Install {
    /// The SHA-256 that the bytes must have, in hexadecimal digits.
    sha256: Option<String>,
    /// The text of a minisign signature.
    signature: Option<String>,
    /// Other bytes of the same `name@version` may be replaced.
    #[param(default = false)]
    replace: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Force {
    /// Also where it is in use; connectors run on with what they hold in memory.
    #[param(default = false)]
    force: Option<bool>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Digest {
    /// Only bytes with this SHA-256, in hexadecimal digits.
    sha256: Option<String>,
}
