//! The end of a worker.

use std::time::Duration;

use tokio::time::Instant;
use wharf_core::state::TargetState;

use super::fakes::{Poll, World, sink_config, source_config};
use crate::{Health, WorkerError};

#[tokio::test(start_paused = true)]
async fn shutdown_drains_commits_and_stops_the_guests() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls([Poll::Rows(2)]);
    world.create("c", source_config()).await;
    world.until("the batch is sent", || world.driver.sent() == 1).await;
    let acknowledge = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        world.driver.acknowledge(0);
    };
    tokio::join!(world.worker.shutdown(), acknowledge);
    world.journal.assert_order(&["acknowledged c 0", "stored", r#"commit {"n":2} c-0"#, "stop c-0", "dropped c-0"]);
    world.worker.shutdown().await;
    assert!(matches!(world.worker.health(), Health::Unhealthy(_)));
    let late = world.worker.create("d".to_owned(), source_config(), TargetState::Running).await;
    assert!(matches!(late, Err(WorkerError::Conflict(_))), "{late:?}");
    assert!(matches!(world.worker.pause("c").await, Err(WorkerError::Conflict(_))));
}

#[tokio::test(start_paused = true)]
async fn a_sink_flushes_and_commits_before_the_worker_ends() {
    let world = World::new().await;
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until_noted("put 0,1,2 s-0").await;
    world.worker.shutdown().await;
    world.journal.assert_order(&["flush s-0", "position t 3", "left the group", "stop s-0"]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_stop_in_time_is_dropped_and_the_rest_is_not_kept_from_stopping() {
    let world = World::new().await;
    world.source.polls([Poll::Hang(Duration::from_secs(3600))]);
    world.create("hangs", source_config()).await;
    world.until_noted("poll hangs-0").await;
    world.driver.fill("t", 0..1);
    world.create("fine", sink_config(&[])).await;
    world.until_noted("put 0 fine-0").await;
    let began = Instant::now();
    world.worker.shutdown().await;
    assert_eq!(began.elapsed().as_secs(), 5, "`shutdown_timeout`");
    assert!(world.journal.has("stop fine-0") && world.journal.has("dropped hangs-0"));
}
