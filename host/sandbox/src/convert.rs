//! Between the generated types and the core's: moves, no copies of cells.

use std::time::Duration;

use wharf_core::plugin::{Checked, ConfigKey, Importance, Kind, Next, TaskContext, ValueType, Width};
use wharf_core::{
    Batch, Checkpoint, Column, Config, Descriptor, Failure, Format, Headers, Operation, Problem, Rejection, Retry,
    Schema, SourceOffset, TopicPosition,
};

use crate::bindings::base::exports::openmessaging::connect::{connector, lifecycle};
use crate::bindings::base::openmessaging::connect::types;
use crate::bindings::source::exports::openmessaging::connect::source;

pub(crate) fn batch(batch: types::Batch) -> Batch {
    Batch {
        rows: batch.rows,
        keys: column(batch.keys),
        values: column(batch.values),
        key_format: format(batch.key_format),
        value_format: format(batch.value_format),
        headers: Headers {
            row_ends: batch.headers.row_ends,
            names: batch.headers.names,
            name_of: batch.headers.name_of,
            cells: column(batch.headers.cells),
        },
        timestamps: batch.timestamps,
        topics: batch.topics,
        topic_of: batch.topic_of,
        partitions: batch.partitions,
        operations: batch.operations.into_iter().map(operation).collect(),
        schemas: batch.schemas.into_iter().map(schema).collect(),
        key_schema_of: batch.key_schema_of,
        value_schema_of: batch.value_schema_of,
        checkpoints: batch.checkpoints.into_iter().map(checkpoint).collect(),
    }
}

fn column(column: types::Column) -> Column {
    // The bytes stay where they are: `Bytes` takes the vector over.
    Column { data: column.data.into(), ends: column.ends, absent: column.absent }
}

fn format(format: types::Format) -> Format {
    match format {
        types::Format::Bytes => Format::Bytes,
        types::Format::Text => Format::Text,
        types::Format::Json => Format::Json,
    }
}

fn operation(operation: types::Operation) -> Operation {
    match operation {
        types::Operation::Unknown => Operation::Unknown,
        types::Operation::Create => Operation::Create,
        types::Operation::Update => Operation::Update,
        types::Operation::Delete => Operation::Delete,
        types::Operation::Snapshot => Operation::Snapshot,
    }
}

fn schema(schema: types::Schema) -> Schema {
    Schema { id: schema.id, version: schema.version, language: schema.language, definition: schema.definition }
}

fn checkpoint(checkpoint: types::Checkpoint) -> Checkpoint {
    let types::SourceOffset { partition, offset } = checkpoint.at;
    Checkpoint { row: checkpoint.row, at: SourceOffset { partition, offset } }
}

pub(crate) fn next(next: source::Next) -> Next {
    match next {
        source::Next::More => Next::More,
        source::Next::Idle => Next::Idle,
        source::Next::Finished => Next::Finished,
    }
}

pub(crate) fn failure(failure: types::Failure) -> Failure {
    match failure {
        types::Failure::Retriable(retry) => Failure::Retriable(Retry {
            reason: retry.reason,
            after: retry.after_ms.map(Duration::from_millis),
            at_row: retry.at_row,
        }),
        types::Failure::InvalidConfig(problems) => {
            let problems = problems.into_iter().map(|problem| Problem { key: problem.key, message: problem.message });
            Failure::InvalidConfig(problems.collect())
        }
        types::Failure::Fatal(reason) => Failure::Fatal(reason),
    }
}

pub(crate) fn rejection(rejection: types::Rejection) -> Rejection {
    Rejection { row: rejection.row, code: rejection.code, reason: rejection.reason }
}

pub(crate) fn offsets_in(offsets: Vec<SourceOffset>) -> Vec<types::SourceOffset> {
    offsets.into_iter().map(|SourceOffset { partition, offset }| types::SourceOffset { partition, offset }).collect()
}

pub(crate) fn positions_in(positions: Vec<TopicPosition>) -> Vec<types::TopicPosition> {
    let position = |TopicPosition { topic, partition, position }| types::TopicPosition { topic, partition, position };
    positions.into_iter().map(position).collect()
}

pub(crate) fn positions_out(positions: Vec<types::TopicPosition>) -> Vec<TopicPosition> {
    let position = |types::TopicPosition { topic, partition, position }| TopicPosition { topic, partition, position };
    positions.into_iter().map(position).collect()
}

pub(crate) fn config_in(config: &Config) -> connector::Config {
    config.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

pub(crate) fn context_in(context: &TaskContext) -> lifecycle::Context {
    lifecycle::Context {
        connector: context.connector.clone(),
        task: context.task,
        tasks: context.tasks,
        worker: context.worker.clone(),
        attempt: context.attempt,
        generation: context.generation,
    }
}

pub(crate) fn checked(checked: connector::Checked) -> Checked {
    let connector::Checked { key, value, recommended, errors, visible } = checked;
    Checked { key, value, recommended, errors, visible }
}

pub(crate) fn descriptor(descriptor: connector::Descriptor) -> Descriptor {
    Descriptor {
        name: descriptor.name,
        version: descriptor.version,
        kind: match descriptor.kind {
            connector::Kind::Source => Kind::Source,
            connector::Kind::Sink => Kind::Sink,
            connector::Kind::Transform => Kind::Transform,
            connector::Kind::WebhookSource => Kind::WebhookSource,
        },
        summary: descriptor.summary,
        documentation: descriptor.documentation,
        aliases: descriptor.aliases,
        keys: descriptor.keys.into_iter().map(config_key).collect(),
    }
}

fn config_key(key: connector::ConfigKey) -> ConfigKey {
    ConfigKey {
        name: key.name,
        value_type: value_type(key.value_type),
        required: key.required,
        default: key.default,
        importance: match key.importance {
            connector::Importance::High => Importance::High,
            connector::Importance::Medium => Importance::Medium,
            connector::Importance::Low => Importance::Low,
        },
        documentation: key.documentation,
        group: key.group,
        order: key.order,
        width: match key.width {
            connector::Width::None => Width::None,
            connector::Width::Short => Width::Short,
            connector::Width::Medium => Width::Medium,
            connector::Width::Long => Width::Long,
        },
        display_name: key.display_name,
        dependents: key.dependents,
        allowed: key.allowed,
    }
}

fn value_type(value_type: connector::ValueType) -> ValueType {
    use connector::ValueType as From;
    match value_type {
        From::Boolean => ValueType::Boolean,
        From::String => ValueType::String,
        From::Int => ValueType::Int,
        From::Short => ValueType::Short,
        From::Long => ValueType::Long,
        From::Double => ValueType::Double,
        From::List => ValueType::List,
        From::Class => ValueType::Class,
        From::Password => ValueType::Password,
        From::Endpoint => ValueType::Endpoint,
        From::EndpointList => ValueType::EndpointList,
        From::FileRead => ValueType::FileRead,
        From::FileWrite => ValueType::FileWrite,
        From::PathRead => ValueType::PathRead,
        From::PathWrite => ValueType::PathWrite,
    }
}
