//! Rows as columns.
//!
//! A [`Batch`] is what a source polls and what the queue keeps; a [`Delivery`] is a batch with the places in the queue
//! that its rows came from. Cells of a column lie one after the other in one [`bytes::Bytes`], so a batch is handed on,
//! cloned and stored without touching single rows.
//!
//! Every list may be empty, which means "none" or "the default for every row"; [`Batch::check`] says whether the lists
//! fit together. What comes from outside (a plugin, a file) is checked once, where it enters.

mod check;
mod column;
mod rows;
mod slice;
#[cfg(test)]
mod tests;

pub use check::BatchError;
pub use column::{Cells, Column, ColumnBuilder};
pub use rows::{Row, RowHeaders, Rows};

use serde::{Deserialize, Serialize};

use crate::offset::Checkpoint;

/// What the bytes of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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
    /// It was read while a snapshot was taken.
    Snapshot,
}

/// A schema that rows point into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// A name that is stable across batches: a subject, a table, a URL.
    pub id: String,
    /// The version under that name.
    pub version: Option<u32>,
    /// The notation of `definition`: `json-schema`, `avro`, `protobuf`, …
    pub language: String,
    /// The schema itself.
    pub definition: String,
}

/// Headers of rows. Row `i` has headers `row_ends[i - 1]..row_ends[i]`; header `h` is called `names[name_of[h]]` and
/// has cell `h` of `cells` as its value. All empty: no row has headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers {
    /// One end for each row.
    pub row_ends: Vec<u32>,
    /// The names that occur.
    pub names: Vec<String>,
    /// For each header the index of its name.
    pub name_of: Vec<u16>,
    /// For each header its value.
    pub cells: Column,
}

/// Rows from a source, or out of a transform. Empty lists mean "none" or "the default for every row".
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
    /// Milliseconds since 1970, one for each row; empty: stamped on sending.
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
    /// The most rows of one batch. Rows without any cell take no bytes in the guest but do in the queue, so that they
    /// must be bounded by their number.
    pub const MAX_ROWS: u32 = 1 << 20;

    /// In `key_schema_of` and `value_schema_of`: this row has no schema.
    pub const NO_SCHEMA: u16 = u16::MAX;
}

/// From `first_row` up to the next origin's, rows come from this partition of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The first row this holds for.
    pub first_row: u32,
    /// The topic.
    pub topic: String,
    /// The partition of the topic.
    pub partition: u32,
}

/// Rows for a sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Delivery {
    /// The rows.
    pub batch: Batch,
    /// Ascending by `first_row`; the first is 0.
    pub origins: Vec<Origin>,
    /// For each row its position in its partition. Empty where the queue has none.
    pub positions: Vec<i64>,
}
