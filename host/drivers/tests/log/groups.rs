//! Groups: who reads what, and from where.

use wharf_core::TopicPosition;
use wharf_drivers::log::LogOptions;
use wharf_drivers::{Admin, DriverError, Lag, Polled, Start};

use crate::support::*;

fn at(partition: u32, position: i64) -> TopicPosition {
    TopicPosition { topic: "t".into(), partition, position }
}

/// Returns in a later millisecond than it was called in; times of creation are kept in milliseconds.
fn until_the_clock_ticks() {
    let now = || std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let begin = now();
    while now() == begin {
        std::thread::yield_now();
    }
}

#[tokio::test]
async fn what_was_committed_is_where_the_next_start_begins() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    put(&mut producer(&log, "s", 0).await, batch(&numbers(0..100))).await.unwrap();
    let mut reader = consumer(&log, "g", "0").await;
    assert_eq!(assigned(&mut reader).await, [at(0, 0)]);
    assert_eq!(values(&mut reader, 100).await, numbers(0..100));
    assert_eq!(reader.lag().await.unwrap(), [Lag { at: at(0, 100), end: 100 }]);
    reader.commit(&[at(0, 30)]).await.unwrap();
    reader.commit(&[at(0, 60)]).await.unwrap();
    drop((reader, log));
    let log = open(dir.path());
    assert_eq!(log.committed("g").await.unwrap(), [at(0, 60)]);
    let mut reader = consumer(&log, "g", "0").await;
    assert_eq!(assigned(&mut reader).await, [at(0, 60)]);
    assert_eq!(values(&mut reader, 40).await, numbers(60..100));
    // Another group has read nothing.
    assert_eq!(assigned(&mut consumer(&log, "h", "0").await).await, [at(0, 0)]);
}

#[tokio::test]
async fn a_partition_moves_only_when_its_handover_is_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.create("t", 2).await.unwrap();
    let mut first = consumer(&log, "g", "0").await;
    assert_eq!(assigned(&mut first).await, [at(0, 0), at(1, 0)]);
    let mut second = consumer(&log, "g", "1").await;
    let (moving, handover) = revoked(&mut first).await;
    assert_eq!(moving.len(), 1);
    assert!(matches!(second.poll(10, 1000, SHORT).await.unwrap(), Polled::Idle));
    // What is being given up may still be committed.
    let done = TopicPosition { position: 0, ..moving[0].clone() };
    first.commit(std::slice::from_ref(&done)).await.unwrap();
    drop(handover);
    assert_eq!(assigned(&mut second).await, std::slice::from_ref(&done));
    assert!(matches!(first.commit(std::slice::from_ref(&done)).await, Err(DriverError::Fenced(_))));
    second.commit(&[done]).await.unwrap();
    // And back, at once, when the second leaves.
    second.close().await.unwrap();
    assert_eq!(assigned(&mut first).await, moving);
}

#[tokio::test]
async fn a_member_that_leaves_with_a_handover_open_frees_its_partitions() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    log.create("t", 2).await.unwrap();
    let mut first = consumer(&log, "g", "0").await;
    assigned(&mut first).await;
    let mut second = consumer(&log, "g", "1").await;
    let (_, handover) = revoked(&mut first).await;
    drop(first);
    let mut got = assigned(&mut second).await;
    if got.len() < 2 {
        got.extend(assigned(&mut second).await);
    }
    assert_eq!(got.len(), 2);
    drop(handover);
    assert!(matches!(second.poll(10, 1000, SHORT).await.unwrap(), Polled::Idle));
}

#[tokio::test]
async fn a_second_member_of_the_same_name_takes_the_firsts_place() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    put(&mut producer(&log, "s", 0).await, batch(&["x"])).await.unwrap();
    let mut first = consumer(&log, "g", "0").await;
    assert_eq!(assigned(&mut first).await, [at(0, 0)]);
    let mut second = consumer(&log, "g", "0").await;
    assert_eq!(assigned(&mut second).await, [at(0, 0)]);
    assert!(matches!(first.poll(10, 1000, LONG).await.unwrap(), Polled::Lost(lost) if lost == [at(0, 0)]));
    assert!(matches!(first.poll(10, 1000, LONG).await, Err(DriverError::Fenced(_))));
    assert!(matches!(first.commit(&[at(0, 1)]).await, Err(DriverError::Fenced(_))));
    drop(first);
    second.commit(&[at(0, 1)]).await.unwrap();
}

#[tokio::test]
async fn a_topic_that_appears_later_is_read_from_its_first_row_even_from_latest() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut reader = consumer_from(&log, "g", "0", Start::Latest).await;
    assert!(matches!(reader.poll(10, 1000, SHORT).await.unwrap(), Polled::Idle));
    put(&mut producer(&log, "s", 0).await, batch(&["first"])).await.unwrap();
    assert_eq!(values(&mut reader, 1).await, ["first"]);
}

