//! Many clients command one connector at once, in every order that a seed makes. Nothing is lost of what was accepted last.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use wharf_core::config::Config;
use wharf_core::state::{State, TargetState};
use wharf_store::Connectors;

use super::fakes::{World, pass, source_config};
use crate::{Worker, WorkerError};

const CLIENTS: u64 = 16;
const STEPS: u32 = 12;
const NAME: &str = "c";

fn numbered(number: u64) -> Config {
    let mut config = source_config();
    config.insert("number".to_owned(), number.to_string());
    config
}

async fn command(worker: &Worker, dice: &mut fastrand::Rng) -> Result<(), WorkerError> {
    match dice.u32(0..10) {
        0 | 1 => worker.create(NAME.to_owned(), numbered(dice.u64(..)), TargetState::Running).await.map(drop),
        2 | 3 => worker.put_config(NAME.to_owned(), numbered(dice.u64(..))).await.map(drop),
        4 => worker.pause(NAME).await,
        5 => worker.resume(NAME).await,
        6 => worker.stop(NAME).await,
        7 => worker.restart_with(NAME, dice.bool(), dice.bool()).await.map(drop),
        8 => worker.reset_offsets(NAME).await.map(drop),
        _ => worker.delete(NAME).await,
    }
}

async fn storm(world: &World, seed: u64) {
    *world.store.dice.lock().unwrap() = Some(fastrand::Rng::with_seed(seed));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let worker = world.worker.clone();
        let mut dice = fastrand::Rng::with_seed(seed * 1000 + client);
        clients.spawn(async move {
            for _ in 0..STEPS {
                match command(&worker, &mut dice).await {
                    Ok(())
                    | Err(WorkerError::NotFound(_) | WorkerError::AlreadyExists(_) | WorkerError::Conflict(_)) => {}
                    // Offsets of a connector that runs.
                    Err(WorkerError::BadRequest(_)) => {}
                    Err(error) => panic!("seed {seed}: {error:?}"),
                }
                for _ in 0..dice.u32(0..4) {
                    tokio::task::yield_now().await;
                }
            }
        });
    }
    let ended = timeout(Duration::from_secs(3600), clients.join_all()).await;
    assert!(ended.is_ok(), "seed {seed}: the clients are stuck");
}

#[tokio::test(start_paused = true)]
async fn what_the_worker_knows_is_what_is_stored_after_any_storm() {
    for seed in 0..150 {
        let world = World::new().await;
        storm(&world, seed).await;
        pass(10).await;
        let stored = Connectors::new(world.store.clone()).get(NAME).await.unwrap();
        let known = world.worker.config(NAME).await.ok();
        assert_eq!(known, stored.as_ref().map(|it| it.config.clone()), "seed {seed}");
        assert_eq!(world.worker.connectors().await.len(), usize::from(known.is_some()), "seed {seed}");

        // And it does as it is told.
        let last = Arc::new(numbered(seed));
        world.worker.put_config(NAME.to_owned(), (*last).clone()).await.unwrap();
        world.worker.resume(NAME).await.unwrap();
        world.until_task(NAME, State::Running).await;
        let mut expected = (*last).clone();
        expected.insert("name".to_owned(), NAME.to_owned());
        assert_eq!(world.worker.config(NAME).await.unwrap(), expected, "seed {seed}");
        let stored = Connectors::new(world.store.clone()).get(NAME).await.unwrap().unwrap();
        assert_eq!((stored.config, stored.target), (expected, TargetState::Running), "seed {seed}");
        let (started, dropped) = (world.journal.count("start c-"), world.journal.count("dropped c-"));
        assert_eq!(started - dropped, 1, "seed {seed}: one instance lives");

        world.worker.delete(NAME).await.unwrap();
        assert_eq!(Connectors::new(world.store.clone()).get(NAME).await.unwrap(), None, "seed {seed}");
        assert_eq!(world.worker.connectors().await, Vec::<String>::new(), "seed {seed}");
        assert_eq!(world.journal.count("start c-"), world.journal.count("dropped c-"), "seed {seed}: none lives on");
    }
}
