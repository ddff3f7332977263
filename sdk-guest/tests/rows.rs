//! What a source pushes into a batch is what a sink reads out of it.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail like a test")]

use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use wharf_sdk::{BatchBuilder, Delivery, Limits, Operation, Origin, Row, Schema, SourceOffset, json};

type Cell = Option<Vec<u8>>;

/// A row as its author has it.
#[derive(Debug, Clone, PartialEq, Default)]
struct Plain {
    key: Cell,
    value: Cell,
    headers: Vec<(String, Vec<u8>)>,
    timestamp: Option<i64>,
    operation: Option<Operation>,
    schema: Option<u8>,
    to: To,
}

/// What a sink does not see of a row.
#[derive(Debug, Clone, PartialEq, Default)]
struct To {
    topic: Option<String>,
    partition: Option<u32>,
    has_checkpoint: bool,
}

fn row() -> impl Strategy<Value = Plain> {
    let cell = || option::weighted(0.7, vec(any::<u8>(), 0..600));
    let operation = prop::sample::select(vec![
        Operation::Unknown,
        Operation::Create,
        Operation::Update,
        Operation::Delete,
        Operation::Snapshot,
    ]);
    let headers = vec(("[a-c]{0,2}", vec(any::<u8>(), 0..5)), 0..4);
    let to = (option::of("[x-z]"), option::of(0..9_u32), any::<bool>())
        .prop_map(|(topic, partition, has_checkpoint)| To { topic, partition, has_checkpoint });
    let rest = (option::of(1..1000_i64), option::of(operation), option::of(0..3_u8), to);
    (cell(), cell(), headers, rest).prop_map(|(key, value, headers, (timestamp, operation, schema, to))| Plain {
        key,
        value,
        headers,
        timestamp,
        operation,
        schema,
        to,
    })
}

/// What is pushed: single rows, and blocks of bare values.
#[derive(Debug, Clone)]
enum Push {
    Row(Plain),
    Block(Vec<Vec<u8>>),
}

fn push() -> impl Strategy<Value = Push> {
    prop_oneof![4 => row().prop_map(Push::Row), 1 => vec(vec(any::<u8>(), 0..20), 0..5).prop_map(Push::Block)]
}

fn schema(number: u8) -> Schema {
    Schema { id: format!("s{number}"), version: Some(1), language: "avro".to_owned(), definition: "{}".to_owned() }
}

fn offset(row: u32) -> SourceOffset {
    SourceOffset::new(json!({ "file": "a" }), json!({ "row": row })).unwrap()
}

fn push_row(batch: &mut BatchBuilder, plain: &Plain) {
    let schema = plain.schema.map(|number| batch.schema(schema(number)));
    let at = batch.rows();
    let mut row = match &plain.value {
        // In pieces, which is the same.
        Some(value) => {
            let (begin, end) = value.split_at(value.len() / 2);
            batch.push_parts(&[begin, end])
        }
        None => batch.push_absent(),
    };
    if let Some(key) = &plain.key {
        row = row.key(key);
    }
    for (name, value) in &plain.headers {
        row = row.header(name, value);
    }
    if let Some(timestamp) = plain.timestamp {
        row = row.timestamp(timestamp);
    }
    if let Some(operation) = plain.operation {
        row = row.operation(operation);
    }
    if let Some(schema) = schema {
        row = row.value_schema(schema).key_schema(schema);
    }
    if let Some(topic) = &plain.to.topic {
        row = row.topic(topic);
    }
    if let Some(partition) = plain.to.partition {
        row = row.partition(partition);
    }
    if plain.to.has_checkpoint {
        row.checkpoint(offset(at));
    }
}

fn push_block(batch: &mut BatchBuilder, values: &[Vec<u8>]) {
    let ends = values.iter().scan(0, |end, value| {
        *end += value.len() as u32;
        Some(*end)
    });
    batch.extend_values(&values.concat(), &ends.collect::<Vec<_>>());
}

fn read(row: &Row<'_>) -> Plain {
    let owned = |cell: Option<&[u8]>| cell.map(<[u8]>::to_vec);
    assert_eq!(row.key_schema(), row.value_schema());
    Plain {
        key: owned(row.key()),
        value: owned(row.value()),
        headers: row.headers().map(|(name, value)| (name.to_owned(), value.unwrap().to_vec())).collect(),
        timestamp: row.timestamp(),
        operation: Some(row.operation()),
        schema: row.value_schema().map(|schema| schema.id.strip_prefix('s').unwrap().parse().unwrap()),
        to: To::default(),
    }
}

fn bytes(row: &Plain) -> usize {
    let cells = row.key.iter().chain(&row.value).map(Vec::len).sum::<usize>();
    cells + row.headers.iter().map(|(_, value)| value.len()).sum::<usize>()
}

proptest! {
    #[test]
    fn rows_are_read_as_they_were_pushed(pushes in vec(push(), 0..20)) {
        let limits = Limits { max_rows: 1000, max_bytes: 1 << 20, max_wait: Duration::ZERO };
        let mut batch = BatchBuilder::new(limits);
        batch.topic("usual");
        let mut rows = Vec::new();
        for push in &pushes {
            match push {
                Push::Row(plain) => {
                    push_row(&mut batch, plain);
                    rows.push(plain.clone());
                }
                Push::Block(values) => {
                    push_block(&mut batch, values);
                    rows.extend(values.iter().map(|value| Plain { value: Some(value.clone()), ..Plain::default() }));
                }
            }
        }
        prop_assert_eq!(batch.bytes(), rows.iter().map(bytes).sum::<usize>());
        let batch = batch.finish().unwrap();
        prop_assert_eq!(batch.rows as usize, rows.len());
        for (at, row) in rows.iter().enumerate() {
            let topic = batch.topic_of.get(at).map_or(0, |index| usize::from(*index));
            prop_assert_eq!(&batch.topics[topic], row.to.topic.as_deref().unwrap_or("usual"));
            let partition = batch.partitions.get(at).copied().unwrap_or(-1);
            prop_assert_eq!(partition, row.to.partition.map_or(-1, |partition| partition as i32));
        }
        let marked = rows.iter().zip(0_u32..).filter(|(row, _)| row.to.has_checkpoint).map(|(_, at)| (at, offset(at)));
        let marks = batch.checkpoints.iter().map(|mark| (mark.row, mark.at.clone()));
        prop_assert_eq!(marks.collect::<Vec<_>>(), marked.collect::<Vec<_>>());

        let stamped = rows.iter().any(|row| row.timestamp.is_some());
        let origins = vec![Origin { first_row: 0, topic: "t".to_owned(), partition: 4 }];
        let positions: Vec<i64> = (10..).take(rows.len()).collect();
        let delivery = Delivery { batch, origins, positions };
        prop_assert_eq!(delivery.rows().len(), rows.len());
        for (row, plain) in delivery.rows().zip(&rows) {
            let mut seen = read(&row);
            // Of rows that do not say when, in a batch where others do, it is now; the others are of 1970.
            if plain.timestamp.is_none() && stamped {
                prop_assert!(seen.timestamp.take().is_some_and(|now| now > 1_600_000_000_000));
            }
            let operation = Some(plain.operation.unwrap_or_default());
            prop_assert_eq!(seen, Plain { operation, to: To::default(), ..plain.clone() });
            let place = (row.topic(), row.partition(), row.position());
            prop_assert_eq!(place, ("t", 4, Some(10 + i64::from(row.index()))));
        }
    }
}
