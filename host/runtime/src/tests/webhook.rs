//! What a webhook source does with requests: nobody is told that all is well before the queue has said so.

use std::time::Duration;

use tokio::task::JoinHandle;
use wharf_core::plugin::{WebhookRequest, WebhookResponse};
use wharf_core::state::State;
use wharf_drivers::{DriverError, Receipt};

use super::fakes::{World, pass, webhook_config};
use crate::{IngestError, WorkerError};

type Answer = Result<WebhookResponse, IngestError>;

fn request(path: &str) -> WebhookRequest {
    let body = path.trim_start_matches('/').to_owned().into();
    WebhookRequest { method: "POST".to_owned(), path: path.to_owned(), body, ..WebhookRequest::default() }
}

async fn call(world: &World, path: &str) -> Answer {
    world.worker.ingest("c", request(path)).await
}

/// A caller that waits for its answer beside the test.
fn caller(world: &World, path: &str) -> JoinHandle<Answer> {
    let (worker, request) = (world.worker.clone(), request(path));
    tokio::spawn(async move { worker.ingest("c", request).await })
}

async fn running(world: &World, more: &[(&str, &str)]) {
    world.create("c", webhook_config(more)).await;
    world.until_task("c", State::Running).await;
    // RUNNING is shown a moment before the first request is taken.
    pass(1).await;
}

fn status(answer: Answer) -> u16 {
    answer.expect("answered").status
}

fn is_unavailable(answer: &Answer) -> bool {
    matches!(answer, Err(IngestError::Unavailable { .. }))
}

