//! Batches as a guest may hand them over.

use wharf_core::batch::Row;
use wharf_core::{Batch, Column, Delivery, Operation};
use wharf_drivers::log::fuzzing;

use crate::input::Input;
use crate::must;

/// Rows that are walked through: a batch may claim millions.
const WALKED: u32 = 2000;
const NOW: i64 = 1_700_000_000_000;

/// Makes a batch of the bytes, right or wrong. What the sandbox does with a guest's lists before they are a [`Batch`] are
/// moves without a choice; that way is driven through a real guest by the sandbox's own tests.
pub fn batch(data: &[u8]) {
    let mut input = Input::new(data);
    let batch = input.batch();
    let (from, to) = (input.number() % 50, input.number() % 50);
    walk(&batch);
    cut(&batch, from..to);
    if batch.check().is_err() {
        return;
    }
    whole(&batch);
    parts(&batch, from.min(to)..from.max(to));
    logged(&batch);
}

/// Every accessor, which must answer with something or nothing, never with a panic, also where the lists do not fit.
fn walk(batch: &Batch) {
    for row in batch.iter().take(WALKED as usize) {
        std::hint::black_box(row.headers.clone().take(WALKED as usize).count());
    }
    for index in [0, 1, 7, batch.rows.wrapping_sub(1), batch.rows, u32::MAX] {
        let _: Option<Row<'_>> = batch.row(index);
        let _: Option<&str> = batch.topic_for(index, Some("t"));
    }
    for column in [&batch.keys, &batch.values, &batch.headers.cells] {
        must(column.cells().count() == column.len(), "cells", column);
        let _: Option<&[u8]> = column.cell(3);
    }
    let _: usize = batch.payload_bytes();
}

fn cut(batch: &Batch, range: std::ops::Range<u32>) {
    let _: Batch = batch.slice(range.clone());
    let _: Batch = batch.select(&[range.start, range.end, range.end.saturating_add(3)]);
    let delivery = Delivery { batch: batch.clone(), ..Delivery::default() };
    std::hint::black_box(delivery.check().is_ok());
    let _: Delivery = delivery.slice(range);
}

/// In a batch that was checked the row by its number and the row of the walk are the same, and bytes add up.
fn whole(batch: &Batch) {
    let walked = batch.rows.min(WALKED);
    let mut cells = 0;
    for (index, row) in (0..walked).zip(batch.iter()) {
        must(row.index == index && batch.row(index).as_ref().is_some_and(|other| same(other, &row)), "row", &row);
        let sizes = [row.key, row.value].into_iter().flatten().map(<[u8]>::len).sum::<usize>();
        cells += sizes + row.headers.clone().filter_map(|(_, value)| value).map(<[u8]>::len).sum::<usize>();
        let names: Vec<&str> = row.headers.clone().map(|(name, _)| name).collect();
        must(names.iter().all(|name| batch.headers.names.iter().any(|known| known == name)), "names", &names);
    }
    if walked == batch.rows {
        // Cells that are absent may leave bytes that nobody sees.
        must(cells <= batch.payload_bytes(), "payload", batch);
    }
}

fn same(one: &Row<'_>, other: &Row<'_>) -> bool {
    let plain = |row: &Row<'_>| (row.index, row.timestamp, row.partition, row.operation);
    (one.key, one.value, one.topic) == (other.key, other.value, other.topic)
        && plain(one) == plain(other)
        && one.headers.clone().eq(other.headers.clone())
}

/// Parts of a batch that was checked pass the check too and hold the same rows.
fn parts(batch: &Batch, range: std::ops::Range<u32>) {
    let slice = batch.slice(range.clone());
    must(slice.check().is_ok(), "slice", &slice);
    for (row, of) in slice.iter().zip(batch.iter().skip(range.start as usize)) {
        must(row.value == of.value && row.key == of.key && row.headers.eq(of.headers), "row of a slice", &range);
    }
    let some = [range.start, range.start + 2, range.end + 3];
    let selected = batch.select(&some);
    must(selected.check().is_ok(), "selection", &selected);
    for (row, at) in selected.iter().zip(some.iter().filter(|at| **at < batch.rows)) {
        must(batch.row(*at).is_some_and(|of| of.value == row.value && of.key == row.key), "row of a selection", at);
    }
}

/// What passes the check is in the log as it was handed over.
fn logged(batch: &Batch) {
    let Some(bytes) = fuzzing::encode(batch.clone(), NOW) else { return };
    let expected = Batch {
        timestamps: if batch.timestamps.is_empty() { vec![NOW; batch.rows as usize] } else { batch.timestamps.clone() },
        // Where rows go is settled before, and checkpoints have a section of their own.
        topics: Vec::new(),
        topic_of: Vec::new(),
        partitions: Vec::new(),
        checkpoints: Vec::new(),
        ..batch.clone()
    };
    let read = fuzzing::decode(&bytes);
    must(read.as_ref() == Some(&expected), "read back from the log", &read);
    let whole = bytes.len();
    must(fuzzing::decode(&bytes.slice(..whole - 1)).is_none(), "a torn frame is read", &whole);
    let _: Operation = expected.operations.first().copied().unwrap_or_default();
    let _: &Column = &expected.keys;
}
