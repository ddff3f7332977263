//! The exports of the world `sink-plugin`, made of a [`Sink`].

use std::marker::PhantomData;
use std::rc::Rc;

use wharf_bindings_sink::exports::openmessaging::connect::sink as exported;

use super::convert::conversions;
use crate::batch::{Batch, Column, Format, Headers, Operation, Schema};
use crate::delivery::{Delivery, Origin};
use crate::drive;
use crate::offset::{Checkpoint, SourceOffset, TopicPosition};
use crate::sink::{Flushed, Sink};

conversions!(wharf_bindings_sink);

/// Where the one task of an instance is kept; implemented by `export_sink!`.
pub trait SinkSlot: 'static {
    /// The author's type.
    type Task: Sink;

    /// Lends the place.
    fn with<R>(work: impl FnOnce(&mut Option<Self::Task>) -> R) -> R;
}

/// What is exported.
#[derive(Debug)]
pub struct SinkComponent<S>(PhantomData<S>);

fn running<S: SinkSlot, R>(work: impl FnOnce(&mut S::Task) -> Result<R, Failure>) -> Result<R, types::Failure> {
    S::with(|task| match task {
        Some(task) => work(task).map_err(failure_out),
        None => Err(failure_out(drive::not_started())),
    })
}

fn tell<S: SinkSlot>(work: impl FnOnce(&mut S::Task)) {
    S::with(|task| {
        if let Some(task) = task {
            work(task);
        }
    });
}

impl<S: SinkSlot> connector::Guest for SinkComponent<S> {
    fn describe() -> connector::Descriptor {
        descriptor_out(S::Task::describe(), Kind::Sink)
    }

    fn validate(config: connector::Config) -> Vec<connector::Checked> {
        crate::host::install(Rc::new(Imports));
        let config = config_in(config);
        checked_out(&config, drive::validate_sink::<S::Task>(config.clone()))
    }

    fn tasks(config: connector::Config, max: u32) -> Result<Vec<connector::Config>, types::Failure> {
        crate::host::install(Rc::new(Imports));
        S::Task::tasks(&config_in(config), max).map(configs_out).map_err(failure_out)
    }
}

impl<S: SinkSlot> lifecycle::Guest for SinkComponent<S> {
    fn on_start(context: lifecycle::Context, config: lifecycle::Config) -> Result<(), types::Failure> {
        crate::host::install(Rc::new(Imports));
        if S::with(|task| task.is_some()) {
            return Err(failure_out(drive::started_already()));
        }
        let task = drive::start_sink(&context_in(context), config_in(config)).map_err(failure_out)?;
        S::with(|place| *place = Some(task));
        Ok(())
    }

    fn on_pause() {
        tell::<S>(Sink::pause);
    }

    fn on_resume() {
        tell::<S>(Sink::resume);
    }

    fn on_stop() {
        tell::<S>(Sink::stop);
        S::with(|task| *task = None);
    }

    fn on_failed(reason: String) {
        tell::<S>(|task| task.failed(&reason));
        S::with(|task| *task = None);
    }

    fn on_destroyed(context: lifecycle::Context, config: lifecycle::Config) {
        crate::host::install(Rc::new(Imports));
        drive::destroyed_sink::<S::Task>(&context_in(context), config_in(config));
    }
}

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
