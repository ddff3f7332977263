//! All other files, cut or flipped at every byte: indexes, snapshots and descriptions of topics change nothing, and a
//! group's journal costs commits at the worst.

use std::path::Path;

use tempfile::TempDir;
use wharf_core::TopicPosition;
use wharf_drivers::Admin;

use super::image::{Image, OTHER, go_on, open_and_look, runtime, timestamp};
use crate::support::*;

/// The files with `file` cut at each byte, and with each bit of it flipped.
fn each_damage<'a>(image: &'a Image, file: &'a Path, len: usize) -> impl Iterator<Item = (String, TempDir)> + 'a {
    let cuts = (0..len).map(|at| (format!("{} cut at {at}", file.display()), image.cut(file, at)));
    let flips = (0..len * 8).map(move |bit| {
        (format!("{}, bit {} of byte {}", file.display(), bit % 8, bit / 8), image.flipped(file, bit / 8, bit % 8))
    });
    cuts.chain(flips)
}

#[test]
fn an_index_damaged_in_any_way_changes_nothing() {
    runtime().block_on(async {
        let image = Image::new(4, false).await;
        for (file, len) in image.with(&["index"]) {
            for (number, (what, dir)) in each_damage(&image, &file, len).enumerate() {
                let (log, found) = open_and_look(dir.path(), image.total).await;
                assert_eq!((found.rows, &found.error, found.position), (8, &None, Some(8)), "{what}");
                let mut reader = consumer(&log, "h", "0").await;
                let mut at = assigned(&mut reader).await;
                for row in [7, 3, 0, 5] {
                    at[0].position = row;
                    reader.seek(&at).await.unwrap();
                    assert_eq!(values(&mut reader, 1).await[0], format!("row {row}"), "{what}");
                }
                drop(reader);
                if number % 16 == 0 {
                    go_on(dir.path(), log, 8).await;
                }
            }
        }
    });
}

#[test]
fn rows_are_found_by_time_whatever_became_of_the_time_index() {
    runtime().block_on(async {
        let image = Image::new(4, false).await;
        for (file, len) in image.with(&["timeindex"]) {
            for (what, dir) in each_damage(&image, &file, len) {
                let (log, found) = open_and_look(dir.path(), image.total).await;
                assert_eq!((found.rows, &found.error, found.position), (8, &None, Some(8)), "{what}");
                for row in 0..=8 {
                    // Frames have two rows, and are found as wholes.
                    let time = timestamp(row);
                    let expected = if row == 8 { 8 } else { row as i64 / 2 * 2 };
                    let answer = log.offset_for_time("t", 0, time).await.unwrap();
                    assert_eq!(answer, Some(expected), "{what}, row {row}");
                }
            }
        }
    });
}

#[test]
fn a_snapshot_of_sources_damaged_in_any_way_changes_nothing() {
    runtime().block_on(async {
        let image = Image::new(6, true).await;
        let snapshots = image.with(&["sources"]);
        assert_eq!(snapshots.len(), 2);
        for (file, len) in snapshots {
            for (what, dir) in each_damage(&image, &file, len) {
                let (_log, found) = open_and_look(dir.path(), image.total).await;
                assert_eq!((found.rows, &found.error, found.position), (12, &None, Some(12)), "{what}");
                assert_eq!(found.other, Some(OTHER), "{what}");
            }
        }
    });
}

#[test]
fn the_description_of_a_topic_damaged_in_any_way_hides_no_row() {
    runtime().block_on(async {
        let image = Image::new(2, false).await;
        let descriptions = image.with(&["json"]);
        assert_eq!(descriptions.len(), 1);
        for (file, len) in descriptions {
            for (number, (what, dir)) in each_damage(&image, &file, len).enumerate() {
                let (log, found) = open_and_look(dir.path(), image.total).await;
                assert_eq!((found.rows, &found.error, found.position), (4, &None, Some(4)), "{what}");
                if number % 16 == 0 {
                    go_on(dir.path(), log, 4).await;
                }
            }
        }
    });
}

#[test]
fn a_journal_damaged_in_any_way_is_some_earlier_state_of_it_and_goes_on() {
    runtime().block_on(async {
        let image = Image::new(1, false).await;
        let journals = image.with(&["journal"]);
        assert_eq!(journals.len(), 1);
        for (file, len) in journals {
            for (what, dir) in each_damage(&image, &file, len) {
                let log = open(dir.path());
                let committed = log.committed("g").await.unwrap();
                let at = committed.first().map_or(0, |at| at.position);
                assert!(committed.len() <= 1 && (0..3).contains(&at), "{what}: {committed:?}");
                let mut reader = consumer(&log, "g", "0").await;
                assert_eq!(assigned(&mut reader).await[0].position, at, "{what}");
                let next = TopicPosition { topic: "t".into(), partition: 0, position: 2 };
                reader.commit(std::slice::from_ref(&next)).await.unwrap();
                drop(reader);
                wharf_drivers::Driver::close(&*log).await.unwrap();
                drop(log);
                assert_eq!(open(dir.path()).committed("g").await.unwrap(), [next], "{what}");
            }
        }
    });
}
