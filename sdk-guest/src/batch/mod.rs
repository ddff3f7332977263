//! Rows as columns. Authors push rows into a [`BatchBuilder`] and read them through [`crate::Rows`]; the columns
//! themselves matter only to who moves blocks of cells at once.

mod buffer;
mod builder;
mod column;
mod headers;
mod row;

pub use buffer::Buffer;
pub use builder::{BatchBuilder, Limits};
pub use column::Column;
pub use headers::Headers;
pub use row::NewRow;

pub(crate) use column::Walk;

use crate::offset::Checkpoint;

/// What the bytes of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Anything.
    #[default]
    Bytes,
    /// UTF-8 text.
    Text,
    /// A JSON document in UTF-8.
    Json,
}

/// What happened to the thing that a row describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Operation {
    /// The source does not say.
    #[default]
    Unknown,
    /// It came into being.
    Create,
    /// It changed.
    Update,
    /// It is gone.
    Delete,
    /// It was read while a snapshot was taken, not because it changed.
    Snapshot,
}

/// A schema that rows point into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// A name that is stable across batches: a subject, a table, a URL.
    pub id: String,
    /// The version under that name.
    pub version: Option<u32>,
    /// The notation of `definition`: `json-schema`, `avro`, `protobuf`, `connect`, …
    pub language: String,
    /// The schema itself.
    pub definition: String,
}

/// Rows as they cross the boundary. Empty lists mean "none" or "the default for every row".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// How many rows there are.
    pub rows: u32,
    /// Keys.
    pub keys: Column,
    /// Values.
    pub values: Column,
    /// What the bytes of `keys` are.
    pub key_format: Format,
    /// What the bytes of `values` are.
    pub value_format: Format,
    /// Headers.
    pub headers: Headers,
    /// Milliseconds since 1970, one for each row. Empty: the host stamps the rows.
    pub timestamps: Vec<i64>,
    /// Destinations that `topic_of` points into.
    pub topics: Vec<String>,
    /// For each row its index in `topics`. Empty: `topics[0]`, or the connector's topic where `topics` is empty too.
    pub topic_of: Vec<u16>,
    /// For each row the partition wanted, -1 for any. Empty: any.
    pub partitions: Vec<i32>,
    /// For each row what happened.
    pub operations: Vec<Operation>,
    /// Schemas that the next two point into.
    pub schemas: Vec<Schema>,
    /// For each row the schema of its key; [`Batch::NO_SCHEMA`]: none.
    pub key_schema_of: Vec<u16>,
    /// For each row the schema of its value; [`Batch::NO_SCHEMA`]: none.
    pub value_schema_of: Vec<u16>,
    /// Ascending by row.
    pub checkpoints: Vec<Checkpoint>,
}

impl Batch {
    /// In `key_schema_of` and `value_schema_of`: this row has no schema.
    pub const NO_SCHEMA: u16 = u16::MAX;
}
