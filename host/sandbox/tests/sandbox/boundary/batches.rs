//! Batches with everything they can have, and batches with one thing wrong.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use wharf_core::{Batch, Checkpoint, Column, Delivery, Format, Headers, Operation, Origin, Schema, SourceOffset};

/// One cell for each row. A column of absent cells is not equal to a missing one, though it means the same.
fn column(rows: usize) -> impl Strategy<Value = Column> {
    let cells = vec(option::weighted(0.7, vec(any::<u8>(), 0..9)), rows);
    prop_oneof![1 => Just(None), 4 => cells.prop_map(Some)].prop_map(|cells| {
        let (mut data, mut column) = (Vec::new(), Column::missing());
        for (cell, row) in cells.into_iter().flatten().zip(0..) {
            match cell {
                Some(cell) => data.extend(cell),
                None => column.absent.push(row),
            }
            column.ends.push(data.len() as u32);
        }
        column.data = data.into();
        column
    })
}

/// One entry for each row, or none.
fn each<T: std::fmt::Debug + Clone + 'static>(
    rows: usize,
    entry: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Vec<T>> {
    let entry = entry.boxed();
    select(vec![0, rows]).prop_flat_map(move |len| vec(entry.clone(), len)).boxed()
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,4}", ".{0,4}", Just("ü\0\u{1f600}".to_owned())]
}

fn headers(rows: usize) -> impl Strategy<Value = Headers> {
    (vec(text(), 1..4), vec(0..3_usize, rows)).prop_flat_map(|(names, counts)| {
        let count: usize = counts.iter().sum();
        let name_of = vec(0..names.len() as u16, count);
        (Just(names), Just(counts), name_of, column(count)).prop_map(|(names, counts, name_of, cells)| {
            if name_of.is_empty() {
                return Headers::default();
            }
            let ends = counts.iter().scan(0, |end, count| {
                *end += *count as u32;
                Some(*end)
            });
            Headers { row_ends: ends.collect(), names, name_of, cells }
        })
    })
}

fn format() -> impl Strategy<Value = Format> {
    select(vec![Format::Bytes, Format::Text, Format::Json])
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::{Create, Delete, Snapshot, Unknown, Update};
    select(vec![Unknown, Create, Update, Delete, Snapshot])
}

fn schema() -> impl Strategy<Value = Schema> {
    (text(), option::of(any::<u32>()), text(), text()).prop_map(|(id, version, language, definition)| Schema {
        id,
        version,
        language,
        definition,
    })
}

/// An index into a list of `len`, or `none`.
fn index(len: usize, none: Option<u16>) -> BoxedStrategy<u16> {
    let mut all: Vec<u16> = (0..len as u16).collect();
    all.extend(none);
    select(all).boxed()
}

fn checkpoints(rows: usize) -> impl Strategy<Value = Vec<Checkpoint>> {
    let object = |text: &str| format!(r#"{{ "at": {} }}"#, serde_json::json!(text));
    let one = (any::<Index>(), text(), text()).prop_map(move |(row, partition, offset)| Checkpoint {
        row: row.index(rows.max(1)) as u32,
        at: SourceOffset { partition: object(&partition), offset: object(&offset) },
    });
    vec(one, 0..if rows == 0 { 1 } else { 4 }).prop_map(|mut all| {
        all.sort_by_key(|it| it.row);
        all
    })
}

fn batch(rows: usize) -> impl Strategy<Value = Batch> {
    let columns = (column(rows), column(rows), format(), format(), headers(rows));
    let places = vec(text(), 0..3).prop_flat_map(move |topics| {
        let topic_of = if topics.is_empty() { Just(Vec::new()).boxed() } else { each(rows, index(topics.len(), None)) };
        (Just(topics), topic_of, each(rows, any::<i32>()))
    });
    let schemas = vec(schema(), 0..3).prop_flat_map(move |schemas| {
        let of = index(schemas.len(), Some(Batch::NO_SCHEMA));
        (Just(schemas), each(rows, of.clone()), each(rows, of))
    });
    let rest = (each(rows, any::<i64>()), each(rows, operation()), checkpoints(rows));
    (columns, places, schemas, rest).prop_map(move |(columns, places, schemas, rest)| {
        let (keys, values, key_format, value_format, headers) = columns;
        let ((topics, topic_of, partitions), (schemas, key_schema_of, value_schema_of)) = (places, schemas);
        let (timestamps, operations, checkpoints) = rest;
        Batch {
            rows: rows as u32,
            keys,
            values,
            key_format,
            value_format,
            headers,
            timestamps,
            topics,
            topic_of,
            partitions,
            operations,
            schemas,
            key_schema_of,
            value_schema_of,
            checkpoints,
        }
    })
}

/// Any delivery that is right.
pub(super) fn deliveries() -> impl Strategy<Value = Delivery> {
    (0..14_usize).prop_flat_map(|rows| {
        let origins = vec((any::<bool>(), text(), any::<u32>()), rows).prop_map(|rows| {
            let begins = rows.into_iter().zip(0_u32..).filter(|((begins, ..), row)| *begins || *row == 0);
            begins.map(|((_, topic, partition), first_row)| Origin { first_row, topic, partition }).collect()
        });
        (batch(rows), origins, each(rows, any::<i64>())).prop_map(|(batch, origins, positions)| Delivery {
            batch,
            origins,
            positions,
        })
    })
}

/// A batch with one or two lists changed a little, which most often makes it wrong.
pub(super) fn disturbed() -> impl Strategy<Value = Batch> {
    let change = (0..22_u8, any::<Index>(), prop_oneof![0..20_u32, any::<u32>()]);
    ((0..8_usize).prop_flat_map(batch), vec(change, 1..3)).prop_map(|(mut batch, changes)| {
        changes.into_iter().for_each(|(list, at, number)| disturb(&mut batch, list, at, number));
        batch
    })
}

fn disturb(batch: &mut Batch, list: u8, at: Index, number: u32) {
    let short = number as u16;
    match list {
        0 => batch.rows = number,
        1 => set(&mut batch.keys.ends, at, number),
        2 => batch.keys.ends.push(number),
        3 => set(&mut batch.keys.absent, at, number),
        4 => batch.keys.absent.push(number),
        5 => batch.keys.data = vec![7; number as usize % 50].into(),
        6 => set(&mut batch.values.ends, at, number),
        7 => drop(batch.values.ends.pop()),
        8 => batch.values.data = vec![7; number as usize % 50].into(),
        9 => set(&mut batch.headers.row_ends, at, number),
        10 => set(&mut batch.headers.name_of, at, short),
        11 => batch.headers.name_of.push(short),
        12 => drop(batch.headers.names.pop()),
        13 => set(&mut batch.headers.cells.ends, at, number),
        14 => batch.timestamps.push(i64::from(number)),
        15 => drop(batch.topics.pop()),
        16 => set(&mut batch.topic_of, at, short),
        17 => drop(batch.partitions.pop()),
        18 => drop(batch.operations.pop()),
        19 => set(&mut batch.value_schema_of, at, short),
        20 => batch.checkpoints.iter_mut().take(at.index(4)).for_each(|it| it.row = number),
        _ => batch.checkpoints.iter_mut().take(at.index(4)).for_each(|it| it.at.offset = format!("[{number}]")),
    }
}

fn set<T>(list: &mut [T], at: Index, entry: T) {
    if !list.is_empty() {
        list[at.index(list.len())] = entry;
    }
}
