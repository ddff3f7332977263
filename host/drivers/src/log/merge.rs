//! Small batches into one, so that a sink is not called for a handful of rows.

use bytes::BytesMut;
use wharf_core::{Batch, Column};

use super::read::Rows;

/// Frames above this are passed on as they are; copying them would cost more than a call.
const SMALL: usize = 32 << 10;

/// How many of the rows at the front may go into one batch of at most these sizes; at least 1 when there is one.
pub(crate) fn run<'a>(mut rows: impl Iterator<Item = &'a Rows>, max_rows: u32, max_bytes: usize) -> usize {
    let Some(first) = rows.next() else { return 0 };
    let (mut count, mut all, mut bytes, mut end) = (1, u64::from(first.batch.rows), first.bytes, first.end());
    if first.bytes > SMALL {
        return 1;
    }
    for next in rows {
        (all, bytes) = (all + u64::from(next.batch.rows), bytes + next.bytes);
        let fits = next.bytes <= SMALL && all <= u64::from(max_rows) && bytes <= max_bytes;
        if !fits || next.base != end || !alike(&first.batch, &next.batch) {
            break;
        }
        (count, end) = (count + 1, next.end());
    }
    count
}

/// Whether two batches have the same columns.
fn alike(a: &Batch, b: &Batch) -> bool {
    a.key_format == b.key_format
        && a.value_format == b.value_format
        && a.keys.is_missing() == b.keys.is_missing()
        && a.values.is_missing() == b.values.is_missing()
        && a.headers.row_ends.is_empty() == b.headers.row_ends.is_empty()
        && a.headers.names == b.headers.names
        && a.headers.cells.is_missing() == b.headers.cells.is_missing()
        && a.operations.is_empty() == b.operations.is_empty()
        && a.schemas == b.schemas
        && a.key_schema_of.is_empty() == b.key_schema_of.is_empty()
        && a.value_schema_of.is_empty() == b.value_schema_of.is_empty()
}

/// One batch of all rows, which are as [`run`] found them.
pub(crate) fn merge(rows: Vec<Rows>) -> Option<Rows> {
    if rows.len() < 2 {
        return rows.into_iter().next();
    }
    let batches = || rows.iter().map(|rows| &rows.batch);
    let first = rows.first()?;
    let mut batch = Batch {
        rows: batches().map(|batch| batch.rows).sum(),
        keys: columns(batches().map(|batch| &batch.keys)),
        values: columns(batches().map(|batch| &batch.values)),
        timestamps: batches().flat_map(|batch| batch.timestamps.iter().copied()).collect(),
        operations: batches().flat_map(|batch| batch.operations.iter().copied()).collect(),
        key_schema_of: batches().flat_map(|batch| batch.key_schema_of.iter().copied()).collect(),
        value_schema_of: batches().flat_map(|batch| batch.value_schema_of.iter().copied()).collect(),
        schemas: first.batch.schemas.clone(),
        key_format: first.batch.key_format,
        value_format: first.batch.value_format,
        ..Batch::default()
    };
    batch.headers.names.clone_from(&first.batch.headers.names);
    batch.headers.cells = columns(batches().map(|batch| &batch.headers.cells));
    batch.headers.name_of = batches().flat_map(|batch| batch.headers.name_of.iter().copied()).collect();
    batch.headers.row_ends = shifted(batches().map(|batch| batch.headers.row_ends.as_slice()));
    Some(Rows { base: first.base, bytes: rows.iter().map(|rows| rows.bytes).sum(), batch })
}

fn columns<'a>(all: impl Iterator<Item = &'a Column> + Clone) -> Column {
    let mut data = BytesMut::with_capacity(all.clone().map(|column| column.data.len()).sum());
    let (mut absent, mut rows) = (Vec::new(), 0);
    for column in all.clone() {
        data.extend_from_slice(&column.data);
        absent.extend(column.absent.iter().map(|row| row + rows));
        rows += column.ends.len() as u32;
    }
    Column { data: data.freeze(), ends: shifted(all.map(|column| column.ends.as_slice())), absent }
}

/// Lists of ends, each counted on from the last end of the one before.
fn shifted<'a>(lists: impl Iterator<Item = &'a [u32]> + Clone) -> Vec<u32> {
    let mut ends = Vec::with_capacity(lists.clone().map(<[u32]>::len).sum());
    for list in lists {
        let base = ends.last().copied().unwrap_or(0);
        ends.extend(list.iter().map(|end| base + end));
    }
    ends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::log::frame::tests::batches;

    proptest! {
        #[test]
        fn what_was_merged_slices_back_into_its_parts(batch in batches(), cut in any::<prop::sample::Index>()) {
            let cut = cut.index(batch.rows as usize + 1) as u32;
            let rows = |base: u32, batch: Batch| Rows { base: u64::from(base), batch, bytes: 10 };
            let parts = vec![rows(0, batch.slice(0..cut)), rows(cut, batch.slice(cut..batch.rows))];
            let together = run(parts.iter(), u32::MAX, usize::MAX);
            prop_assert!(together >= 1);
            if together == 2 {
                let merged = merge(parts.clone()).unwrap().batch;
                prop_assert!(merged.check().is_ok());
                prop_assert_eq!(merged.slice(0..cut), parts[0].batch.clone());
                prop_assert_eq!(merged.slice(cut..batch.rows), parts[1].batch.clone());
            }
        }
    }

    #[test]
    fn a_gap_a_large_frame_or_a_full_batch_ends_the_run() {
        let rows = |base: u64, bytes| Rows { base, batch: Batch { rows: 2, ..Batch::default() }, bytes };
        let all = [rows(0, 9), rows(2, 9), rows(4, 9), rows(7, 9)];
        assert_eq!(run(all.iter(), 100, 100), 3);
        assert_eq!(run(all.iter(), 5, 100), 2);
        assert_eq!(run(all.iter(), 100, 20), 2);
        assert_eq!(run(all.iter(), 1, 1), 1);
        assert_eq!(run([rows(0, SMALL + 1), rows(2, 9)].iter(), 100, usize::MAX), 1);
        assert_eq!(run([].iter(), 1, 1), 0);
    }
}
