//! What the tests share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use wharf_core::{Batch, Checkpoint, Column, SourceOffset, TopicPosition};
use wharf_drivers::log::{LogDriver, LogOptions};
use wharf_drivers::{
    Consumer, ConsumerOptions, Driver, DriverError, Handover, Polled, Producer, ProducerOptions, Start,
};

/// Long enough that a test which waits for it has failed.
pub(crate) const LONG: Duration = Duration::from_secs(30);
/// For polls that shall find nothing.
pub(crate) const SHORT: Duration = Duration::from_millis(20);

/// So many cases, unless PROPTEST_CASES says otherwise.
pub(crate) fn cases(usual: u32) -> proptest::test_runner::Config {
    let config = proptest::test_runner::Config::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { usual };
    proptest::test_runner::Config { cases, ..config }
}

pub(crate) fn open(dir: &Path) -> Arc<LogDriver> {
    open_with(dir, LogOptions::default())
}

pub(crate) fn open_with(dir: &Path, options: LogOptions) -> Arc<LogDriver> {
    LogDriver::open(dir, options).unwrap()
}

pub(crate) fn batch<S: AsRef<str>>(values: &[S]) -> Batch {
    let values: Column = values.iter().map(|value| Some(value.as_ref().as_bytes())).collect();
    Batch { rows: values.len() as u32, values, ..Batch::default() }
}

/// A batch whose last row reaches `position` in the file `a`.
pub(crate) fn marked<S: AsRef<str>>(values: &[S], position: u64) -> Batch {
    let mut batch = batch(values);
    let row = batch.rows.saturating_sub(1);
    batch.checkpoints = vec![checkpoint(row, "a", position)];
    batch
}

pub(crate) fn checkpoint(row: u32, file: &str, position: u64) -> Checkpoint {
    let (partition, offset) = (format!(r#"{{ "filename": "{file}" }}"#), format!(r#"{{"position":{position}}}"#));
    Checkpoint { row, at: SourceOffset { partition, offset } }
}

/// What the log says of the file `a`.
pub(crate) async fn position(log: &LogDriver, source: &str) -> Option<u64> {
    let known = log.checkpoints(source).await.unwrap();
    let at = known.iter().find(|at| at.partition == r#"{"filename":"a"}"#)?;
    let offset: serde_json::Value = serde_json::from_str(&at.offset).unwrap();
    offset["position"].as_u64()
}

pub(crate) async fn producer(log: &LogDriver, source: &str, task: u32) -> Box<dyn Producer> {
    let default_topic = Some("t".to_owned());
    log.producer(ProducerOptions { source: source.into(), task, default_topic, max_in_flight: 8 }).await.unwrap()
}

/// Sends and waits until it is in the log.
pub(crate) async fn put(producer: &mut Box<dyn Producer>, batch: Batch) -> Result<(), DriverError> {
    let receipt = producer.send(batch).await?.await?;
    assert_eq!(receipt.failed, []);
    Ok(())
}

pub(crate) async fn consumer(log: &LogDriver, group: &str, member: &str) -> Box<dyn Consumer> {
    consumer_from(log, group, member, Start::Earliest).await
}

pub(crate) async fn consumer_from(log: &LogDriver, group: &str, member: &str, start: Start) -> Box<dyn Consumer> {
    let topics = vec!["t".to_owned()];
    log.consumer(ConsumerOptions { group: group.into(), member: member.into(), topics, start }).await.unwrap()
}

/// The next thing that is no rows; rows on the way are dropped.
pub(crate) async fn news(consumer: &mut Box<dyn Consumer>) -> Polled {
    loop {
        match consumer.poll(1000, 1 << 20, LONG).await.unwrap() {
            Polled::Rows(_) => {}
            news => return news,
        }
    }
}

pub(crate) async fn assigned(consumer: &mut Box<dyn Consumer>) -> Vec<TopicPosition> {
    match news(consumer).await {
        Polled::Assigned(positions) => positions,
        other => panic!("{other:?} where partitions should be assigned"),
    }
}

pub(crate) async fn revoked(consumer: &mut Box<dyn Consumer>) -> (Vec<TopicPosition>, Handover) {
    match news(consumer).await {
        Polled::Revoked(positions, handover) => (positions, handover),
        other => panic!("{other:?} where partitions should be revoked"),
    }
}

/// Values as text.
pub(crate) fn texts(batch: &Batch) -> Vec<String> {
    batch.values.cells().map(|value| String::from_utf8(value.unwrap().to_vec()).unwrap()).collect()
}

/// Reads `count` values, from whatever partitions they come.
pub(crate) async fn values(consumer: &mut Box<dyn Consumer>, count: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < count {
        match consumer.poll(1000, 1 << 20, LONG).await.unwrap() {
            Polled::Rows(delivery) => {
                delivery.check().unwrap();
                all.extend(texts(&delivery.batch));
            }
            Polled::Idle => panic!("only {} of {count} rows came: {all:?}", all.len()),
            _ => {}
        }
    }
    all
}

/// All values of partition 0 of topic `t` of a log that is opened for it, by a group of its own.
pub(crate) async fn all_values(log: &LogDriver) -> Result<Vec<String>, DriverError> {
    use wharf_drivers::Admin;
    let Some(topic) = log.describe("t").await? else { return Ok(Vec::new()) };
    let partition = &topic.partitions[0];
    let mut reader = consumer(log, "all-values", "0").await;
    let mut all = Vec::new();
    loop {
        let behind = ((partition.end - partition.start) as usize) > all.len();
        match reader.poll(100_000, 1 << 24, if behind { LONG } else { SHORT }).await? {
            Polled::Rows(delivery) => {
                let expected = partition.start + all.len() as i64;
                assert_eq!(delivery.positions.first(), Some(&expected), "rows come without a gap");
                all.extend(texts(&delivery.batch));
            }
            Polled::Idle => return Ok(all),
            _ => {}
        }
    }
}

/// Copies a directory, file by file in the order of their names, as a backup would: a file that went away since it was
/// listed, as an old snapshot does when there is a newer one, is left out.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else if entry.extension().is_none_or(|extension| extension != "tmp") {
            match std::fs::copy(&entry, &target) {
                Err(error)
                    if error.kind() == std::io::ErrorKind::NotFound && entry.extension() != Some("log".as_ref()) => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

/// The segment files of partition 0 of topic `t`, oldest first.
pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(dir.join("topics/t/0"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    paths.sort();
    paths
}

/// `from..to` as texts.
pub(crate) fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|number| format!("row {number}")).collect()
}

/// The number in one of [`numbers`].
pub(crate) fn number(text: &str) -> u64 {
    text.strip_prefix("row ").unwrap().parse().unwrap()
}
