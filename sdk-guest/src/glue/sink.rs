//! The exports of the world `sink-plugin`, made of a [`Sink`].

use wharf_bindings_sink::exports::openmessaging::connect::sink as exported;

use super::convert::conversions;
use super::exports::exports;
use crate::batch::{Batch, Column, Format, Headers, Operation, Schema};
use crate::delivery::{Delivery, Origin};
use crate::drive;
use crate::offset::{Checkpoint, SourceOffset, TopicPosition};
use crate::sink::{Flushed, Sink};

conversions!(wharf_bindings_sink);

exports!(Sink, Kind::Sink, SinkSlot, SinkComponent, validate_sink, start_sink, destroyed_sink);

impl<S: SinkSlot> exported::Guest for SinkComponent<S> {
    fn assigned(partitions: Vec<types::TopicPosition>) -> Result<Vec<types::TopicPosition>, types::Failure> {
        let answer = running::<S, _>(|task| task.assigned(&positions_in(partitions)))?;
        Ok(positions_out(answer))
    }

    fn revoked(partitions: Vec<types::TopicPosition>) {
        tell::<S>(|task| task.revoked(&positions_in(partitions)));
    }

    fn put(delivery: types::Delivery) -> Result<Vec<types::Rejection>, types::Failure> {
        let rejected = running::<S, _>(|task| task.put(&delivery_in(delivery)))?;
        let one = |rejection: crate::failure::Rejection| types::Rejection {
            row: rejection.row,
            code: rejection.code,
            reason: rejection.reason,
        };
        Ok(rejected.into_iter().map(one).collect())
    }

    fn flush() -> Result<exported::Flushed, types::Failure> {
        match running::<S, _>(Sink::flush)? {
            Flushed::All => Ok(exported::Flushed::All),
            Flushed::UpTo(positions) => Ok(exported::Flushed::UpTo(positions_out(positions))),
        }
    }
}

fn positions_in(positions: Vec<types::TopicPosition>) -> Vec<TopicPosition> {
    let one = |types::TopicPosition { topic, partition, position }| TopicPosition { topic, partition, position };
    positions.into_iter().map(one).collect()
}

fn positions_out(positions: Vec<TopicPosition>) -> Vec<types::TopicPosition> {
    let one = |TopicPosition { topic, partition, position }| types::TopicPosition { topic, partition, position };
    positions.into_iter().map(one).collect()
}

fn delivery_in(delivery: types::Delivery) -> Delivery {
    let one = |types::Origin { first_row, topic, partition }| Origin { first_row, topic, partition };
    Delivery {
        batch: batch_in(delivery.batch),
        origins: delivery.origins.into_iter().map(one).collect(),
        positions: delivery.positions,
    }
}

fn batch_in(batch: types::Batch) -> Batch {
    Batch {
        rows: batch.rows,
        keys: column_in(batch.keys),
        values: column_in(batch.values),
        key_format: format_in(batch.key_format),
        value_format: format_in(batch.value_format),
        headers: headers_in(batch.headers),
        timestamps: batch.timestamps,
        topics: batch.topics,
        topic_of: batch.topic_of,
        partitions: batch.partitions,
        operations: batch.operations.into_iter().map(operation_in).collect(),
        schemas: batch.schemas.into_iter().map(schema_in).collect(),
        key_schema_of: batch.key_schema_of,
        value_schema_of: batch.value_schema_of,
        checkpoints: batch
            .checkpoints
            .into_iter()
            .map(|mark| Checkpoint {
                row: mark.row,
                at: SourceOffset { partition: mark.at.partition, offset: mark.at.offset },
            })
            .collect(),
    }
}

fn column_in(column: types::Column) -> Column {
    Column { data: column.data, ends: column.ends, absent: column.absent }
}

fn headers_in(headers: types::Headers) -> Headers {
    let types::Headers { row_ends, names, name_of, cells } = headers;
    Headers { row_ends, names, name_of, cells: column_in(cells) }
}

fn format_in(format: types::Format) -> Format {
    match format {
        types::Format::Bytes => Format::Bytes,
        types::Format::Text => Format::Text,
        types::Format::Json => Format::Json,
    }
}

fn operation_in(operation: types::Operation) -> Operation {
    match operation {
        types::Operation::Unknown => Operation::Unknown,
        types::Operation::Create => Operation::Create,
        types::Operation::Update => Operation::Update,
        types::Operation::Delete => Operation::Delete,
        types::Operation::Snapshot => Operation::Snapshot,
    }
}

fn schema_in(schema: types::Schema) -> Schema {
    let types::Schema { id, version, language, definition } = schema;
    Schema { id, version, language, definition }
}
