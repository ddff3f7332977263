//! What all tasks need fails: it is waited for, and no task is blamed.

use std::sync::atomic::Ordering;

use wharf_core::state::State;
use wharf_drivers::DriverError;

use super::fakes::{Poll, World, pass, source_config};

fn full() -> DriverError {
    DriverError::Unavailable("the disk is full".to_owned())
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_queue_is_waited_for_however_long_it_lasts() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls(vec![Poll::Rows(1); 400]);
    world.create("c", source_config()).await;
    // The limit of crashes is three here.
    let mut next = 0;
    for _ in 0..20 {
        world.until("a batch is sent", || world.driver.sent() > next).await;
        world.driver.answer(next, Err(full()));
        let status = world.until_task("c", State::Restarting).await;
        assert_eq!(status.trace.as_deref(), Some("queue: send rows: the disk is full"));
        next = world.driver.sent();
    }
    world.until("a batch is sent", || world.driver.sent() > next).await;
    world.driver.acknowledge(next);
    world.until_noted(r#"commit {"n":1} c-0"#).await;
    let status = world.until_task("c", State::Running).await;
    assert_eq!((status.trace, status.last_failure.unwrap().class.as_str()), (None, "queue"));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_over_soon_after_its_cause_however_long_that_lasted() {
    let world = World::new().await;
    world.store.broken.store(true, Ordering::Relaxed);
    world.source.polls(vec![Poll::Rows(1); 20_000]);
    world.create("c", source_config()).await;
    pass(3600).await;
    assert_ne!(world.task("c", 0).await.state, State::Failed);
    assert_eq!(world.journal.count("commit"), 0);
    world.store.broken.store(false, Ordering::Relaxed);
    pass(10).await;
    assert!(world.journal.count("commit") > 0);
}

#[tokio::test(start_paused = true)]
async fn where_the_queue_keeps_checkpoints_a_store_that_fails_stops_no_source() {
    let world = World::with(|driver| driver.hold_checkpoints(Vec::new())).await;
    world.store.broken.store(true, Ordering::Relaxed);
    world.source.polls([Poll::Rows(2), Poll::Rows(1)]);
    world.create("c", source_config()).await;
    world.until("all rows came", || world.driver.values("t") == ["0", "1", "2"]).await;
    pass(60).await;
    let status = world.task("c", 0).await;
    assert_eq!((status.state, status.last_failure.unwrap().class.as_str()), (State::Running, "store"));
    assert_eq!((world.source.starts(), world.journal.count("stored")), (1, 0));
    world.store.broken.store(false, Ordering::Relaxed);
    world.until_noted("stored").await;
}
