//! Going on from a checkpoint, without losing a row.

use std::collections::HashMap;
use std::sync::Arc;

use wharf_core::SourceOffset;

use super::recording::{End, Recording, Seen, record};
use crate::bench::Bench;
use crate::check::{Found, Step};
use crate::offsets::{Stored, key};

/// Runs the source twice from its start and then from many of the checkpoints it gave, and compares the rows.
pub(crate) async fn resume(bench: &Bench, found: &mut Found) -> Step {
    let most = bench.options.rows.max(1);
    let first = from_start(bench, most).await?;
    if first.rows.is_empty() {
        found.skip("the source brought no rows: give a configuration with which it has some");
        return Ok(());
    }
    if first.marks.is_empty() {
        found.fail(format!(
            "{} rows came without a checkpoint: after a restart they would all come again; mark the last row of a poll",
            first.rows.len()
        ));
        return Ok(());
    }
    let second = from_start(bench, first.rows.len()).await?;
    if first.rows != second.rows {
        found.skip(format!(
            "two runs from the start brought different rows ({} and {}, the first difference at row {}), so there is \
             nothing to compare with",
            first.rows.len(),
            second.rows.len(),
            first.rows.iter().zip(&second.rows).take_while(|(one, other)| one == other).count()
        ));
        return Ok(());
    }
    let chosen = spread(first.marks.len(), bench.options.checkpoints.max(1));
    found.note(format!(
        "{} rows, resumed from {} of {} checkpoints{}",
        first.rows.len(),
        chosen.len(),
        first.marks.len(),
        if first.end == End::Enough { "; the source has more" } else { "" }
    ));
    for mark in chosen {
        from_mark(bench, found, &first, mark).await?;
    }
    Ok(())
}

async fn from_start(bench: &Bench, most: usize) -> Step<Recording> {
    let mut task = bench.source(Arc::new(Stored::default())).await?;
    record(bench, task.as_mut(), most).await
}

/// At most so many of `count` places, the first and the last among them.
fn spread(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    let mut places: Vec<usize> = (0..most).map(|at| at * (count - 1) / (most - 1).max(1)).collect();
    places.dedup();
    places
}

async fn from_mark(bench: &Bench, found: &mut Found, first: &Recording, mark: usize) -> Step {
    let Some((done, at)) = first.marks.get(mark) else { return Ok(()) };
    // What a worker has stored then: of each partition the last.
    let stored = first.marks.iter().take(mark + 1).map(|(_, at)| at);
    let expected = first.rows.get(*done..).unwrap_or_default();
    // Where nothing more should come, one row more than nothing shows that something does.
    let wanted = if first.partitions() > 1 { first.rows.len() } else { expected.len().max(1) };
    let mut task = bench.source(Arc::new(Stored::new(stored))).await.map_err(|reason| from(at, &reason))?;
    let resumed = record(bench, task.as_mut(), wanted).await.map_err(|reason| from(at, &reason))?;
    if first.partitions() > 1 {
        all_there(found, at, expected, &resumed.rows);
    } else {
        in_order(found, at, &first.rows, *done, &resumed.rows);
    }
    Ok(())
}

fn from(at: &SourceOffset, what: &str) -> String {
    format!("from {} of {}: {what}", at.offset, at.partition)
}

/// One partition: the rows behind the checkpoint come, and no other.
fn in_order(found: &mut Found, at: &SourceOffset, all: &[Seen], done: usize, resumed: &[Seen]) {
    let expected = all.get(done..).unwrap_or_default();
    let (wanted, got) = (expected.len(), resumed.len());
    // A poll may bring more than is compared, and a source that is alive may have more by now.
    if resumed.get(..wanted) == Some(expected) && (wanted > 0 || got == 0) {
        return;
    }
    // Does it begin with rows that were done?
    let again = |earlier: &usize| {
        let from = all.get(done.saturating_sub(*earlier)..).unwrap_or_default();
        let common = from.len().min(got);
        common >= wanted.min(1) && common > 0 && from.get(..common) == resumed.get(..common)
    };
    if let Some(earlier) = (1..=done).find(again) {
        return found.warn(from(at, &format!("{earlier} rows before the checkpoint come again")));
    }
    if wanted == 0 {
        // New rows have come meanwhile: nothing to compare them with.
        return;
    }
    let same = expected.iter().zip(resumed).take_while(|(one, other)| one == other).count();
    let shown = |seen: Option<&Seen>| seen.map_or("nothing".to_owned(), |seen| format!("\"{}\"", seen.shown));
    let (want, is) = (shown(expected.get(same)), shown(resumed.get(same)));
    let place = done + same;
    found.fail(from(at, &format!("row {place} should be {want}, but {is} came: rows are lost or changed")));
}

/// Several partitions, each with its own offset: rows may change their order and come again, but none may be missing.
fn all_there(found: &mut Found, at: &SourceOffset, expected: &[Seen], resumed: &[Seen]) {
    let mut there: HashMap<&str, Vec<&Seen>> = HashMap::new();
    for seen in resumed {
        there.entry(&seen.shown).or_default().push(seen);
    }
    let mut missing = expected.iter().filter(|seen| {
        let same = there.get_mut(seen.shown.as_str());
        let place = same.as_ref().and_then(|same| same.iter().position(|other| other == seen));
        same.zip(place).map(|(same, place)| same.swap_remove(place)).is_none()
    });
    if let Some(lost) = missing.next() {
        let more = missing.count();
        found.fail(from(at, &format!("the row \"{}\" is lost, and {more} more", lost.shown)));
    }
}

/// The text by which offsets are compared.
pub(crate) fn last_of_each(marks: &[(usize, SourceOffset)]) -> Vec<SourceOffset> {
    let mut last: Vec<SourceOffset> = Vec::new();
    for (_, at) in marks {
        match last.iter_mut().find(|other| key(&other.partition) == key(&at.partition)) {
            Some(other) => *other = at.clone(),
            None => last.push(at.clone()),
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_spread_from_the_first_to_the_last() {
        assert_eq!(spread(3, 5), [0, 1, 2]);
        assert_eq!(spread(101, 5), [0, 25, 50, 75, 100]);
        assert_eq!(spread(100, 1), [0]);
    }
}
