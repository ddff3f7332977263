//! Properties of batches: what is true of any rows, and what even garbage must not do.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{Batch, BatchError, Column, ColumnBuilder, Delivery, Format, Headers, Operation, Origin};
use crate::offset::{Checkpoint, SourceOffset};

type Cell = Option<Vec<u8>>;
type Header = (String, Cell);

/// A row with everything it can have, owned, as a test compares it.
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    key: Cell,
    value: Cell,
    headers: Vec<Header>,
    timestamp: Option<i64>,
    topic: Option<String>,
    partition: Option<i32>,
    operation: Operation,
}

fn plain(batch: &Batch) -> Vec<Plain> {
    let owned = |cell: Option<&[u8]>| cell.map(<[u8]>::to_vec);
    let all = batch.iter().map(|row| Plain {
        key: owned(row.key),
        value: owned(row.value),
        headers: row.headers.map(|(name, value)| (name.to_owned(), owned(value))).collect(),
        timestamp: row.timestamp,
        topic: row.topic.map(str::to_owned),
        partition: row.partition,
        operation: row.operation,
    });
    all.collect()
}

fn build(rows: &[Plain], checkpoints: &[usize]) -> Batch {
    let mut batch = Batch { rows: rows.len() as u32, value_format: Format::Text, ..Batch::default() };
    let (mut keys, mut values, mut cells) =
        (ColumnBuilder::default(), ColumnBuilder::default(), ColumnBuilder::default());
    let mut headers = Headers::default();
    for row in rows {
        keys.push(row.key.as_deref());
        values.push(row.value.as_deref());
        for (name, value) in &row.headers {
            let known = headers.names.iter().position(|other| other == name);
            headers.name_of.push(known.unwrap_or(headers.names.len()) as u16);
            if known.is_none() {
                headers.names.push(name.clone());
            }
            cells.push(value.as_deref());
        }
        headers.row_ends.push(headers.name_of.len() as u32);
        batch.timestamps.extend(row.timestamp);
        if let Some(topic) = &row.topic {
            let known = batch.topics.iter().position(|other| other == topic);
            batch.topic_of.push(known.unwrap_or(batch.topics.len()) as u16);
            if known.is_none() {
                batch.topics.push(topic.clone());
            }
        }
        batch.partitions.push(row.partition.unwrap_or(-1));
        batch.operations.push(row.operation);
    }
    headers.cells = cells.finish();
    (batch.keys, batch.values, batch.headers) = (keys.finish(), values.finish(), headers);
    let mut marked: Vec<u32> = checkpoints.iter().filter(|&&row| row < rows.len()).map(|&row| row as u32).collect();
    marked.sort_unstable();
    batch.checkpoints = marked.into_iter().map(checkpoint).collect();
    batch
}

