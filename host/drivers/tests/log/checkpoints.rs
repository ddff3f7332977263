//! Checkpoints of sources: with their rows or not at all.

use futures_util::FutureExt;
use wharf_core::{Batch, Column, SourceOffset};
use wharf_drivers::log::LogOptions;
use wharf_drivers::{Admin, Driver, DriverError};

use crate::support::*;

#[tokio::test]
async fn the_newest_checkpoint_survives_a_crash_and_a_clean_close() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4_u64 {
        let log = open(dir.path());
        assert_eq!(position(&log, "s").await, (round > 0).then_some(round * 10));
        let mut producer = producer(&log, "s", 0).await;
        put(&mut producer, marked(&["x"], round * 10 + 5)).await.unwrap();
        put(&mut producer, marked(&["x"], round * 10 + 10)).await.unwrap();
        if round % 2 == 0 {
            log.close().await.unwrap();
        }
    }
    let log = open(dir.path());
    assert_eq!(position(&log, "other").await, None);
    assert_eq!(all_values(&log).await.unwrap().len(), 8);
}

#[tokio::test]
async fn the_newest_checkpoint_wins_over_topics() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut one = producer(&log, "s", 0).await;
    for (topic, at) in [("t", 1), ("u", 2), ("v", 3), ("t", 4), ("u", 5)] {
        let mut rows = marked(&["x"], at);
        rows.topics = vec![topic.into()];
        put(&mut one, rows).await.unwrap();
        assert_eq!(position(&log, "s").await, Some(at));
    }
    drop((one, log));
    let log = open(dir.path());
    assert_eq!(position(&log, "s").await, Some(5));
    // And numbers go on above those that are there.
    put(&mut producer(&log, "s", 0).await, marked(&["x"], 6)).await.unwrap();
    drop(log);
    assert_eq!(position(&open(dir.path()), "s").await, Some(6));
}

#[tokio::test]
async fn checkpoints_outlive_the_segments_they_were_in() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 500, retention_bytes: Some(500), ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut producer = producer(&log, "s", 0).await;
    put(&mut producer, marked(&["x"], 42)).await.unwrap();
    for row in 0..20 {
        put(&mut producer, batch(&numbers(row..row + 1))).await.unwrap();
    }
    assert!(log.apply_retention().await.unwrap() > 2);
    assert_eq!(position(&log, "s").await, Some(42));
    drop((producer, log));
    assert_eq!(position(&open_with(dir.path(), options), "s").await, Some(42));
}

#[tokio::test]
async fn two_tasks_share_a_topic_and_each_keeps_its_order() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { default_partitions: 2, ..LogOptions::default() });
    let (mut a, mut b) = (producer(&log, "s", 0).await, producer(&log, "s", 1).await);
    let mut waiting = Vec::new();
    for row in 0..50 {
        for (task, producer) in [("a", &mut a), ("b", &mut b)] {
            let mut rows = batch(&[format!("{task} {row:02}")]);
            rows.checkpoints = vec![checkpoint(0, task, row)];
            waiting.push(producer.send(rows).await.unwrap());
        }
    }
    for done in waiting {
        done.await.unwrap();
    }
    let mut reader = consumer(&log, "g", "0").await;
    let all = values(&mut reader, 100).await;
    for task in ["a", "b"] {
        let own: Vec<_> = all.iter().filter(|value| value.starts_with(task)).collect();
        assert_eq!(own.len(), 50);
        assert!(own.is_sorted(), "{own:?}");
    }
    assert_eq!(log.checkpoints("s").await.unwrap().len(), 2);
    // The tasks do not disturb each other: they write to different partitions.
    let topic = log.describe("t").await.unwrap().unwrap();
    assert_eq!(topic.partitions.iter().map(|partition| partition.end).collect::<Vec<_>>(), [50, 50]);
}

