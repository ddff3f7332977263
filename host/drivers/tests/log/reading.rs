//! What readers see, in which portions, and what retention leaves them.

use std::time::Duration;

use futures_util::FutureExt;
use wharf_core::{Batch, Column, Headers};
use wharf_drivers::log::offline::LogFiles;
use wharf_drivers::log::{LogOptions, SyncPolicy};
use wharf_drivers::{Admin, Driver, DriverError, Polled};

use crate::support::*;

#[tokio::test]
async fn rows_come_back_with_all_their_columns() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let cells = |cells: &[Option<&str>]| cells.iter().map(|cell| cell.map(str::as_bytes)).collect::<Column>();
    let rows = Batch {
        rows: 3,
        keys: cells(&[Some("k"), None, Some("")]),
        values: cells(&[None, Some("v"), Some("")]),
        value_format: wharf_core::Format::Json,
        headers: Headers {
            row_ends: vec![1, 1, 2],
            names: vec!["h".into()],
            name_of: vec![0, 0],
            cells: cells(&[Some("x"), None]),
        },
        timestamps: vec![5, -1, 7],
        operations: vec![wharf_core::Operation::Create, wharf_core::Operation::Delete, wharf_core::Operation::Unknown],
        ..Batch::default()
    };
    put(&mut producer(&log, "s", 0).await, rows.clone()).await.unwrap();
    let mut reader = consumer(&log, "g", "0").await;
    assigned(&mut reader).await;
    let Polled::Rows(delivery) = reader.poll(100, 1000, LONG).await.unwrap() else { panic!() };
    delivery.check().unwrap();
    assert_eq!(delivery.batch, rows);
    assert_eq!(delivery.positions, [0, 1, 2]);
    assert_eq!((delivery.origins[0].topic.as_str(), delivery.origins[0].partition), ("t", 0));
}

#[tokio::test]
async fn a_reader_never_sees_rows_that_are_not_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let window = Duration::from_millis(300);
    let log = open_with(dir.path(), LogOptions { sync: SyncPolicy::Group { window }, ..LogOptions::default() });
    let mut producer = producer(&log, "s", 0).await;
    put(&mut producer, batch(&["one"])).await.unwrap();
    let mut reader = consumer(&log, "g", "0").await;
    assert_eq!(values(&mut reader, 1).await, ["one"]);
    let mut waiting = producer.send(batch(&["two"])).await.unwrap();
    let early = reader.poll(10, 1000, SHORT).await.unwrap();
    if (&mut waiting).now_or_never().is_none() {
        assert!(matches!(early, Polled::Idle), "{early:?}");
        waiting.await.unwrap();
        assert_eq!(values(&mut reader, 1).await, ["two"]);
    }
}

#[tokio::test]
async fn portions_are_as_large_as_asked_and_small_batches_come_together() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { segment_bytes: 20_000, ..LogOptions::default() });
    let mut producer = producer(&log, "s", 0).await;
    put(&mut producer, batch(&numbers(0..100))).await.unwrap();
    for row in 100..300 {
        put(&mut producer, batch(&numbers(row..row + 1))).await.unwrap();
    }
    assert!(segments(dir.path()).len() > 1);
    let mut reader = consumer(&log, "g", "0").await;
    assigned(&mut reader).await;
    let (mut all, mut sizes) = (Vec::new(), Vec::new());
    while all.len() < 300 {
        let Polled::Rows(rows) = reader.poll(64, 400, LONG).await.unwrap() else { panic!("{all:?}") };
        rows.check().unwrap();
        assert!(rows.batch.rows <= 64 && rows.batch.payload_bytes() <= 400, "{} rows", rows.batch.rows);
        assert_eq!(rows.positions[0], all.len() as i64);
        sizes.push(rows.batch.rows);
        all.extend(texts(&rows.batch));
    }
    assert_eq!(all, numbers(0..300));
    assert!(sizes[0] > 40, "{sizes:?}");

    let mut reader = consumer(&log, "h", "0").await;
    assigned(&mut reader).await;
    let mut polls = 0;
    while reader.lag().await.unwrap()[0].at.position < 300 {
        reader.poll(1000, 1 << 20, LONG).await.unwrap();
        polls += 1;
    }
    assert!(polls < 20, "{polls} polls for 201 frames");
}