fn checkpoint(row: u32) -> Checkpoint {
    let at = SourceOffset { partition: r#"{"file":"a"}"#.to_owned(), offset: format!(r#"{{"row":{row}}}"#) };
    Checkpoint { row, at }
}

fn cell() -> impl Strategy<Value = Cell> {
    option::weighted(0.7, vec(any::<u8>(), 0..6))
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![Just(Operation::Unknown), Just(Operation::Create), Just(Operation::Delete)]
}

/// Rows that agree on whether there are timestamps and topics at all, as a batch must.
fn rows() -> impl Strategy<Value = Vec<Plain>> {
    let row = (cell(), cell(), vec(("[a-c]", cell()), 0..4), any::<i64>(), "[x-z]", option::of(0..9_i32), operation());
    (any::<bool>(), any::<bool>(), vec(row, 0..12)).prop_map(|(stamped, routed, rows)| {
        let each = rows.into_iter().map(|(key, value, headers, timestamp, topic, partition, operation)| Plain {
            key,
            value,
            headers,
            timestamp: stamped.then_some(timestamp),
            topic: routed.then_some(topic),
            partition,
            operation,
        });
        each.collect()
    })
}

fn batches() -> impl Strategy<Value = Batch> {
    (rows(), vec(0..12_usize, 0..4)).prop_map(|(rows, checkpoints)| build(&rows, &checkpoints))
}

fn deliveries() -> impl Strategy<Value = Delivery> {
    (batches(), vec(0..12_u32, 0..4)).prop_map(|(batch, starts)| {
        let mut starts: Vec<u32> = starts.into_iter().chain([0]).filter(|&row| row < batch.rows).collect();
        starts.sort_unstable();
        starts.dedup();
        let origin = |first_row: u32| Origin { first_row, topic: format!("t{first_row}"), partition: first_row % 3 };
        let positions = (0..i64::from(batch.rows)).map(|row| 100 + row * 2).collect();
        Delivery { origins: starts.into_iter().map(origin).collect(), positions, batch }
    })
}

fn origin_of(delivery: &Delivery, row: u32) -> (String, u32) {
    let last = delivery.origins.iter().rfind(|origin| origin.first_row <= row).expect("row 0 has an origin");
    (last.topic.clone(), last.partition)
}

/// Each row of a delivery with where it came from.
fn traced(delivery: &Delivery) -> Vec<(Plain, (String, u32), i64)> {
    let rows = plain(&delivery.batch).into_iter().zip(0_u32..);
    rows.map(|(row, at)| (row, origin_of(delivery, at), delivery.positions[at as usize])).collect()
}

/// Which of the source's checkpoints a batch still holds, by what they say.
fn offsets(batch: &Batch) -> Vec<(u32, String)> {
    batch.checkpoints.iter().map(|it| (it.row, it.at.offset.clone())).collect()
}

fn garbage_column() -> impl Strategy<Value = Column> {
    let end = prop_oneof![4 => 0..20_u32, 1 => any::<u32>()];
    (vec(any::<u8>(), 0..16), vec(end.clone(), 0..6), vec(end, 0..4)).prop_map(|(data, ends, absent)| Column {
        data: Bytes::from(data),
        ends,
        absent,
    })
}

fn garbage() -> impl Strategy<Value = Batch> {
    let number = prop_oneof![4 => 0..8_u32, 1 => any::<u32>()];
    let headers = (vec(number.clone(), 0..6), vec("[ab]", 0..3), vec(0..4_u16, 0..6), garbage_column())
        .prop_map(|(row_ends, names, name_of, cells)| Headers { row_ends, names, name_of, cells });
    let lists = (vec(any::<i64>(), 0..6), vec("[xy]", 0..3), vec(0..4_u16, 0..6), vec(any::<i32>(), 0..6));
    (number.clone(), garbage_column(), garbage_column(), headers, lists, vec(number, 0..4)).prop_map(
        |(rows, keys, values, headers, (timestamps, topics, topic_of, partitions), marks)| Batch {
            rows,
            keys,
            values,
            headers,
            timestamps,
            topics,
            topic_of: topic_of.clone(),
            partitions,
            operations: vec![Operation::Update; topic_of.len()],
            key_schema_of: topic_of,
            checkpoints: marks.into_iter().map(checkpoint).collect(),
            ..Batch::default()
        },
    )
}

proptest! {
    #[test]
    fn a_built_batch_passes_the_check_and_shows_the_rows_it_was_built_from(rows in rows()) {
        let batch = build(&rows, &[]);
        prop_assert_eq!(batch.check(), Ok(()));
        prop_assert_eq!(plain(&batch), rows);
    }

    #[test]
    fn a_row_by_number_is_the_row_of_the_walk(batch in batches()) {
        for row in &batch {
            let alone = batch.row(row.index).expect("it is there");
            prop_assert_eq!((alone.key, alone.value, alone.topic), (row.key, row.value, row.topic));
            prop_assert!(alone.headers.eq(row.headers));
        }
        prop_assert!(batch.row(batch.rows).is_none());
    }

    #[test]
    fn a_slice_has_the_rows_and_checkpoints_of_its_range(batch in batches(), a in 0..14_u32, b in 0..14_u32) {
        let slice = batch.slice(a..b);
        prop_assert_eq!(slice.check(), Ok(()));
        let expected = plain(&batch).into_iter().take(b as usize).skip(a as usize).collect::<Vec<_>>();
        prop_assert_eq!(plain(&slice), expected);
        let marks = offsets(&batch).into_iter().filter(|(row, _)| (a..b).contains(row));
        prop_assert_eq!(offsets(&slice), marks.map(|(row, text)| (row - a, text)).collect::<Vec<_>>());
    }

    #[test]
    fn a_slice_of_a_slice_is_a_slice(batch in batches(), a in 0..6_u32, n in 0..8_u32, c in 0..8_u32, d in 0..8_u32) {
        let outer = batch.slice(a..a + n);
        prop_assert_eq!(outer.slice(c..d), batch.slice(a + c.min(n)..a + d.min(n)));
    }

    #[test]
    fn a_slice_copies_no_bytes(batch in batches(), a in 0..12_u32, b in 0..12_u32) {
        let slice = batch.slice(a..b);
        let whole = batch.values.data.as_ptr_range();
        let shared = slice.values.data.is_empty() || whole.contains(&slice.values.data.as_ptr());
        prop_assert!(shared);
    }

    #[test]
    fn a_selection_is_a_filter(delivery in deliveries(), picked in vec(any::<bool>(), 12)) {
        let rows: Vec<u32> = (0..12).filter(|&row| picked[row as usize]).collect();
        let selected = delivery.select(&rows);
        prop_assert_eq!(selected.check(), Ok(()));
        let keep = |at: usize| picked[at];
        let expected = traced(&delivery).into_iter().enumerate().filter(|(at, _)| keep(*at)).map(|it| it.1);
        prop_assert_eq!(traced(&selected), expected.collect::<Vec<_>>());
        let marks = offsets(&delivery.batch).into_iter().filter(|it| keep(it.0 as usize)).map(|it| it.1);
        let kept = offsets(&selected.batch).into_iter().map(|it| it.1);
        prop_assert_eq!(kept.collect::<Vec<_>>(), marks.collect::<Vec<_>>());
    }

    #[test]
    fn a_part_of_a_delivery_still_knows_where_its_rows_came_from(
        delivery in deliveries(), a in 0..12_u32, b in 0..12_u32,
    ) {
        let slice = delivery.slice(a..b);
        prop_assert_eq!(slice.check(), Ok(()));
        let expected: Vec<_> = traced(&delivery).into_iter().take(b as usize).skip(a as usize).collect();
        prop_assert_eq!(traced(&slice), expected);
    }

    #[test]
    fn garbage_is_refused_or_read_but_never_a_panic(
        batch in garbage(), a in any::<u8>(), b in any::<u8>(),
        rows in vec(any::<u8>(), 0..6), origins in vec(any::<u32>(), 0..3),
    ) {
        let (a, b) = (u32::from(a % 8), u32::from(b % 8));
        let rows: Vec<u32> = rows.into_iter().map(u32::from).collect();
        let origin = |first_row| Origin { first_row, topic: "t".to_owned(), partition: 0 };
        let delivery = Delivery { origins: origins.into_iter().map(origin).collect(), positions: vec![1], batch };
        let read = |batch: &Batch| {
            let walked = batch.iter().take(64).map(|row| row.headers.take(64).count()).sum::<usize>();
            let single = (0..16).filter_map(|row| batch.row(row));
            let searched = single.map(|row| row.headers.take(64).count()).sum::<usize>();
            (walked, searched, batch.check().is_ok(), batch.payload_bytes())
        };
        let valid = delivery.check().is_ok();
        for part in [delivery.slice(a..b), delivery.select(&rows)] {
            read(&part.batch);
            prop_assert!(!valid || part.check().is_ok());
        }
        read(&delivery.batch);
    }
}

/// Changes one number of one list, to anything.
fn disturb(batch: &mut Batch, list: usize, at: usize, number: u32) {
    let lists = [
        &mut batch.keys.ends,
        &mut batch.keys.absent,
        &mut batch.values.ends,
        &mut batch.values.absent,
        &mut batch.headers.row_ends,
        &mut batch.headers.cells.ends,
        &mut batch.headers.cells.absent,
    ];
    let list = lists.into_iter().nth(list).expect("there are seven");
    match list.len() {
        0 => list.push(number),
        len => list[at % len] = number,
    }
}

proptest! {
    #[test]
    fn what_passes_the_check_shows_every_row_cell_and_header(
        mut batch in batches(), list in 0..7_usize, at in 0..12_usize,
        number in prop_oneof![8 => 0..14_u32, 1 => any::<u32>()],
    ) {
        disturb(&mut batch, list, at, number);
        if batch.check().is_ok() {
            let rows = plain(&batch);
            prop_assert_eq!(rows.len(), batch.rows as usize);
            for (column, of_row) in [(&batch.keys, 0), (&batch.values, 1)] {
                if !column.is_missing() {
                    let has_cell = |row: &Plain| [&row.key, &row.value][of_row].is_some();
                    let absent = rows.iter().zip(0_u32..).filter(|(row, _)| !has_cell(row)).map(|(_, row)| row);
                    prop_assert_eq!(absent.collect::<Vec<_>>(), column.absent.clone());
                }
            }
            let headers = rows.iter().map(|row| row.headers.len()).sum::<usize>();
            prop_assert_eq!(headers, batch.headers.name_of.len());
        }
    }
}

#[test]
fn the_topic_of_a_row_is_the_batchs_then_the_default() {
    let none = Batch { rows: 1, ..Batch::default() };
    assert_eq!(none.topic_for(0, Some("configured")), Some("configured"));
    assert_eq!(none.topic_for(0, None), None);
    let one = Batch { rows: 2, topics: vec!["a".to_owned()], ..Batch::default() };
    assert_eq!(one.topic_for(1, Some("configured")), Some("a"));
    let two = Batch { rows: 2, topics: vec!["a".to_owned(), "b".to_owned()], topic_of: vec![1, 0], ..Batch::default() };
    assert_eq!((two.topic_for(0, None), two.topic_for(1, None)), (Some("b"), Some("a")));
}

#[test]
fn payload_bytes_counts_keys_values_and_header_values() {
    let column = |text: &'static [u8]| [Some(text)].into_iter().collect::<Column>();
    let headers =
        Headers { row_ends: vec![1], names: vec!["name".to_owned()], name_of: vec![0], cells: column(b"header") };
    let batch = Batch { rows: 1, keys: column(b"key"), values: column(b"value"), headers, ..Batch::default() };
    assert_eq!(batch.payload_bytes(), 3 + 5 + 6);
}

#[test]
fn rows_out_of_order_or_out_of_range_are_left_out_of_a_selection() {
    let values: Column = [b"a", b"b", b"c", b"d"].into_iter().map(|cell| Some(cell.as_slice())).collect();
    let batch = Batch { rows: 4, values, ..Batch::default() };
    let seen: Vec<_> = batch.select(&[1, 1, 0, 3, 9]).iter().map(|row| row.value.map(<[u8]>::to_vec)).collect();
    assert_eq!(seen, [Some(b"b".to_vec()), Some(b"d".to_vec())]);
}

#[test]
fn rows_that_take_no_bytes_are_bounded_by_their_number() {
    assert_eq!(Batch { rows: Batch::MAX_ROWS, ..Batch::default() }.check(), Ok(()));
    let refused = Batch { rows: u32::MAX, ..Batch::default() }.check();
    assert_eq!(refused, Err(BatchError::Rows { rows: u32::MAX, most: Batch::MAX_ROWS }));
}