#[tokio::test]
async fn a_new_producer_fences_the_old_one_and_what_it_had_queued() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for round in 0..50_u64 {
        let mut old = producer(&log, "s", 0).await;
        let mut waiting = Vec::new();
        for step in 0..5 {
            waiting.push(old.send(marked(&["x"], round * 10 + step)).await.unwrap());
        }
        let new = producer(&log, "s", 0).await;
        let known = position(&log, "s").await;
        let rows = log.describe("t").await.unwrap().unwrap().partitions[0].end;
        assert!(matches!(old.send(marked(&["late"], 999)).await, Err(DriverError::Fenced(_))));
        for done in waiting {
            match done.await {
                Ok(_) | Err(DriverError::Fenced(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        drop(new);
        assert_eq!(position(&log, "s").await, known, "what was found is final");
        assert_eq!(log.describe("t").await.unwrap().unwrap().partitions[0].end, rows);
    }
}

#[tokio::test]
async fn keyed_rows_spread_over_partitions_and_their_checkpoint_comes_last() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { default_partitions: 4, ..LogOptions::default() });
    let mut producer = producer(&log, "s", 0).await;
    for round in 0..10_u64 {
        let texts = numbers(round * 20..round * 20 + 20);
        let mut rows = marked(&texts, round);
        rows.keys = texts.iter().map(|key| Some(key.as_bytes())).collect();
        put(&mut producer, rows).await.unwrap();
        assert_eq!(position(&log, "s").await, Some(round));
    }
    let topic = log.describe("t").await.unwrap().unwrap();
    assert!(topic.partitions.iter().all(|partition| partition.end > 0));
    let mut all = values(&mut consumer(&log, "g", "0").await, 200).await;
    all.sort_by_key(|value| number(value));
    assert_eq!(all, numbers(0..200));
}

#[tokio::test]
async fn a_rejected_row_holds_checkpoints_back_until_its_receipt_was_taken() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut producer = producer(&log, "s", 0).await;
    let mut rows = batch(&["good", "bad", "good"]);
    rows.partitions = vec![0, 9, 0];
    rows.checkpoints = vec![checkpoint(0, "a", 1), checkpoint(2, "a", 3)];
    let first = producer.send(rows).await.unwrap();
    let second = producer.send(marked(&["next"], 4)).await.unwrap();
    second.await.unwrap();
    assert_eq!(position(&log, "s").await, Some(1), "row 1 is not dealt with yet");
    let receipt = first.await.unwrap();
    assert!(matches!(receipt.failed.as_slice(), [(1, DriverError::Rejected(_))]), "{receipt:?}");
    producer.flush().await.unwrap();
    assert_eq!(position(&log, "s").await, Some(4));
    assert_eq!(all_values(&log).await.unwrap(), ["good", "good", "next"]);
}

#[tokio::test]
async fn a_batch_without_rows_carries_its_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut one = producer(&log, "s", 0).await;
    put(&mut one, marked::<&str>(&[], 7)).await.unwrap();
    assert_eq!(position(&log, "s").await, Some(7));
    put(&mut one, marked(&["x"], 8)).await.unwrap();
    log.close().await.unwrap();
    drop((one, log));
    let log = open(dir.path());
    put(&mut producer(&log, "s", 0).await, marked::<&str>(&[], 9)).await.unwrap();
    drop(log);
    let log = open(dir.path());
    assert_eq!(position(&log, "s").await, Some(9));
    assert_eq!(all_values(&log).await.unwrap(), ["x"]);
}

#[tokio::test]
async fn no_more_batches_are_under_way_than_allowed_and_a_batch_given_up_fails_the_producer() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions {
        sync: wharf_drivers::log::SyncPolicy::Group { window: std::time::Duration::from_millis(300) },
        ..LogOptions::default()
    };
    let log = open_with(dir.path(), options);
    let mut producer = producer(&log, "s", 0).await;
    let mut waiting = Vec::new();
    for row in 0..8 {
        waiting.push(producer.send(marked(&["x"], row)).await.unwrap());
    }
    let ninth = producer.send(marked(&["x"], 8)).now_or_never();
    if waiting.iter_mut().all(|done| done.now_or_never().is_none()) {
        assert!(ninth.is_none(), "the window is full");
        assert!(producer.send(batch(&["x"])).await.is_err(), "the ninth may be missing: nothing may follow it");
    }
}

#[tokio::test]
async fn a_batch_larger_than_a_frame_becomes_several() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { max_frame_bytes: 128 << 10, ..LogOptions::default() });
    let texts: Vec<String> = (0..40).map(|row| format!("{row:010000}")).collect();
    let mut producer = producer(&log, "s", 0).await;
    put(&mut producer, marked(&texts, 40)).await.unwrap();
    assert_eq!(all_values(&log).await.unwrap(), texts);
    assert_eq!(position(&log, "s").await, Some(40));
    let values: Column = [Some(vec![b'x'; 100_000])].iter().map(|value| value.as_deref()).collect();
    let receipt = producer.send(Batch { rows: 1, values, ..Batch::default() }).await.unwrap().await.unwrap();
    assert!(
        matches!(receipt.failed.as_slice(), [(0, DriverError::Rejected(text))] if text.contains("max_frame_bytes"))
    );
}