#[tokio::test]
async fn a_dropped_poll_loses_no_row() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    put(&mut producer(&log, "s", 0).await, batch(&numbers(0..500))).await.unwrap();
    let mut reader = consumer(&log, "g", "0").await;
    let mut all = Vec::new();
    while all.len() < 500 {
        match reader.poll(3, 1 << 20, LONG).now_or_never() {
            Some(Ok(Polled::Rows(rows))) => all.extend(texts(&rows.batch)),
            Some(Ok(_)) => {}
            Some(Err(error)) => panic!("{error}"),
            None => tokio::task::yield_now().await,
        }
    }
    assert_eq!(all, numbers(0..500));
}

#[tokio::test]
async fn partitions_take_turns() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { default_partitions: 2, ..LogOptions::default() });
    let mut producer = producer(&log, "s", 0).await;
    for partition in [0, 1] {
        let mut rows = batch(&numbers(0..50));
        rows.partitions = vec![partition; 50];
        put(&mut producer, rows).await.unwrap();
    }
    let mut reader = consumer(&log, "g", "0").await;
    let mut seen = Vec::new();
    while seen.len() < 20 {
        if let Polled::Rows(rows) = reader.poll(5, 1000, LONG).await.unwrap() {
            seen.push(rows.origins[0].partition);
        }
    }
    // However the first reads interleave, the second partition has not waited for the end of the first.
    assert!(seen[..12].contains(&0) && seen[..12].contains(&1), "{seen:?}");
}

#[tokio::test]
async fn retention_deletes_old_segments_and_readers_go_on_at_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 1000, retention_bytes: Some(3000), ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut producer = producer(&log, "s", 0).await;
    let mut reader = consumer(&log, "g", "0").await;
    for row in 0..100 {
        put(&mut producer, batch(&numbers(row..row + 1))).await.unwrap();
    }
    assert!(log.apply_retention().await.unwrap() > 0);
    assert_eq!(log.apply_retention().await.unwrap(), 0);
    let partition = log.describe("t").await.unwrap().unwrap().partitions[0].clone();
    assert!(partition.start > 0 && partition.end == 100 && partition.bytes.unwrap() <= 3000, "{partition:?}");
    assert!(segments(dir.path()).len() >= 2);
    let rest = (100 - partition.start) as usize;
    assert_eq!(values(&mut reader, rest).await, numbers(partition.start as u64..100));
    drop((producer, reader, log));
    let log = open_with(dir.path(), options);
    assert_eq!(log.describe("t").await.unwrap().unwrap().partitions[0].start, partition.start);
    assert_eq!(all_values(&log).await.unwrap().len(), rest);
}

#[tokio::test]
async fn retention_by_age_goes_by_when_rows_were_written_and_never_takes_the_newest_segment() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        segment_bytes: 1000,
        retention_age: Some(Duration::from_secs(3600)),
        retention_every: Duration::from_secs(3600),
        ..LogOptions::default()
    };
    let log = open_with(dir.path(), options);
    let mut producer = producer(&log, "s", 0).await;
    for row in 0..40 {
        let mut rows = batch(&numbers(row..row + 1));
        rows.timestamps = vec![1];
        put(&mut producer, rows).await.unwrap();
    }
    assert_eq!(log.apply_retention().await.unwrap(), 0, "old timestamps are not old rows");
    let all = segments(dir.path());
    let old = std::time::SystemTime::now() - Duration::from_secs(7200);
    for path in &all {
        std::fs::File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    assert_eq!(log.apply_retention().await.unwrap(), all.len() - 1);
    assert_eq!(segments(dir.path()), all[all.len() - 1..]);
}

