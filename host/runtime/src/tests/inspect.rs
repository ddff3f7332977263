//! Looking at records while they pass.

use wharf_core::plugin::WebhookRequest;
use wharf_core::state::State;

use super::fakes::{Poll, World, config, pass, sink_config, source_config, webhook_config};
use crate::{Direction, InspectQuery, Inspection, Passed, PassedCell, WorkerError};

const ALL: InspectQuery = InspectQuery { task: None, limit: 1000, values: true };

fn value(record: &Passed) -> String {
    match &record.value {
        Some(PassedCell::Bytes(bytes)) => String::from_utf8(bytes.clone()).unwrap(),
        other => format!("{other:?}"),
    }
}

/// The values of the next so many records.
async fn values(inspection: &mut Inspection, count: usize) -> Vec<String> {
    let mut values = Vec::new();
    while values.len() < count {
        values.push(value(&inspection.next().await.expect("one more record")));
    }
    values
}

#[tokio::test(start_paused = true)]
async fn records_of_a_source_are_seen_on_their_way_to_its_topic() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    let mut inspection = world.worker.inspect("c", ALL).unwrap();
    world.source.polls([Poll::Rows(2), Poll::Rows(1)]);
    let first = inspection.next().await.unwrap();
    assert_eq!((first.task, first.direction, first.topic.as_str()), (0, Direction::Source, "t"));
    assert_eq!(value(&first), "0");
    assert_eq!(values(&mut inspection, 2).await, ["1", "2"]);
    world.until("all are sent", || world.driver.values("t").len() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn records_of_a_sink_are_seen_with_the_place_they_came_from() {
    let world = World::new().await;
    world.create("s", sink_config(&[])).await;
    world.until_task("s", State::Running).await;
    let mut inspection = world.worker.inspect("s", ALL).unwrap();
    world.driver.fill("t", 0..3);
    let first = inspection.next().await.unwrap();
    assert_eq!((first.direction, first.topic.as_str()), (Direction::Sink, "t"));
    assert_eq!((first.partition, first.position), (Some(0), Some(0)));
    assert_eq!(values(&mut inspection, 2).await, ["1", "2"]);
    world.until_noted("position t 3").await;
}

#[tokio::test(start_paused = true)]
async fn rows_of_a_webhook_are_seen_too() {
    let world = World::new().await;
    world.create("c", webhook_config(&[])).await;
    world.until_task("c", State::Running).await;
    pass(1).await;
    let mut inspection = world.worker.inspect("c", ALL).unwrap();
    let request = WebhookRequest {
        method: "POST".to_owned(),
        path: "/a".to_owned(),
        body: b"a"[..].into(),
        ..WebhookRequest::default()
    };
    world.worker.ingest("c", request).await.unwrap();
    assert_eq!(values(&mut inspection, 1).await, ["a"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_connector_and_the_task_that_are_looked_at_are_seen_and_only_to_the_limit() {
    let world = World::new().await;
    for name in ["c", "d"] {
        world.create(name, source_config()).await;
        world.until_task(name, State::Running).await;
    }
    let mut of_c = world.worker.inspect("c", InspectQuery { limit: 1, ..ALL }).unwrap();
    let mut of_no_task = world.worker.inspect("c", InspectQuery { task: Some(7), ..ALL }).unwrap();
    world.source.polls(vec![Poll::Rows(1); 10]);
    assert!(of_c.next().await.is_some());
    assert!(of_c.next().await.is_none(), "the limit is reached");
    world.until("all are sent", || world.driver.values("t").len() == 10).await;
    let nothing = tokio::time::timeout(std::time::Duration::from_secs(1), of_no_task.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_read_holds_nothing_up() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    let unread = world.worker.inspect("c", ALL).unwrap();
    world.source.polls(vec![Poll::Rows(50); 20]);
    world.until("all are sent", || world.driver.values("t").len() == 1000).await;
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connector_is_heard_and_an_unknown_one_is_not_there() {
    let world = World::new().await;
    assert!(matches!(world.worker.inspect("c", ALL), Err(WorkerError::NotFound(_))));
    assert!(matches!(world.worker.ended("c").map(drop), Err(WorkerError::NotFound(_))));
    world.create("c", config(&[("connector.class", "source"), ("topic", "t")])).await;
    let ended = tokio::spawn(world.worker.ended("c").unwrap());
    pass(5).await;
    assert!(!ended.is_finished());
    world.worker.delete("c").await.unwrap();
    ended.await.unwrap();
    world.create("c", source_config()).await;
    let ended = tokio::spawn(world.worker.ended("c").unwrap());
    world.worker.shutdown().await;
    ended.await.unwrap();
}
