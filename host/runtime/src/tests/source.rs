//! What a source task does with its batches.

use std::sync::atomic::Ordering;
use std::time::Duration;

use wharf_core::SourceOffset;
use wharf_core::plugin::Next;
use wharf_core::state::State;
use wharf_drivers::{DriverError, Receipt};

use super::fakes::{Poll, World, pass, source_config};

fn counted(rows: u32) -> Vec<String> {
    (0..rows).map(|row| row.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn more_batches_are_polled_while_the_queue_has_not_acknowledged_the_first() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls(vec![Poll::Rows(1); 5]);
    world.create("c", source_config()).await;
    world.until("three are in flight", || world.driver.sent() == 3).await;
    pass(5).await;
    assert_eq!(world.driver.sent(), 3, "no more than `max_in_flight`");
    world.driver.acknowledge(2);
    world.until("the next is sent", || world.driver.sent() == 4).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_contiguous_prefix_is_committed_and_the_store_comes_before_the_guest() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls(vec![Poll::Rows(1); 3]);
    world.create("c", source_config()).await;
    world.until("three are in flight", || world.driver.sent() == 3).await;
    world.driver.acknowledge(2);
    world.driver.acknowledge(1);
    pass(5).await;
    assert_eq!((world.journal.count("stored"), world.journal.count("commit")), (0, 0));
    world.driver.acknowledge(0);
    world.until_noted(r#"commit {"n":3} c-0"#).await;
    world.journal.assert_order(&["acknowledged c 0", "stored", r#"commit {"n":3} c-0"#]);
    assert_eq!(world.worker.progress("c").await.unwrap().tasks[0].rows, 3);
}

#[tokio::test(start_paused = true)]
async fn the_producer_is_opened_before_checkpoints_are_read_and_the_instance_starts() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    world.journal.assert_order(&["producer c", "checkpoints c", "start c-0"]);
}

#[tokio::test(start_paused = true)]
async fn where_the_queue_keeps_checkpoints_the_guest_hears_at_once_and_the_store_gets_a_copy() {
    let world = World::with(|driver| driver.hold_checkpoints(Vec::new())).await;
    *world.store.slow.lock().unwrap() = Duration::from_secs(1);
    world.source.polls([Poll::Rows(2)]);
    world.create("c", source_config()).await;
    world.until_noted("stored").await;
    world.journal.assert_order(&["acknowledged c 0", r#"commit {"n":2} c-0"#, "stored"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_queue_holds_wins_over_the_store() {
    let held = SourceOffset { partition: r#"{ "p": 0 }"#.to_owned(), offset: r#"{"n":5}"#.to_owned() };
    let world = World::with(|driver| driver.hold_checkpoints(vec![held])).await;
    let stored = SourceOffset { partition: r#"{"p":0}"#.to_owned(), offset: r#"{"n":1}"#.to_owned() };
    wharf_store::Offsets::new(world.store.clone()).commit("c", &[stored]).await.unwrap();
    world.create("c", source_config()).await;
    world.until_noted("from 5 c-0").await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_instance_is_replaced_and_goes_on_from_the_last_committed_offset() {
    let world = World::new().await;
    world.source.polls([Poll::Rows(2), Poll::Rows(2), Poll::Die, Poll::Rows(3)]);
    world.create("c", source_config()).await;
    world.until("all rows came", || world.driver.values("t").len() >= 7).await;
    assert_eq!(world.driver.values("t"), counted(7), "each row once, in order");
    world.journal.assert_order(&["from 0 c-0", "dropped c-0", "from 4 c-0"]);
    let status = world.until_task("c", State::Running).await;
    let failure = status.last_failure.unwrap();
    assert_eq!((failure.class.as_str(), failure.message.as_str(), failure.restarts), ("trap", "a panic", 1));
    assert_eq!(status.trace, None, "it works again");
}

#[tokio::test(start_paused = true)]
async fn when_the_queue_fails_rows_are_sent_again_by_a_new_producer_and_instance() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls([Poll::Rows(1), Poll::Rows(1)]);
    world.create("c", source_config()).await;
    world.until("both are in flight", || world.driver.sent() == 2).await;
    world.driver.acknowledge(0);
    world.driver.answer(1, Err(DriverError::MaybeWritten("no answer".to_owned())));
    let status = world.until_task("c", State::Restarting).await;
    assert_eq!(status.trace.as_deref(), Some("queue: send rows: no answer"));
    world.until_noted("from 1 c-0").await;
    world.journal.assert_order(&["producer c", "stop c-0", "producer c", "from 1 c-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_restarts_the_task_and_no_offset_is_told() {
    let world = World::new().await;
    world.store.broken.store(true, Ordering::Relaxed);
    world.source.polls([Poll::Rows(1)]);
    world.create("c", source_config()).await;
    let status = world.until_task("c", State::Restarting).await;
    assert_eq!(status.last_failure.unwrap().class, "store");
    assert_eq!(world.journal.count("commit"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_asks_for_patience_keeps_its_instance() {
    let world = World::new().await;
    world.source.polls([Poll::Retry(Duration::from_secs(3)), Poll::Rows(1)]);
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    pass(2).await;
    assert_eq!(world.driver.sent(), 0, "not before it asked for");
    world.until("it is polled again", || world.driver.sent() == 1).await;
    assert_eq!(world.source.starts(), 1);
    let status = world.task("c", 0).await;
    assert_eq!((status.state, status.last_failure.unwrap().class.as_str()), (State::Running, "retriable"));
}

#[tokio::test(start_paused = true)]
async fn patience_ends_with_the_retry_timeout() {
    let world = World::new().await;
    world.source.always(Poll::Retry(Duration::from_secs(1)));
    let mut config = source_config();
    config.insert("errors.retry.timeout".to_owned(), "2500".to_owned());
    world.create("c", config).await;
    let status = world.until_task("c", State::Restarting).await;
    assert!(status.trace.unwrap().starts_with("retriable: busy"));
}

#[tokio::test(start_paused = true)]
async fn a_finished_job_is_drained_committed_and_stopped() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls([Poll::Rows(2), Poll::Empty(Next::Finished)]);
    world.create("c", source_config()).await;
    world.until("the batch is sent", || world.driver.sent() == 1).await;
    pass(60).await;
    assert_eq!(world.task("c", 0).await.state, State::Running, "it waits for the queue");
    world.driver.acknowledge(0);
    world.until_task("c", State::Stopped).await;
    world.journal.assert_order(&["stored", r#"commit {"n":2} c-0"#, "stop c-0"]);
    assert_eq!(world.worker.status("c").await.unwrap().connector.state, State::Running);
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_queue_rejects_fail_the_task_or_are_left_out_as_tolerated() {
    let rejected = Receipt { failed: vec![(0, DriverError::Rejected("too large".to_owned()))] };
    for (tolerance, state) in [("none", State::Failed), ("all", State::Running)] {
        let world = World::with(|driver| driver.by_hand = true).await;
        world.source.polls([Poll::Rows(2)]);
        let mut config = source_config();
        config.insert("errors.tolerance".to_owned(), tolerance.to_owned());
        world.create("c", config).await;
        world.until("the batch is sent", || world.driver.sent() == 1).await;
        world.driver.answer(0, Ok(rejected.clone()));
        pass(5).await;
        let status = world.until_task("c", state).await;
        if tolerance == "none" {
            assert_eq!(status.last_failure.unwrap().class, "rejected");
            assert_eq!((world.journal.count("stored"), world.journal.count("failed")), (0, 1));
        } else {
            assert_eq!(world.worker.progress("c").await.unwrap().tasks[0].skipped, 1);
            assert_eq!(world.journal.count("commit"), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_nothing_and_does_not_wait_is_not_spun() {
    let world = World::new().await;
    world.source.always(Poll::Empty(Next::Idle));
    world.create("c", source_config()).await;
    pass(10).await;
    let polls = world.journal.count("poll");
    assert!((50..200).contains(&polls), "{polls} polls in ten seconds");
}