#[tokio::test]
async fn rows_are_found_by_time() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 1500, index_interval: 1, ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut one = producer(&log, "s", 0).await;
    for row in 0..40 {
        let mut rows = batch(&numbers(row..row + 1));
        rows.timestamps = vec![1000 + row as i64 * 10];
        put(&mut one, rows).await.unwrap();
    }
    drop(one);
    let expected = [(0, 0), (1000, 0), (1001, 1), (1250, 25), (1390, 39), (1391, 40), (i64::MAX, 40)];
    for (time, row) in expected {
        assert_eq!(log.offset_for_time("t", 0, time).await.unwrap(), Some(row), "at {time}");
    }
    drop(log);
    let log = open_with(dir.path(), options);
    for (time, row) in expected {
        assert_eq!(log.offset_for_time("t", 0, time).await.unwrap(), Some(row), "at {time}, reopened");
    }
    assert_eq!(log.offset_for_time("x", 0, 0).await.unwrap(), None);
}

#[tokio::test]
async fn files_are_read_beside_a_running_worker_and_followed_as_they_grow() {
    let dir = tempfile::tempdir().unwrap();
    assert!(LogFiles::open(dir.path()).unwrap_err().to_string().contains("there is no log in"));
    let log = open_with(dir.path(), LogOptions { segment_bytes: 1000, ..LogOptions::default() });
    let mut producer = producer(&log, "s", 0).await;
    for row in 0..50 {
        put(&mut producer, batch(&numbers(row..row + 1))).await.unwrap();
    }
    let files = LogFiles::open(dir.path()).unwrap();
    assert_eq!(files.list().unwrap(), ["t"]);
    assert_eq!(files.describe("t").unwrap(), log.describe("t").await.unwrap());
    assert_eq!(files.describe("x").unwrap(), None);
    let mut reader = files.reader("t", 0, Some(10)).unwrap();
    let rest = |reader: &mut wharf_drivers::log::offline::Reader| {
        let mut all = Vec::new();
        while let Some(rows) = reader.next_rows().unwrap() {
            all.extend(texts(&rows.batch));
        }
        all
    };
    assert_eq!(rest(&mut reader), numbers(10..50));
    assert_eq!(reader.position(), 50);
    for row in 50..90 {
        put(&mut producer, batch(&numbers(row..row + 1))).await.unwrap();
    }
    assert_eq!(rest(&mut reader), numbers(50..90));
    // A frame that is being written is not there yet, and is once it is whole.
    let last = segments(dir.path()).pop().unwrap();
    let whole = std::fs::read(&last).unwrap();
    std::fs::write(&last, &whole[..whole.len() - 1]).unwrap();
    let mut reader = files.reader("t", 0, Some(85)).unwrap();
    assert_eq!(rest(&mut reader), numbers(85..89));
    std::fs::write(&last, &whole).unwrap();
    assert_eq!(rest(&mut reader), numbers(89..90));
    for (topic, partition, hint) in [("x", 0, "there are t"), ("t", 1, "numbered from 0")] {
        let error = files.reader(topic, partition, None).unwrap_err();
        assert!(matches!(&error, DriverError::Rejected(text) if text.contains(hint)), "{error:?}");
    }
}

#[tokio::test]
async fn a_closed_log_says_so_and_leaves_no_reserved_room() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut one = producer(&log, "s", 0).await;
    put(&mut one, batch(&numbers(0..10))).await.unwrap();
    log.close().await.unwrap();
    log.close().await.unwrap();
    assert!(matches!(one.send(batch(&["x"])).await, Err(DriverError::Fatal(text)) if text.contains("closed")));
    use std::os::unix::fs::MetadataExt;
    let segment = std::fs::metadata(&segments(dir.path())[0]).unwrap();
    assert!(segment.blocks() * 512 < 64 << 10, "{} blocks", segment.blocks());
}
