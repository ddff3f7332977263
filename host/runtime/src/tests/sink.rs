//! What a sink task does with its deliveries.

use std::time::Duration;

use wharf_core::TopicPosition;
use wharf_core::plugin::Flushed;
use wharf_core::state::State;

use super::fakes::{Put, World, pass, sink_config};

fn at(position: i64) -> TopicPosition {
    TopicPosition { topic: "t".to_owned(), partition: 0, position }
}

fn written(world: &World) -> Vec<String> {
    world.sink.written.lock().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn positions_are_committed_only_after_the_flush() {
    let world = World::new().await;
    world.driver.fill("t", 0..5);
    world.create("s", sink_config(&[])).await;
    world.until_noted("position t 5").await;
    world.journal.assert_order(&["assigned s-0", "put 0,1,2 s-0", "put 3,4 s-0", "flush s-0", "position t 5"]);
    pass(3).await;
    assert_eq!(world.journal.count("position"), 1, "nothing new, nothing committed");
}

#[tokio::test(start_paused = true)]
async fn rows_are_flushed_in_time_although_more_keep_coming() {
    let world = World::new().await;
    world.sink.puts(vec![Put::Hang(Duration::from_millis(400)); 50]);
    world.driver.fill("t", 0..150);
    world.create("s", sink_config(&[])).await;
    world.until("the first commit", || world.driver.committed("t").is_some()).await;
    let first = world.driver.committed("t").unwrap();
    assert!((6..=12).contains(&first), "after one second, four puts at the most: {first}");
}

#[tokio::test(start_paused = true)]
async fn deliveries_are_read_ahead_while_the_plugin_is_busy_but_not_without_end() {
    let world = World::new().await;
    world.sink.puts([Put::Hang(Duration::from_secs(60))]);
    world.driver.fill("t", 0..300);
    world.create("s", sink_config(&[])).await;
    world.until("it reads ahead", || world.driver.delivered() == 5).await;
    pass(30).await;
    assert_eq!(world.driver.delivered(), 5, "one is being put, four wait");
}

#[tokio::test(start_paused = true)]
async fn a_partial_flush_commits_only_what_it_names() {
    let world = World::new().await;
    world.sink.flushes.lock().unwrap().push_back(Flushed::UpTo(vec![at(2)]));
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_noted("position t 3").await;
    world.journal.assert_order(&["flush s-0", "position t 2", "flush s-0", "position t 3"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_passing_failure_only_the_rows_that_were_not_taken_are_put_again() {
    let world = World::new().await;
    world.sink.puts([Put::Retry(Some(1)), Put::Retry(None), Put::Take]);
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_noted("position t 3").await;
    world.journal.assert_order(&["put 0,1,2 s-0", "put 1,2 s-0", "put 1,2 s-0", "flush s-0"]);
    assert_eq!((written(&world), world.sink.starts()), (vec!["0".into(), "1".into(), "2".into()], 1));
    assert_eq!(world.worker.progress("s").await.unwrap().tasks[0].retries, 2);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_never_takes_rows_can_be_stopped_and_what_it_took_is_committed() {
    let world = World::new().await;
    world.sink.puts([Put::Retry(Some(2))]);
    world.sink.puts(vec![Put::Retry(None); 1000]);
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until("it retries", || world.journal.count("put 2 ") > 3).await;
    world.worker.stop("s").await.unwrap();
    assert_eq!(world.driver.committed("t"), Some(2));
    world.journal.assert_order(&["position t 2", "left the group", "stop s-0"]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_dies_gets_the_rows_again_from_the_committed_position() {
    let world = World::new().await;
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_noted("position t 3").await;
    world.sink.puts([Put::Take, Put::Die]);
    world.driver.fill("t", 3..9);
    world.until_noted("position t 9").await;
    let expected: Vec<_> = [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7, 8].map(|row: u32| row.to_string()).into();
    assert_eq!(written(&world), expected);
    assert_eq!(world.sink.starts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_row_fails_the_task_and_nothing_is_committed_past_it() {
    let world = World::new().await;
    world.sink.puts([Put::Reject(vec![2])]);
    world.driver.fill("t", 0..6);
    world.create("s", sink_config(&[])).await;
    let status = world.until_task("s", State::Failed).await;
    assert!(status.trace.unwrap().contains("row 2 of a batch is rejected: not a number (bad)"));
    world.until("the plugin is told", || world.journal.count("failed") == 1).await;
    assert_eq!((world.driver.committed("t"), world.sink.starts()), (Some(2), 1));
    assert_eq!(world.task("s", 0).await.last_failure.unwrap().class, "rejected");
}

#[tokio::test(start_paused = true)]
async fn tolerated_rows_are_skipped_and_counted() {
    let world = World::new().await;
    world.sink.puts([Put::Reject(vec![1, 2])]);
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[("errors.tolerance", "all")])).await;
    world.until_noted("position t 3").await;
    let progress = &world.worker.progress("s").await.unwrap().tasks[0];
    assert_eq!((progress.rows, progress.skipped, progress.dead_letters), (1, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn rejected_rows_are_in_the_dead_letter_queue_before_the_position_is_committed() {
    let world = World::new().await;
    world.sink.puts([Put::Reject(vec![0, 2])]);
    world.driver.fill("t", 10..13);
    let errors = [
        ("errors.tolerance", "all"),
        ("errors.deadletterqueue.topic.name", "dead"),
        ("errors.deadletterqueue.context.headers.enable", "true"),
    ];
    world.create("s", sink_config(&errors)).await;
    world.until_noted("position t 3").await;
    world.journal.assert_order(&["send dlq/s 0", "flush s-0", "acknowledged dlq/s 0", "position t 3"]);
    assert_eq!(world.driver.values("dead"), ["10", "12"]);
    let letters = world.driver.batch(0);
    letters.check().unwrap();
    let headers: Vec<_> = letters.row(1).unwrap().headers.collect();
    let header = |name: &str| {
        let found = headers.iter().find(|(it, _)| *it == format!("__connect.errors.{name}"));
        String::from_utf8(found.unwrap().1.unwrap().to_vec()).unwrap()
    };
    let origin = [header("topic"), header("partition"), header("offset")];
    assert_eq!(origin, ["t", "0", "2"]);
    assert_eq!([header("connector.name"), header("exception.message")], ["s", "not a number"]);
    let progress = &world.worker.progress("s").await.unwrap().tasks[0];
    assert_eq!((progress.rows, progress.dead_letters), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_partition_is_flushed_and_committed_before_it_is_handed_over() {
    let world = World::new().await;
    world.sink.puts([Put::Hang(Duration::from_millis(10))]);
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_noted("put 0,1,2 s-0").await;
    world.driver.revoke("t");
    world.until_noted("handed over").await;
    world.journal.assert_order(&["flush s-0", "position t 3", "revoked s-0", "handed over"]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_knows_its_position_begins_there() {
    let world = World::new().await;
    world.sink.seek.lock().unwrap().push(at(2));
    world.driver.fill("t", 0..4);
    world.create("s", sink_config(&[])).await;
    world.until_noted("position t 4").await;
    assert_eq!(written(&world), ["2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_paused_sink_takes_no_rows_but_gives_partitions_up_at_once() {
    let world = World::new().await;
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_noted("position t 3").await;
    world.worker.pause("s").await.unwrap();
    world.until_task("s", State::Paused).await;
    world.driver.fill("t", 3..6);
    pass(5).await;
    assert_eq!(written(&world).len(), 3);
    world.driver.revoke("t");
    world.until_noted("handed over").await;
    assert_eq!(world.journal.count("revoked"), 0, "a paused plugin is asked nothing");
    world.worker.resume("s").await.unwrap();
    world.until_noted("revoked s-0").await;
    world.journal.assert_order(&["pause s-0", "handed over", "resume s-0", "revoked s-0"]);
    assert_eq!(world.sink.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lag_of_a_busy_sink_is_shown() {
    let world = World::new().await;
    world.sink.puts([Put::Take, Put::Hang(Duration::from_millis(1100)), Put::Hang(Duration::from_secs(60))]);
    world.driver.fill("t", 0..30);
    world.create("s", sink_config(&[])).await;
    world.until("the flush", || world.journal.count("position") > 0).await;
    pass(1).await;
    // Four deliveries are read ahead, one is being put.
    let progress = world.worker.progress("s").await.unwrap();
    assert!(progress.tasks[0].lag.is_some_and(|lag| (1..=24).contains(&lag)), "{progress:?}");
}
