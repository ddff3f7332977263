//! The SDK's batches as those of a world that hands rows to the host. Lists are moved, never copied.

/// Defines `batch_out` for the world whose `conversions!` stand beside it.
macro_rules! rows_out {
    () => {
        use crate::batch::{Batch, Column, Format, Headers, Operation, Schema};

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
    };
}

pub(super) use rows_out;