#[tokio::test]
async fn latest_skips_what_was_there_but_nothing_after_that() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut producer = producer(&log, "s", 0).await;
    put(&mut producer, batch(&["old"])).await.unwrap();
    // So that the topic is older than the member.
    until_the_clock_ticks();
    let mut reader = consumer_from(&log, "g", "0", Start::Latest).await;
    assert_eq!(assigned(&mut reader).await, [at(0, 1)]);
    put(&mut producer, batch(&["new"])).await.unwrap();
    assert_eq!(values(&mut reader, 1).await, ["new"]);
    // It never committed, and yet its successor does not skip.
    reader.lag().await.unwrap();
    while log.committed("g").await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    drop(reader);
    put(&mut producer, batch(&["newer"])).await.unwrap();
    let mut reader = consumer_from(&log, "g", "0", Start::Latest).await;
    assert_eq!(values(&mut reader, 2).await, ["new", "newer"]);
}

#[tokio::test]
async fn a_deleted_topic_is_lost_and_what_was_committed_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut one = producer(&log, "s", 0).await;
    put(&mut one, marked(&["x"], 1)).await.unwrap();
    let mut reader = consumer(&log, "g", "0").await;
    assigned(&mut reader).await;
    reader.commit(&[at(0, 1)]).await.unwrap();
    assert!(log.delete("t").await.unwrap());
    assert!(!log.delete("t").await.unwrap());
    assert!(matches!(news(&mut reader).await, Polled::Lost(lost) if lost.len() == 1));
    assert_eq!(log.committed("g").await.unwrap(), []);
    assert_eq!(log.list().await.unwrap(), Vec::<String>::new());
    assert_eq!(position(&log, "s").await, None);
    // The next row makes it anew.
    put(&mut one, marked(&["y"], 2)).await.unwrap();
    assert_eq!(values(&mut reader, 1).await, ["y"]);
    drop((reader, one, log));
    assert_eq!(all_values(&open(dir.path())).await.unwrap(), ["y"]);
}

#[tokio::test]
async fn committed_positions_are_altered_only_while_nobody_reads() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    put(&mut producer(&log, "s", 0).await, batch(&numbers(0..10))).await.unwrap();
    let reader = consumer(&log, "g", "0").await;
    let to = |position| [("t".to_owned(), 0, position)];
    assert!(matches!(log.alter_committed("g", &to(Some(5))).await, Err(DriverError::Rejected(_))));
    drop(reader);
    log.alter_committed("g", &to(Some(5))).await.unwrap();
    assert_eq!(assigned(&mut consumer(&log, "g", "0").await).await, [at(0, 5)]);
    log.alter_committed("g", &to(Some(500))).await.unwrap();
    assert_eq!(assigned(&mut consumer(&log, "g", "0").await).await, [at(0, 10)]);
    log.alter_committed("g", &to(None)).await.unwrap();
    assert_eq!(assigned(&mut consumer(&log, "g", "0").await).await, [at(0, 0)]);
    assert!(matches!(log.alter_committed("g", &to(Some(-1))).await, Err(DriverError::Rejected(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_and_go_read_every_row_and_none_twice_when_they_commit_before_handing_over() {
    const ROWS: u64 = 4000;
    let dir = tempfile::tempdir().unwrap();
    let log = open_with(dir.path(), LogOptions { default_partitions: 5, ..LogOptions::default() });
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel::<Vec<String>>();
    let mut members = Vec::new();
    for name in 0..3 {
        let (log, tell) = (std::sync::Arc::clone(&log), tell.clone());
        members.push(tokio::spawn(async move {
            for life in 0..4 {
                let mut reader = consumer(&log, "g", &name.to_string()).await;
                // The last life of the first member stays until all is read.
                let polls = if name == 0 && life == 3 { usize::MAX } else { 40 + name * 13 };
                for _ in 0..polls {
                    match reader.poll(7, 1 << 20, SHORT).await.unwrap() {
                        Polled::Rows(rows) => {
                            let origin = &rows.origins[0];
                            let position = rows.positions.last().unwrap() + 1;
                            let next = TopicPosition { topic: "t".into(), partition: origin.partition, position };
                            reader.commit(&[next]).await.unwrap();
                            if tell.send(texts(&rows.batch)).is_err() {
                                return;
                            }
                        }
                        Polled::Lost(lost) => panic!("{lost:?} lost"),
                        Polled::Idle if tell.is_closed() => return,
                        _ => {}
                    }
                }
            }
        }));
    }
    let mut one = producer(&log, "s", 0).await;
    for row in (0..ROWS).step_by(100) {
        let texts = numbers(row..row + 100);
        let mut rows = batch(&texts);
        rows.keys = texts.iter().map(|key| Some(key.as_bytes())).collect();
        put(&mut one, rows).await.unwrap();
    }
    let mut all = Vec::new();
    while all.len() < ROWS as usize {
        all.extend(tokio::time::timeout(LONG, told.recv()).await.unwrap().unwrap());
    }
    told.close();
    for member in members {
        member.await.unwrap();
    }
    all.sort_by_key(|value| number(value));
    assert_eq!(all, numbers(0..ROWS));
}