fn at(file: &str, offset: &str) -> SourceOffset {
    SourceOffset { partition: format!(r#"{{"filename":"{file}"}}"#), offset: offset.to_owned() }
}

#[tokio::test]
async fn what_an_operator_alters_wins_over_what_was_and_survives_a_crash_and_a_clean_close() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4_u64 {
        let log = open(dir.path());
        let mut producer = producer(&log, "s", 0).await;
        put(&mut producer, marked(&["x"], 100)).await.unwrap();
        let position = format!(r#"{{"position": {round}}}"#);
        assert!(log.alter_checkpoints("s", &[at("a", &position), at("b", "{}")]).await.unwrap());
        let expected = [at("a", &position), at("b", "{}")];
        assert_eq!(log.checkpoints("s").await.unwrap(), expected, "to the letter");
        if round % 2 == 0 {
            log.close().await.unwrap();
        }
        drop((producer, log));
        assert_eq!(open(dir.path()).checkpoints("s").await.unwrap(), expected);
    }
    let log = open(dir.path());
    let mut producer = producer(&log, "s", 0).await;
    put(&mut producer, marked(&["x"], 7)).await.unwrap();
    assert_eq!(position(&log, "s").await, Some(7), "and what comes after wins over that");
    drop(producer);
    assert_eq!(all_values(&log).await.unwrap().len(), 5, "no row was written for it");
}

#[tokio::test]
async fn a_checkpoint_that_is_forgotten_stays_so_and_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let options = LogOptions { segment_bytes: 500, retention_bytes: Some(500), ..LogOptions::default() };
    let log = open_with(dir.path(), options.clone());
    let mut first = producer(&log, "s", 0).await;
    put(&mut first, marked(&["x"], 42)).await.unwrap();
    assert!(log.alter_checkpoints("s", &[at("a", "")]).await.unwrap());
    assert_eq!(log.checkpoints("s").await.unwrap(), [at("a", "")]);
    let mut second = producer(&log, "s", 0).await;
    for row in 0..20 {
        put(&mut second, batch(&numbers(row..row + 1))).await.unwrap();
    }
    assert!(log.apply_retention().await.unwrap() > 2);
    drop((first, second, log));
    let log = open_with(dir.path(), options);
    assert_eq!(log.checkpoints("s").await.unwrap(), [at("a", "")], "when its segment is gone, too");
    put(&mut producer(&log, "s", 0).await, marked(&["x"], 43)).await.unwrap();
    assert_eq!(position(&log, "s").await, Some(43));
}

#[tokio::test]
async fn nothing_is_altered_where_the_log_knows_nothing_of_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    put(&mut producer(&log, "other", 0).await, marked(&["x"], 1)).await.unwrap();
    assert!(!log.alter_checkpoints("s", &[at("a", "{}")]).await.unwrap());
    assert_eq!(log.checkpoints("s").await.unwrap(), []);
    let refused = log.alter_checkpoints("other", &[at("a", "{}"), at("b", "7")]).await;
    assert!(matches!(refused, Err(DriverError::Rejected(_))));
    assert_eq!(position(&log, "other").await, Some(1));
}

#[tokio::test]
async fn a_producer_that_is_left_over_cannot_undo_what_an_operator_alters() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    for round in 0..50_u64 {
        let mut old = producer(&log, "s", 0).await;
        put(&mut old, marked(&["x"], 1)).await.unwrap();
        let mut waiting = Vec::new();
        for step in 0..5 {
            waiting.push(old.send(marked(&["x"], 1000 + step)).await.unwrap());
        }
        assert!(log.alter_checkpoints("s", &[at("a", &format!(r#"{{"position":{round}}}"#))]).await.unwrap());
        assert!(matches!(old.send(marked(&["late"], 999)).await, Err(DriverError::Fenced(_))));
        for done in waiting {
            match done.await {
                Ok(_) | Err(DriverError::Fenced(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(position(&log, "s").await, Some(round));
    }
}
