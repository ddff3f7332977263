//! The exports of the world `source-plugin`, made of a [`Source`].

use std::marker::PhantomData;
use std::rc::Rc;

use wharf_bindings_source::exports::openmessaging::connect::source as exported;

use super::convert::conversions;
use crate::batch::{Batch, Column, Format, Headers, Limits, Operation, Schema};
use crate::drive;
use crate::offset::SourceOffset;
use crate::source::{Next, Source};

conversions!(wharf_bindings_source);

/// Where the one task of an instance is kept; implemented by `export_source!`.
pub trait SourceSlot: 'static {
    /// The author's type.
    type Task: Source;

    /// Lends the place.
    fn with<R>(work: impl FnOnce(&mut Option<Self::Task>) -> R) -> R;
}

/// What is exported.
#[derive(Debug)]
pub struct SourceComponent<S>(PhantomData<S>);

fn running<S: SourceSlot, R>(work: impl FnOnce(&mut S::Task) -> Result<R, Failure>) -> Result<R, types::Failure> {
    S::with(|task| match task {
        Some(task) => work(task).map_err(failure_out),
        None => Err(failure_out(drive::not_started())),
    })
}

fn tell<S: SourceSlot>(work: impl FnOnce(&mut S::Task)) {
    S::with(|task| {
        if let Some(task) = task {
            work(task);
        }
    });
}

impl<S: SourceSlot> connector::Guest for SourceComponent<S> {
    fn describe() -> connector::Descriptor {
        descriptor_out(S::Task::describe(), Kind::Source)
    }

    fn validate(config: connector::Config) -> Vec<connector::Checked> {
        crate::host::install(Rc::new(Imports));
        let config = config_in(config);
        checked_out(&config, drive::validate_source::<S::Task>(config.clone()))
    }

    fn tasks(config: connector::Config, max: u32) -> Result<Vec<connector::Config>, types::Failure> {
        crate::host::install(Rc::new(Imports));
        S::Task::tasks(&config_in(config), max).map(configs_out).map_err(failure_out)
    }
}

impl<S: SourceSlot> lifecycle::Guest for SourceComponent<S> {
    fn on_start(context: lifecycle::Context, config: lifecycle::Config) -> Result<(), types::Failure> {
        crate::host::install(Rc::new(Imports));
        if S::with(|task| task.is_some()) {
            return Err(failure_out(drive::started_already()));
        }
        let task = drive::start_source(&context_in(context), config_in(config)).map_err(failure_out)?;
        S::with(|place| *place = Some(task));
        Ok(())
    }

    fn on_pause() {
        tell::<S>(Source::pause);
    }

    fn on_resume() {
        tell::<S>(Source::resume);
    }

    fn on_stop() {
        tell::<S>(Source::stop);
        S::with(|task| *task = None);
    }

    fn on_failed(reason: String) {
        tell::<S>(|task| task.failed(&reason));
        S::with(|task| *task = None);
    }

    fn on_destroyed(context: lifecycle::Context, config: lifecycle::Config) {
        crate::host::install(Rc::new(Imports));
        drive::destroyed_source::<S::Task>(&context_in(context), config_in(config));
    }
}

impl<S: SourceSlot> exported::Guest for SourceComponent<S> {
    fn poll(max_rows: u32, max_bytes: u32, max_wait_ms: u32) -> Result<exported::Polled, types::Failure> {
        let limits = Limits { max_rows, max_bytes, max_wait: Duration::from_millis(max_wait_ms.into()) };
        let (batch, next) = running::<S, _>(|task| drive::poll(task, limits))?;
        let next = match next {
            Next::More => exported::Next::More,
            Next::Idle => exported::Next::Idle,
            Next::Finished => exported::Next::Finished,
        };
        Ok(exported::Polled { batch: batch_out(batch), next })
    }

    fn commit(offsets: Vec<types::SourceOffset>) -> Result<(), types::Failure> {
        running::<S, _>(|task| task.commit(&offsets_in(offsets)))
    }

    fn alter(offsets: Vec<types::SourceOffset>) -> Result<(), String> {
        S::with(|task| match task {
            Some(task) => task.alter(&offsets_in(offsets)),
            None => Err(drive::not_started().to_string()),
        })
    }
}

fn offsets_in(offsets: Vec<types::SourceOffset>) -> Vec<SourceOffset> {
    let one = |types::SourceOffset { partition, offset }| SourceOffset { partition, offset };
    offsets.into_iter().map(one).collect()
}

fn batch_out(batch: Batch) -> types::Batch {
    types::Batch {
        rows: batch.rows,
        keys: column_out(batch.keys),
        values: column_out(batch.values),
        key_format: format_out(batch.key_format),
        value_format: format_out(batch.value_format),
        headers: headers_out(batch.headers),
        timestamps: batch.timestamps,
        topics: batch.topics,
        topic_of: batch.topic_of,
        partitions: batch.partitions,
        operations: batch.operations.into_iter().map(operation_out).collect(),
        schemas: batch.schemas.into_iter().map(schema_out).collect(),
        key_schema_of: batch.key_schema_of,
        value_schema_of: batch.value_schema_of,
        checkpoints: batch
            .checkpoints
            .into_iter()
            .map(|mark| types::Checkpoint {
                row: mark.row,
                at: types::SourceOffset { partition: mark.at.partition, offset: mark.at.offset },
            })
            .collect(),
    }
}

fn column_out(column: Column) -> types::Column {
    types::Column { data: column.data, ends: column.ends, absent: column.absent }
}

fn headers_out(headers: Headers) -> types::Headers {
    let Headers { row_ends, names, name_of, cells } = headers;
    types::Headers { row_ends, names, name_of, cells: column_out(cells) }
}

fn format_out(format: Format) -> types::Format {
    match format {
        Format::Bytes => types::Format::Bytes,
        Format::Text => types::Format::Text,
        Format::Json => types::Format::Json,
    }
}

fn operation_out(operation: Operation) -> types::Operation {
    match operation {
        Operation::Unknown => types::Operation::Unknown,
        Operation::Create => types::Operation::Create,
        Operation::Update => types::Operation::Update,
        Operation::Delete => types::Operation::Delete,
        Operation::Snapshot => types::Operation::Snapshot,
    }
}

fn schema_out(schema: Schema) -> types::Schema {
    let Schema { id, version, language, definition } = schema;
    types::Schema { id, version, language, definition }
}
