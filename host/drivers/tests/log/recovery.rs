//! What a crash leaves, and what is made of it.

use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;
use wharf_drivers::log::{LogOptions, SyncPolicy};
use wharf_drivers::{Driver, DriverError};

use crate::support::*;

/// Frames of 1 to 7 rows, each acknowledged before the next, without a clean close. Returns up to which row each goes,
/// and where it ends in the file.
async fn frames(dir: &Path, count: u64) -> Vec<(u64, u64)> {
    let log = open(dir);
    let mut producer = producer(&log, "s", 0).await;
    let (mut row, mut ends) = (0, Vec::new());
    for frame in 0..count {
        let rows = frame % 7 + 1;
        put(&mut producer, marked(&numbers(row..row + rows), row + rows)).await.unwrap();
        row += rows;
        ends.push((row, std::fs::metadata(&segments(dir)[0]).unwrap().len()));
    }
    ends
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(work)
}

/// A copy of a log with one segment, whose segment and, with `index`, index are changed.
fn changed(dir: &Path, index: bool, change: impl FnOnce(&mut Vec<u8>)) -> TempDir {
    let copied = tempfile::tempdir().unwrap();
    copy(dir, copied.path());
    let segment = &segments(copied.path())[0];
    let mut bytes = std::fs::read(segment).unwrap();
    change(&mut bytes);
    std::fs::write(segment, bytes).unwrap();
    if index {
        std::fs::remove_file(segment.with_extension("index")).unwrap();
    }
    copied
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_log_cut_at_any_byte_keeps_all_frames_before_the_cut_and_their_checkpoints(
        cut in any::<prop::sample::Index>(), count in 1..12_u64, garbage in prop::collection::vec(any::<u8>(), 0..300),
        lost_index: bool,
    ) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let ends = frames(dir.path(), count).await;
            let mut cut_at = 0;
            let copied = changed(dir.path(), lost_index, |bytes| {
                cut_at = cut.index(bytes.len() + 1);
                bytes.truncate(cut_at);
                bytes.extend_from_slice(&garbage);
            });
            let rows = ends.iter().filter(|(_, end)| *end <= cut_at as u64).map(|(row, _)| *row).max().unwrap_or(0);
            let log = open(copied.path());
            prop_assert_eq!(all_values(&log).await.unwrap(), numbers(0..rows));
            prop_assert_eq!(position(&log, "s").await, (rows > 0).then_some(rows));
            // And it goes on from there.
            put(&mut producer(&log, "s", 0).await, marked(&["more"], 1000)).await.unwrap();
            log.close().await.unwrap();
            drop(log);
            let log = open(copied.path());
            prop_assert_eq!(all_values(&log).await.unwrap().len() as u64, rows + 1);
            prop_assert_eq!(position(&log, "s").await, Some(1000));
            Ok(())
        })?;
    }

    #[test]
    fn a_flipped_bit_is_told_or_costs_the_last_frame_but_never_gives_a_wrong_row(
        at in any::<prop::sample::Index>(), bit in 0..8_u32, count in 1..12_u64, lost_index: bool,
    ) {
        run(async {
            let dir = tempfile::tempdir().unwrap();
            let ends = frames(dir.path(), count).await;
            let mut flipped = 0;
            let copied = changed(dir.path(), lost_index, |bytes| {
                flipped = at.index(bytes.len());
                bytes[flipped] ^= 1_u8 << bit;
            });
            let before = |position: u64| ends.iter().filter(|(_, end)| *end <= position).map(|(row, _)| *row).max().unwrap_or(0);
            let rows = before(flipped as u64);
            let is_last = ends.len() < 2 || flipped as u64 >= ends[ends.len() - 2].1;
            let log = open(copied.path());
            match all_values(&log).await {
                // The last frame looks like one that was being written.
                Ok(values) => {
                    prop_assert!(is_last, "byte {} is not in the last frame of {:?}", flipped, ends);
                    prop_assert_eq!(values, numbers(0..rows));
                }
                Err(DriverError::Fatal(error)) => {
                    prop_assert!(!is_last, "{}", error);
                    prop_assert!(error.contains("is damaged at byte"), "{}", error);
                    prop_assert!(error.contains("00000000000000000000.log"), "{}", error);
                }
                Err(other) => prop_assert!(false, "{:?}", other),
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_zero_filled_tail_is_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let rows = frames(dir.path(), 5).await.last().unwrap().0;
    let copied = changed(dir.path(), false, |bytes| bytes.resize(bytes.len() + 100_000, 0));
    let log = open(copied.path());
    assert_eq!(all_values(&log).await.unwrap(), numbers(0..rows));
}

#[tokio::test]
async fn lost_and_scrambled_index_files_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 2000, index_interval: 1, ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut producer = producer(&log, "s", 0).await;
    for row in 0..60 {
        put(&mut producer, marked(&numbers(row..row + 1), row)).await.unwrap();
    }
    drop((producer, log));
    assert!(segments(dir.path()).len() > 3);
    for scramble in [None, Some(vec![0; 320]), Some(vec![0xff; 333]), Some((0..160).collect::<Vec<u8>>())] {
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        for segment in segments(copied.path()) {
            for extension in ["index", "timeindex"] {
                let path = segment.with_extension(extension);
                match &scramble {
                    None => std::fs::remove_file(&path).unwrap(),
                    Some(bytes) => std::fs::write(&path, bytes).unwrap(),
                }
            }
        }
        let log = open_with(copied.path(), options.clone());
        assert_eq!(all_values(&log).await.unwrap(), numbers(0..60));
        assert_eq!(position(&log, "s").await, Some(59));
        let mut reader = consumer(&log, "g", "0").await;
        let mut at = assigned(&mut reader).await;
        for row in [59, 0, 31] {
            at[0].position = row;
            reader.seek(&at).await.unwrap();
            assert_eq!(values(&mut reader, 1).await[0], format!("row {row}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_while_rows_flow_holds_everything_that_was_acknowledged_before() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { segment_bytes: 20_000, ..LogOptions::default() });
    let mut producer = producer(&log, "s", 0).await;
    let (acknowledged, seen) = tokio::sync::watch::channel(0_u64);
    let writing = tokio::spawn(async move {
        let mut row = 0;
        while !acknowledged.is_closed() {
            put(&mut producer, marked(&numbers(row..row + 10), row + 10)).await.unwrap();
            row += 10;
            acknowledged.send_replace(row);
        }
        row
    });
    for least in [1, 300, 900] {
        seen.clone().wait_for(|&row| row >= least).await.unwrap();
        let before = *seen.borrow();
        let copied = tempfile::tempdir().unwrap();
        // Newest files last is the one order that a crash cannot produce: a moving copy has an old start and a new end,
        // but segments only grow.
        copy(dir.path(), copied.path());
        let copy = open(copied.path());
        let rows = all_values(&copy).await.unwrap();
        assert!(rows.len() as u64 >= before, "{} rows, {before} were acknowledged", rows.len());
        assert_eq!(rows, numbers(0..rows.len() as u64));
        let known = position(&copy, "s").await.unwrap();
        assert_eq!(known, rows.len() as u64, "checkpoint and rows are one");
    }
    drop(seen);
    let total = writing.await.unwrap();
    assert_eq!(all_values(&log).await.unwrap(), numbers(0..total));
}

#[tokio::test]
async fn a_missing_segment_is_an_error_of_its_partition_only() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 1000, ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut one = producer(&log, "s", 0).await;
    for row in 0..30 {
        put(&mut one, batch(&numbers(row..row + 1))).await.unwrap();
        let mut other = batch(&["fine"]);
        other.topics = vec!["other".into()];
        put(&mut one, other).await.unwrap();
    }
    log.close().await.unwrap();
    drop((one, log));
    std::fs::remove_file(&segments(dir.path())[1]).unwrap();
    let log = open_with(dir.path(), options);
    let error = all_values(&log).await.unwrap_err();
    assert!(matches!(&error, DriverError::Fatal(text) if text.contains("are missing")), "{error:?}");
    let mut producer = producer(&log, "s", 0).await;
    assert!(matches!(producer.send(batch(&["x"])).await, Err(DriverError::Fatal(_))));
    let mut producer = log
        .producer(wharf_drivers::ProducerOptions {
            source: "s".into(),
            task: 1,
            default_topic: Some("other".into()),
            max_in_flight: 1,
        })
        .await
        .unwrap();
    put(&mut producer, batch(&["still fine"])).await.unwrap();
}

#[tokio::test]
async fn damage_in_an_old_segment_is_told_with_file_and_place_when_it_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 1000, ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut one = producer(&log, "s", 0).await;
    for row in 0..30 {
        put(&mut one, batch(&numbers(row..row + 1))).await.unwrap();
    }
    drop((one, log));
    let old = &segments(dir.path())[1];
    let mut bytes = std::fs::read(old).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(old, bytes).unwrap();
    let log = open_with(dir.path(), options);
    let error = all_values(&log).await.unwrap_err();
    let name = old.file_name().unwrap().to_str().unwrap();
    assert!(
        matches!(&error, DriverError::Fatal(text) if text.contains(name) && text.contains("damaged at byte")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_write_that_fails_fails_what_follows_and_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { segment_bytes: 1, ..LogOptions::default() });
    let mut old = producer(&log, "s", 0).await;
    put(&mut old, marked(&["row 0"], 1)).await.unwrap();
    // Every frame begins a segment: without the directory that fails.
    let (partition, away) = (dir.path().join("topics/t/0"), dir.path().join("away"));
    std::fs::rename(&partition, &away).unwrap();
    let failing = old.send(marked(&["lost"], 2)).await.unwrap();
    let following = old.send(marked(&["lost too"], 3)).await;
    let error = failing.await.unwrap_err();
    assert!(matches!(&error, DriverError::Retriable(text) if text.contains("cannot open")), "{error:?}");
    std::fs::rename(&away, &partition).unwrap();
    match following {
        Ok(following) => assert!(following.await.is_err()),
        Err(error) => assert!(matches!(error, DriverError::Retriable(_))),
    }
    assert!(old.send(marked(&["late"], 4)).await.is_err(), "the producer must be opened anew");
    assert_eq!(position(&log, "s").await, Some(1));
    let mut new = producer(&log, "s", 0).await;
    put(&mut new, marked(&["row 1"], 2)).await.unwrap();
    drop((old, new, log));
    let log = open(dir.path());
    assert_eq!(all_values(&log).await.unwrap(), numbers(0..2));
    assert_eq!(position(&log, "s").await, Some(2));
}

#[tokio::test]
async fn other_sync_policies_lose_nothing_when_only_the_process_dies() {
    for sync in [SyncPolicy::None, SyncPolicy::Interval(std::time::Duration::from_millis(1))] {
        let dir = tempfile::tempdir().unwrap();
        let options = LogOptions { sync, segment_bytes: 2000, ..LogOptions::default() };
        let log = open_with(dir.path(), options);
        let mut producer = producer(&log, "s", 0).await;
        for row in 0..40 {
            put(&mut producer, marked(&numbers(row..row + 1), row)).await.unwrap();
        }
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        let copy = open(copied.path());
        assert_eq!(all_values(&copy).await.unwrap(), numbers(0..40));
        assert_eq!(position(&copy, "s").await, Some(39));
        log.close().await.unwrap();
    }
}

#[tokio::test]
async fn one_directory_has_one_owner() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let error = wharf_drivers::log::LogDriver::open(dir.path(), LogOptions::default()).unwrap_err();
    assert!(error.to_string().contains("is in use"), "{error}");
    drop(log);
    open(dir.path());
}

#[tokio::test]
async fn a_partition_whose_segments_are_all_missing_does_not_begin_anew_over_them() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    put(&mut producer(&log, "s", 0).await, marked(&numbers(0..10), 10)).await.unwrap();
    log.close().await.unwrap();
    drop(log);
    let segment = segments(dir.path()).remove(0);
    let aside = segment.with_extension("aside");
    std::fs::rename(&segment, &aside).unwrap();
    let log = open(dir.path());
    let error = producer(&log, "s", 0).await.send(batch(&["x"])).await.err().unwrap();
    assert!(matches!(&error, DriverError::Fatal(text) if text.contains("all segment files in")), "{error:?}");
    log.close().await.unwrap();
    drop(log);
    std::fs::rename(&aside, &segment).unwrap();
    let log = open(dir.path());
    assert_eq!(all_values(&log).await.unwrap(), numbers(0..10));
    assert_eq!(position(&log, "s").await, Some(10));
}

#[tokio::test]
async fn a_roll_that_fails_leaves_no_file_in_the_way_of_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 1000, ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut first = producer(&log, "s", 0).await;
    put(&mut first, marked(&numbers(0..10), 10)).await.unwrap();
    // The name of the next segment is taken by something that cannot be opened.
    let next = segments(dir.path())[0].with_file_name("00000000000000000010.log");
    std::fs::create_dir(&next).unwrap();
    let large = "x".repeat(900);
    let error = put(&mut first, marked(&[&large], 11)).await.unwrap_err();
    assert!(error.to_string().contains("00000000000000000010.log"), "{error}");
    std::fs::remove_dir(&next).unwrap();
    // Created, and then the disk failed: what is small enough for the old segment must not go there any more.
    std::fs::write(&next, "").unwrap();
    let mut second = producer(&log, "s", 0).await;
    put(&mut second, marked(&["small"], 11)).await.unwrap();
    log.close().await.unwrap();
    drop(log);
    let log = open_with(dir.path(), options);
    assert_eq!(all_values(&log).await.unwrap().len(), 11);
    assert_eq!(position(&log, "s").await, Some(11));
}
