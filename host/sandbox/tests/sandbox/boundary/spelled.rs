//! Batches and deliveries as the fixtures spell them in JSON: names of the contract in snake case, bytes as lists of
//! numbers, formats and operations by their numbers in the contract.

use serde_json::{Value, json};
use wharf_core::{Batch, Column, Delivery, Format, Operation, Schema};

pub(super) fn batch(batch: &Batch) -> Value {
    let schemas = batch.schemas.iter().map(|it| json!([it.id, it.version, it.language, it.definition]));
    let checkpoints = batch.checkpoints.iter().map(|it| json!([it.row, it.at.partition, it.at.offset]));
    json!({
        "rows": batch.rows,
        "keys": column(&batch.keys),
        "values": column(&batch.values),
        "key_format": format(batch.key_format),
        "value_format": format(batch.value_format),
        "headers": {
            "row_ends": batch.headers.row_ends,
            "names": batch.headers.names,
            "name_of": batch.headers.name_of,
            "cells": column(&batch.headers.cells),
        },
        "timestamps": batch.timestamps,
        "topics": batch.topics,
        "topic_of": batch.topic_of,
        "partitions": batch.partitions,
        "operations": batch.operations.iter().copied().map(operation).collect::<Vec<_>>(),
        "schemas": schemas.collect::<Vec<_>>(),
        "key_schema_of": batch.key_schema_of,
        "value_schema_of": batch.value_schema_of,
        "checkpoints": checkpoints.collect::<Vec<_>>(),
    })
}

/// A delivery, list by list, and the rows that a sink should see in it.
pub(super) fn delivery(delivery: &Delivery) -> Value {
    let origins = delivery.origins.iter().map(|it| json!([it.first_row, it.topic, it.partition]));
    json!({
        "batch": batch(&delivery.batch),
        "origins": origins.collect::<Vec<_>>(),
        "positions": delivery.positions,
        "rows": rows(delivery),
    })
}

fn rows(delivery: &Delivery) -> Vec<Value> {
    let batch = &delivery.batch;
    let schema = |of: &[u16], row: usize| -> Option<&Schema> { batch.schemas.get(usize::from(*of.get(row)?)) };
    let rows = batch.iter().map(|row| {
        let at = row.index as usize;
        let origin = delivery.origins.iter().rfind(|origin| origin.first_row <= row.index).unwrap();
        json!({
            "key": row.key,
            "value": row.value,
            "headers": row.headers.collect::<Vec<_>>(),
            "timestamp": row.timestamp,
            "topic": origin.topic,
            "partition": origin.partition,
            "position": delivery.positions.get(at),
            "operation": operation(row.operation),
            "key_schema": schema(&batch.key_schema_of, at).map(|it| &it.id),
            "value_schema": schema(&batch.value_schema_of, at).map(|it| &it.id),
        })
    });
    rows.collect()
}

fn column(column: &Column) -> Value {
    json!({ "data": column.data.to_vec(), "ends": column.ends, "absent": column.absent })
}

fn format(format: Format) -> u8 {
    match format {
        Format::Bytes => 0,
        Format::Text => 1,
        Format::Json => 2,
    }
}

fn operation(operation: Operation) -> u8 {
    match operation {
        Operation::Unknown => 0,
        Operation::Create => 1,
        Operation::Update => 2,
        Operation::Delete => 3,
        Operation::Snapshot => 4,
    }
}
