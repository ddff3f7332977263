//! A delivery as an argument that borrows.
//!
//! The generated types own what they hold: to call `put` with them, every column would be copied in the host before it
//! is copied into the guest. These say the same to wasmtime with slices of the host's own buffers. wasmtime compares
//! them with the component's type when the function is looked up, so a field that is missing or misnamed fails the first
//! call.

use wasmtime::component::{ComponentType, Lower};
use wharf_core::{Batch, Column, Delivery, Format, Operation};

use crate::bindings::base::openmessaging::connect::types;

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ColumnRef<'a> {
    data: &'a [u8],
    ends: &'a [u32],
    absent: &'a [u32],
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct HeadersRef<'a> {
    #[component(name = "row-ends")]
    row_ends: &'a [u32],
    names: &'a [String],
    #[component(name = "name-of")]
    name_of: &'a [u16],
    cells: ColumnRef<'a>,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct SchemaRef<'a> {
    id: &'a str,
    version: Option<u32>,
    language: &'a str,
    definition: &'a str,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct SourceOffsetRef<'a> {
    partition: &'a str,
    offset: &'a str,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct CheckpointRef<'a> {
    row: u32,
    at: SourceOffsetRef<'a>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct BatchRef<'a> {
    rows: u32,
    keys: ColumnRef<'a>,
    values: ColumnRef<'a>,
    #[component(name = "key-format")]
    key_format: types::Format,
    #[component(name = "value-format")]
    value_format: types::Format,
    headers: HeadersRef<'a>,
    timestamps: &'a [i64],
    topics: &'a [String],
    #[component(name = "topic-of")]
    topic_of: &'a [u16],
    partitions: &'a [i32],
    operations: Vec<types::Operation>,
    schemas: Vec<SchemaRef<'a>>,
    #[component(name = "key-schema-of")]
    key_schema_of: &'a [u16],
    #[component(name = "value-schema-of")]
    value_schema_of: &'a [u16],
    checkpoints: Vec<CheckpointRef<'a>>,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct OriginRef<'a> {
    #[component(name = "first-row")]
    first_row: u32,
    topic: &'a str,
    partition: u32,
}

/// A [`Delivery`] that stays where it is.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct DeliveryRef<'a> {
    batch: BatchRef<'a>,
    origins: Vec<OriginRef<'a>>,
    positions: &'a [i64],
}

impl<'a> DeliveryRef<'a> {
    pub(crate) fn new(delivery: &'a Delivery) -> Self {
        let origin = |origin: &'a wharf_core::Origin| OriginRef {
            first_row: origin.first_row,
            topic: &origin.topic,
            partition: origin.partition,
        };
        Self {
            batch: batch(&delivery.batch),
            origins: delivery.origins.iter().map(origin).collect(),
            positions: &delivery.positions,
        }
    }
}

fn batch(batch: &Batch) -> BatchRef<'_> {
    BatchRef {
        rows: batch.rows,
        keys: column(&batch.keys),
        values: column(&batch.values),
        key_format: format(batch.key_format),
        value_format: format(batch.value_format),
        headers: HeadersRef {
            row_ends: &batch.headers.row_ends,
            names: &batch.headers.names,
            name_of: &batch.headers.name_of,
            cells: column(&batch.headers.cells),
        },
        timestamps: &batch.timestamps,
        topics: &batch.topics,
        topic_of: &batch.topic_of,
        partitions: &batch.partitions,
        operations: batch.operations.iter().copied().map(operation).collect(),
        schemas: batch.schemas.iter().map(schema).collect(),
        key_schema_of: &batch.key_schema_of,
        value_schema_of: &batch.value_schema_of,
        checkpoints: batch.checkpoints.iter().map(checkpoint).collect(),
    }
}

fn column(column: &Column) -> ColumnRef<'_> {
    ColumnRef { data: &column.data, ends: &column.ends, absent: &column.absent }
}

fn schema(schema: &wharf_core::Schema) -> SchemaRef<'_> {
    let wharf_core::Schema { id, version, language, definition } = schema;
    SchemaRef { id, version: *version, language, definition }
}

fn checkpoint(checkpoint: &wharf_core::Checkpoint) -> CheckpointRef<'_> {
    let wharf_core::SourceOffset { partition, offset } = &checkpoint.at;
    CheckpointRef { row: checkpoint.row, at: SourceOffsetRef { partition, offset } }
}

fn format(format: Format) -> types::Format {
    match format {
        Format::Bytes => types::Format::Bytes,
        Format::Text => types::Format::Text,
        Format::Json => types::Format::Json,
    }
}

fn operation(operation: Operation) -> types::Operation {
    match operation {
        Operation::Unknown => types::Operation::Unknown,
        Operation::Create => types::Operation::Create,
        Operation::Update => types::Operation::Update,
        Operation::Delete => types::Operation::Delete,
        Operation::Snapshot => types::Operation::Snapshot,
    }
}
