//! Tasks that stand still although there is something to do.

use std::time::Duration;

use wharf_core::state::State;
use wharf_core::status::Stalled;
use wharf_drivers::DriverError;

use super::fakes::{Poll, Put, World, pass, sink_config, source_config, webhook_config};

async fn stalled(world: &World, name: &str) -> Option<Stalled> {
    let shown = world.worker.figures(name).await.unwrap().tasks[0].stalled;
    let status = world.task(name, 0).await.stalled;
    assert_eq!(status.as_ref().map_or(0, |it| it.for_ms), shown.as_millis() as u64, "status and metrics agree");
    status
}

async fn is_stalled_by(world: &World, name: &str, words: &str) {
    let stalled = stalled(world, name).await.expect("stalled");
    assert!(stalled.reason.contains(words), "{stalled:?}");
    assert!((60_000..80_000).contains(&stalled.for_ms), "{stalled:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_nothing_is_not_stalled_but_one_whose_poll_hangs_is() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    pass(600).await;
    assert_eq!(stalled(&world, "c").await, None);
    world.source.polls([Poll::Hang(Duration::from_secs(70))]);
    pass(59).await;
    assert_eq!(stalled(&world, "c").await, None);
    pass(5).await;
    is_stalled_by(&world, "c", "poll does not return").await;
    pass(20).await;
    assert_eq!(stalled(&world, "c").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_source_whose_rows_nobody_acknowledges_is_stalled() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls([Poll::Rows(1)]);
    world.create("c", source_config()).await;
    world.until("it is sent", || world.driver.sent() == 1).await;
    pass(65).await;
    is_stalled_by(&world, "c", "does not acknowledge").await;
    world.driver.acknowledge(0);
    pass(1).await;
    assert_eq!(stalled(&world, "c").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_cannot_send_more_is_stalled_in_whatever_step_it_is() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.always(Poll::Rows(1));
    world.create("c", source_config()).await;
    world.until("the queue is full", || world.driver.sent() == 3).await;
    pass(65).await;
    assert!(stalled(&world, "c").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_sink_whose_put_hangs_or_asks_again_and_again_is_stalled() {
    let world = World::new().await;
    world.sink.puts([Put::Hang(Duration::from_secs(65))]);
    world.driver.fill("t", 0..3);
    world.create("s", sink_config(&[])).await;
    world.until("it is put", || world.journal.count("put 0,1,2") == 1).await;
    pass(62).await;
    is_stalled_by(&world, "s", "does not take the rows").await;
    pass(5).await;
    assert_eq!(stalled(&world, "s").await, None);
    world.sink.puts(vec![Put::Retry(None); 10_000]);
    world.driver.fill("t", 3..6);
    world.until("it is put", || world.journal.count("put 3,4,5") == 1).await;
    pass(62).await;
    is_stalled_by(&world, "s", "does not take the rows").await;
}

#[tokio::test(start_paused = true)]
async fn a_sink_without_rows_or_paused_is_not_stalled() {
    let world = World::new().await;
    world.create("s", sink_config(&[])).await;
    pass(600).await;
    assert_eq!(stalled(&world, "s").await, None);
    world.worker.pause("s").await.unwrap();
    world.until_task("s", State::Paused).await;
    world.driver.fill("t", 0..3);
    pass(600).await;
    assert_eq!(stalled(&world, "s").await, None);
    world.worker.resume("s").await.unwrap();
    world.until_task("s", State::Running).await;
    pass(5).await;
    assert_eq!(stalled(&world, "s").await, None);
    let figures = world.worker.figures("s").await.unwrap().tasks.remove(0);
    assert!(figures.running_ratio > 0.45 && figures.pause_ratio > 0.45, "{figures:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_waits_for_the_queue_is_stalled_while_it_restarts() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.always(Poll::Rows(1));
    world.create("c", source_config()).await;
    let mut answered = 0;
    let mut seen = None;
    for _ in 0..800 {
        while world.driver.sent() > answered {
            world.driver.answer(answered, Err(DriverError::Unavailable("the disk is full".to_owned())));
            answered += 1;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen = world.task("c", 0).await.stalled.or(seen);
    }
    assert!(seen.expect("stalled").reason.contains("not available"));
    world.source.polls(vec![Poll::Empty(wharf_core::plugin::Next::Idle); 100_000]);
    world.until_task("c", State::Running).await;
}

#[tokio::test(start_paused = true)]
async fn a_webhook_source_that_does_not_answer_is_stalled_and_so_is_one_whose_requests_wait() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.create("c", webhook_config(&[("ingest.timeout.ms", "600000")])).await;
    world.until_task("c", State::Running).await;
    pass(120).await;
    assert_eq!(stalled(&world, "c").await, None);
    for number in 0..5 {
        let worker = world.worker.clone();
        let request =
            wharf_core::plugin::WebhookRequest { path: format!("/{number}"), body: "x".into(), ..Default::default() };
        tokio::spawn(async move { worker.ingest("c", request).await });
    }
    pass(65).await;
    assert!(stalled(&world, "c").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn the_time_after_which_a_task_is_stalled_can_be_set() {
    let world = World::tuned(|_| {}, |options| options.stalled_after = Duration::from_secs(2)).await;
    world.source.polls([Poll::Hang(Duration::from_secs(10))]);
    world.create("c", source_config()).await;
    pass(3).await;
    assert!(stalled(&world, "c").await.is_some());
}