#[tokio::test(start_paused = true)]
async fn the_answer_comes_after_the_queues_and_a_request_without_rows_waits_for_nobody() {
    let world = World::with(|driver| driver.by_hand = true).await;
    running(&world, &[]).await;
    let waiting = caller(&world, "/a");
    world.until("it is sent", || world.driver.sent() == 1).await;
    pass(5).await;
    assert!(!waiting.is_finished());
    assert_eq!(status(call(&world, "/none").await), 204);
    world.driver.acknowledge(0);
    assert_eq!(status(waiting.await.unwrap()), 204);
    assert_eq!(world.driver.values("t"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn requests_are_handled_while_earlier_ones_wait_and_each_is_answered_for_itself() {
    let world = World::with(|driver| driver.by_hand = true).await;
    running(&world, &[]).await;
    let first = caller(&world, "/a");
    world.until("one is sent", || world.driver.sent() == 1).await;
    let second = caller(&world, "/b");
    world.until("two are sent", || world.driver.sent() == 2).await;
    world.driver.acknowledge(1);
    assert_eq!(status(second.await.unwrap()), 204);
    assert!(!first.is_finished());
    world.driver.acknowledge(0);
    assert_eq!(status(first.await.unwrap()), 204);
}

#[tokio::test(start_paused = true)]
async fn no_more_than_max_in_flight_are_let_in() {
    let world = World::with(|driver| driver.by_hand = true).await;
    running(&world, &[("ingest.max.in.flight", "2")]).await;
    let waiting = [caller(&world, "/a"), caller(&world, "/b")];
    world.until("both are sent", || world.driver.sent() == 2).await;
    assert_eq!(call(&world, "/c").await, Err(IngestError::Busy));
    world.driver.acknowledge(0);
    world.driver.acknowledge(1);
    for it in waiting {
        assert_eq!(status(it.await.unwrap()), 204);
    }
    assert_eq!(status(call(&world, "/none").await), 204);
}

#[tokio::test(start_paused = true)]
async fn rows_that_the_queue_rejects_are_their_senders_affair() {
    let world = World::with(|driver| driver.by_hand = true).await;
    running(&world, &[]).await;
    let waiting = caller(&world, "/a");
    world.until("it is sent", || world.driver.sent() == 1).await;
    world.driver.answer(0, Ok(Receipt { failed: vec![(0, DriverError::Rejected("too large".to_owned()))] }));
    assert_eq!(waiting.await.unwrap(), Err(IngestError::Rejected));
    let next = caller(&world, "/b");
    world.until("the task goes on", || world.driver.sent() == 2).await;
    world.driver.acknowledge(1);
    assert_eq!(status(next.await.unwrap()), 204);
    assert_eq!(world.task("c", 0).await.state, State::Running);
    assert_eq!(world.worker.progress("c").await.unwrap().tasks[0].skipped, 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_queue_fails_callers_are_asked_to_come_again_and_can() {
    let world = World::with(|driver| driver.by_hand = true).await;
    running(&world, &[]).await;
    let waiting = [caller(&world, "/a"), caller(&world, "/b")];
    world.until("both are sent", || world.driver.sent() == 2).await;
    world.driver.answer(0, Err(DriverError::MaybeWritten("no answer".to_owned())));
    for it in waiting {
        assert!(is_unavailable(&it.await.unwrap()));
    }
    pass(5).await;
    let again = caller(&world, "/a");
    world.until("the next attempt sends it", || world.driver.sent() == 3).await;
    world.driver.acknowledge(2);
    assert_eq!(status(again.await.unwrap()), 204);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_asks_for_patience_is_alive_and_its_caller_is_told_when_to_come() {
    let world = World::new().await;
    running(&world, &[]).await;
    let answer = call(&world, "/retry").await;
    assert_eq!(answer.unwrap_err().retry_after(), Some(Duration::from_secs(7)));
    assert_eq!(status(call(&world, "/a").await), 204);
    assert_eq!(world.journal.count("start c-0"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_guest_is_replaced_and_those_who_wait_meanwhile_are_turned_away() {
    let world = World::new().await;
    running(&world, &[]).await;
    assert_eq!(call(&world, "/die").await, Err(IngestError::Failed));
    assert!(is_unavailable(&call(&world, "/a").await), "it waits to be started again");
    pass(5).await;
    assert_eq!(status(call(&world, "/a").await), 204);
    assert_eq!(world.journal.count("start c-0"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_ends_the_task() {
    let world = World::new().await;
    running(&world, &[]).await;
    assert_eq!(call(&world, "/fatal").await, Err(IngestError::Failed));
    world.until_task("c", State::Failed).await;
    assert!(is_unavailable(&call(&world, "/a").await));
    world.until_noted("failed [fatal: no more] c-0").await;
}

#[tokio::test(start_paused = true)]
async fn whoever_calls_a_paused_or_stopped_connector_is_asked_to_come_again() {
    let world = World::with(|driver| driver.by_hand = true).await;
    running(&world, &[]).await;
    let waiting = caller(&world, "/a");
    world.until("it is sent", || world.driver.sent() == 1).await;
    world.worker.pause("c").await.unwrap();
    pass(1).await;
    assert!(is_unavailable(&call(&world, "/b").await));
    world.driver.acknowledge(0);
    assert_eq!(status(waiting.await.unwrap()), 204, "what was under way is carried through");
    world.until_task("c", State::Paused).await;
    world.worker.resume("c").await.unwrap();
    world.until_task("c", State::Running).await;
    pass(1).await;
    assert_eq!(status(call(&world, "/none").await), 204);
    world.worker.stop("c").await.unwrap();
    assert!(is_unavailable(&call(&world, "/b").await));
    world.journal.assert_order(&["pause c-0", "resume c-0", "stop c-0"]);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_says_the_same_leaves_the_task_taking_requests() {
    let world = World::new().await;
    running(&world, &[]).await;
    world.worker.put_config("c".to_owned(), webhook_config(&[("name", "c")])).await.unwrap();
    pass(1).await;
    assert_eq!(status(call(&world, "/a").await), 204);
    world.worker.restart("c").await.unwrap();
    pass(1).await;
    assert_eq!(status(call(&world, "/a").await), 204);
    assert_eq!(world.journal.count("start c-0"), 1);
}

#[tokio::test(start_paused = true)]
async fn only_webhooks_can_be_called() {
    let world = World::new().await;
    world.create("s", super::fakes::source_config()).await;
    assert_eq!(world.worker.ingest("s", request("/a")).await, Err(IngestError::Unknown));
    assert_eq!(call(&world, "/a").await, Err(IngestError::Unknown));
    running(&world, &[]).await;
    world.worker.delete("c").await.unwrap();
    assert_eq!(call(&world, "/a").await, Err(IngestError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn what_the_worker_does_not_allow_is_refused_with_what_to_write() {
    let world = World::new().await;
    let config = webhook_config(&[("ingest.max.body.bytes", "101"), ("ingest.auth", "bearer")]);
    let created = world.worker.create("c".to_owned(), config, wharf_core::state::TargetState::Running).await;
    let Err(WorkerError::Invalid(errors)) = created else { panic!("{created:?}") };
    assert!(errors.to_string().contains("ingest.auth.token"), "{errors}");
    let config = webhook_config(&[("ingest.max.body.bytes", "101")]);
    let created = world.worker.create("c".to_owned(), config, wharf_core::state::TargetState::Running).await;
    let Err(WorkerError::Invalid(errors)) = created else { panic!("{created:?}") };
    assert!(errors.to_string().contains("the worker allows 100"), "{errors}");
}
