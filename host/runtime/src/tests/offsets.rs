//! What an operator sees of offsets, and alters while a connector is stopped.

use std::sync::atomic::Ordering;

use wharf_core::SourceOffset;
use wharf_core::state::{State, TargetState};
use wharf_store::Offsets;

use super::fakes::{Poll, World, config, pass, source_config, webhook_config};
use crate::{Consent, OffsetChange, WorkerError};

fn change(partition: &str, offset: Option<&str>) -> OffsetChange {
    OffsetChange { partition: Some(partition.to_owned()), offset: offset.map(str::to_owned) }
}

fn at(partition: &str, offset: &str) -> SourceOffset {
    SourceOffset { partition: partition.to_owned(), offset: offset.to_owned() }
}

const P0: &str = r#"{"p":0}"#;
const P1: &str = r#"{"p":1}"#;

/// A source that has read three rows and was stopped.
async fn stopped(world: &World) {
    world.source.polls([Poll::Rows(3)]);
    world.create("c", source_config()).await;
    world.until_noted(r#"commit {"n":3} c-0"#).await;
    world.worker.stop("c").await.unwrap();
    assert_eq!(world.worker.offsets("c").await.unwrap(), [at(P0, r#"{"n":3}"#)]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_source_goes_on_where_an_operator_says() {
    for holds_checkpoints in [false, true] {
        let prepare = |driver: &mut super::fakes::FakeDriver| {
            if holds_checkpoints {
                driver.hold_checkpoints(Vec::new());
            }
        };
        let world = World::with(prepare).await;
        stopped(&world).await;
        let changes = vec![change(P0, Some(r#"{"n":1}"#)), change(P1, Some(r#"{"n":7}"#))];
        assert_eq!(world.worker.alter_offsets("c", changes).await, Ok(Consent::Given));
        assert_eq!(world.worker.offsets("c").await.unwrap(), [at(P0, r#"{"n":1}"#), at(P1, r#"{"n":7}"#)]);
        let asked = r#"alter {"p":0}={"n":1} {"p":1}={"n":7} c-0"#;
        let queue = ["altered 2", "stored"];
        let rest = if holds_checkpoints { &queue[..] } else { &queue[1..] };
        world.journal.assert_order(&[&["start c-0", "from 0 c-0", asked, "stop c-0", "dropped c-0"], rest].concat());
        world.worker.resume("c").await.unwrap();
        world.until_noted("from 1 c-0").await;
    }
}

#[tokio::test(start_paused = true)]
async fn offsets_are_altered_only_while_the_connector_is_stopped() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    for target in [TargetState::Running, TargetState::Paused] {
        if target == TargetState::Paused {
            world.worker.pause("c").await.unwrap();
        }
        let altered = world.worker.alter_offsets("c", vec![change(P0, None)]).await.unwrap_err();
        assert_eq!(world.worker.reset_offsets("c").await.unwrap_err(), altered);
        assert!(
            matches!(&altered, WorkerError::BadRequest(text) if text.contains("'/connectors/c/stop'")),
            "{altered}"
        );
    }
    assert_eq!(world.journal.count("alter"), 0);
    let nothing = world.worker.alter_offsets("nobody", Vec::new()).await;
    assert!(matches!(nothing, Err(WorkerError::BadRequest(_))), "an empty request is looked at first");
    let unknown = Err(WorkerError::NotFound("Connector nobody not found".to_owned()));
    assert_eq!(world.worker.alter_offsets("nobody", vec![change(P0, None)]).await, unknown);
    assert_eq!(world.worker.reset_offsets("nobody").await, unknown);
    assert_eq!(world.worker.offsets("nobody").await.map(drop), unknown.map(drop));
}

#[tokio::test(start_paused = true)]
async fn a_source_may_refuse_and_then_nothing_is_changed() {
    let world = World::with(|driver| driver.hold_checkpoints(Vec::new())).await;
    stopped(&world).await;
    *world.source.vetoes.lock().unwrap() = Some("no, for a reason".to_owned());
    let refused = Err(WorkerError::Internal("no, for a reason".to_owned()));
    assert_eq!(world.worker.alter_offsets("c", vec![change(P0, Some(r#"{"n":1}"#))]).await, refused);
    assert_eq!(world.worker.reset_offsets("c").await, refused);
    assert_eq!((world.journal.count("altered"), world.worker.offsets("c").await.unwrap().len()), (0, 1));
    *world.source.vetoes.lock().unwrap() = None;
    *world.source.refuses.lock().unwrap() = true;
    let refused = world.worker.reset_offsets("c").await;
    assert!(matches!(refused, Err(WorkerError::Internal(_))), "an instance that does not start cannot agree");
    assert_eq!(world.worker.offsets("c").await.unwrap(), [at(P0, r#"{"n":3}"#)]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_everything_and_asks_with_empty_offsets() {
    for holds_checkpoints in [false, true] {
        let world = World::with(|driver| {
            if holds_checkpoints {
                driver.hold_checkpoints(vec![at(P1, r#"{"n":5}"#)]);
            }
        })
        .await;
        stopped_with(&world, holds_checkpoints).await;
        assert_eq!(world.worker.reset_offsets("c").await, Ok(Consent::Given));
        let asked = if holds_checkpoints { r#"alter {"p":0}= {"p":1}= c-0"# } else { r#"alter {"p":0}= c-0"# };
        assert!(world.journal.has(asked), "{:#?}", world.journal.all());
        assert_eq!(world.worker.offsets("c").await.unwrap(), []);
        assert_eq!(world.worker.reset_offsets("c").await, Ok(Consent::Given), "nothing to forget is no error");
        let starts = world.journal.count("from 0");
        world.worker.resume("c").await.unwrap();
        world.until("it begins anew", || world.journal.count("from 0") > starts).await;
    }
}

async fn stopped_with(world: &World, holds_checkpoints: bool) {
    world.source.polls([Poll::Rows(3)]);
    world.create("c", source_config()).await;
    world.until_noted(r#"commit {"n":3} c-0"#).await;
    world.worker.stop("c").await.unwrap();
    assert_eq!(world.worker.offsets("c").await.unwrap().len(), if holds_checkpoints { 2 } else { 1 });
}

#[tokio::test(start_paused = true)]
async fn what_the_queue_has_forgotten_does_not_come_back_from_the_store() {
    // As after a death between the two: the queue has the reset, the store has not heard of it.
    let world = World::with(|driver| driver.hold_checkpoints(vec![at(P0, "")])).await;
    Offsets::new(world.store.clone()).commit("c", &[at(P0, r#"{"n":3}"#)]).await.unwrap();
    world.create("c", source_config()).await;
    world.until_noted("from 0 c-0").await;
    assert_eq!(world.worker.offsets("c").await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_undoes_nothing_that_the_queue_has_taken() {
    let world = World::with(|driver| driver.hold_checkpoints(Vec::new())).await;
    stopped(&world).await;
    world.store.broken.store(true, Ordering::Relaxed);
    assert_eq!(world.worker.alter_offsets("c", vec![change(P0, None)]).await, Ok(Consent::Given));
    assert_eq!(world.worker.offsets("c").await.unwrap(), []);

    let world = World::new().await;
    stopped(&world).await;
    world.store.broken.store(true, Ordering::Relaxed);
    let failed = world.worker.alter_offsets("c", vec![change(P0, None)]).await;
    assert!(matches!(failed, Err(WorkerError::Internal(_))), "{failed:?}");
    assert_eq!(world.worker.offsets("c").await.unwrap(), [at(P0, r#"{"n":3}"#)]);
}

#[tokio::test(start_paused = true)]
async fn a_resume_waits_until_offsets_are_altered() {
    let world = World::new().await;
    stopped(&world).await;
    *world.store.slow.lock().unwrap() = std::time::Duration::from_secs(5);
    let changes = vec![change(P0, Some(r#"{"n":2}"#))];
    let (altered, resumed) = tokio::join!(world.worker.alter_offsets("c", changes), world.worker.resume("c"));
    assert_eq!((altered, resumed), (Ok(Consent::Given), Ok(())));
    world.until_noted("from 2 c-0").await;
    assert!(!world.journal.has("from 3 c-0"));
}

#[tokio::test(start_paused = true)]
async fn a_webhook_source_has_no_say() {
    let world = World::new().await;
    world.worker.create("w".to_owned(), webhook_config(&[]), TargetState::Stopped).await.unwrap();
    pass(1).await;
    let altered = world.worker.alter_offsets("w", vec![change(P0, Some("{}"))]).await;
    assert_eq!(altered, Ok(Consent::NotAsked));
    assert_eq!(world.worker.offsets("w").await.unwrap(), [at(P0, "{}")]);
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_cannot_run_keeps_its_offsets() {
    let world = World::new().await;
    stopped(&world).await;
    world.catalog.0.lock().unwrap().clear();
    let refused = world.worker.reset_offsets("c").await.unwrap_err();
    assert!(refused.to_string().contains("cannot run"), "{refused}");
    assert_eq!(world.worker.offsets("c").await.unwrap().len(), 1);
    let other = config(&[("connector.class", "sink"), ("topics", "t")]);
    assert!(world.worker.put_config("c".to_owned(), other).await.is_err());
}
