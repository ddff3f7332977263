//! Creating, pausing, stopping, configuring and deleting connectors.

use std::sync::Arc;
use std::time::Duration;

use wharf_core::state::{State, TargetState};
use wharf_store::Offsets;

use super::fakes::{FakePlugin, Poll, World, config, pass, sink_config, source_config};
use crate::{Health, WorkerError};

#[tokio::test(start_paused = true)]
async fn a_created_connector_is_stored_and_runs() {
    let world = World::new().await;
    let info = world.worker.create(" c ".to_owned(), source_config(), TargetState::Running).await.unwrap();
    assert_eq!((info.name.as_str(), info.kind.as_str(), info.tasks.len()), ("c", "source", 0));
    assert_eq!(info.config["name"], "c");
    world.until_task("c", State::Running).await;
    let status = world.worker.status("c").await.unwrap();
    assert_eq!((status.connector.state, status.connector.version.as_deref()), (State::Running, Some("1.2.3")));
    assert_eq!(world.worker.connector("c").await.unwrap().tasks.len(), 1);
    assert_eq!(world.worker.connectors().await, ["c"]);
    let again = world.worker.create("c".to_owned(), source_config(), TargetState::Running).await;
    assert_eq!(again, Err(WorkerError::AlreadyExists("Connector c already exists".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn of_two_that_create_the_same_name_at_once_one_wins() {
    let world = World::new().await;
    let create = || world.worker.create("c".to_owned(), source_config(), TargetState::Running);
    let (one, two) = tokio::join!(create(), create());
    assert!(one.is_ok() != two.is_ok());
    world.until_task("c", State::Running).await;
    assert_eq!(world.source.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn created_stopped_or_paused_a_connector_has_no_tasks_before_it_is_resumed() {
    for (target, state) in [(TargetState::Stopped, State::Stopped), (TargetState::Paused, State::Paused)] {
        let world = World::new().await;
        world.worker.create("c".to_owned(), source_config(), target).await.unwrap();
        pass(1).await;
        let status = world.worker.status("c").await.unwrap();
        assert_eq!((status.connector.state, status.tasks.len()), (state, 0));
        world.worker.resume("c").await.unwrap();
        world.until_task("c", State::Running).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pause_keeps_the_instance_and_commits_what_is_in_flight() {
    let world = World::with(|driver| driver.by_hand = true).await;
    world.source.polls([Poll::Rows(1)]);
    world.create("c", source_config()).await;
    world.until("the batch is sent", || world.driver.sent() == 1).await;
    world.worker.pause("c").await.unwrap();
    assert_eq!(world.worker.status("c").await.unwrap().connector.state, State::Paused);
    pass(1).await;
    assert_eq!(world.task("c", 0).await.state, State::Running, "it waits for the queue");
    world.driver.acknowledge(0);
    world.until_task("c", State::Paused).await;
    world.journal.assert_order(&["stored", r#"commit {"n":1} c-0"#, "pause c-0"]);
    let polls = world.journal.count("poll");
    pass(60).await;
    assert_eq!(world.journal.count("poll"), polls, "a paused source is not polled");
    world.source.polls([Poll::Rows(1)]);
    world.worker.resume("c").await.unwrap();
    world.until("it goes on", || world.driver.sent() == 2).await;
    assert_eq!((world.source.starts(), world.driver.values("t")), (1, vec!["0".to_owned(), "1".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn stop_frees_everything_and_resume_goes_on_from_the_offset() {
    let world = World::new().await;
    world.source.polls([Poll::Rows(3)]);
    world.create("c", source_config()).await;
    world.until_noted(r#"commit {"n":3} c-0"#).await;
    world.worker.stop("c").await.unwrap();
    world.journal.assert_order(&["stop c-0", "dropped c-0"]);
    let status = world.worker.status("c").await.unwrap();
    assert_eq!((status.connector.state, status.tasks), (State::Stopped, Vec::new()));
    assert_eq!(world.worker.tasks("c").await.unwrap(), []);
    let conflict = world.worker.restart_task("c", 0).await;
    assert!(matches!(conflict, Err(WorkerError::Conflict(_))), "{conflict:?}");
    world.worker.pause("c").await.unwrap();
    let status = world.worker.status("c").await.unwrap();
    assert_eq!((status.connector.state, status.tasks.len()), (State::Paused, 0), "paused without tasks");
    world.worker.resume("c").await.unwrap();
    world.until_noted("from 3 c-0").await;
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_does_not_return_is_dropped_after_the_grace() {
    let world = World::new().await;
    world.source.polls([Poll::Hang(Duration::from_secs(3600))]);
    world.create("c", source_config()).await;
    world.until_noted("poll c-0").await;
    let began = tokio::time::Instant::now();
    world.worker.stop("c").await.unwrap();
    assert_eq!(began.elapsed().as_secs(), 5, "`shutdown_timeout`");
    assert!(world.journal.has("dropped c-0") && !world.journal.has("stop c-0"));
}

#[tokio::test(start_paused = true)]
async fn delete_stops_tells_the_plugin_and_keeps_offsets() {
    let world = World::new().await;
    world.source.polls([Poll::Rows(3)]);
    world.create("c", source_config()).await;
    world.until_noted(r#"commit {"n":3} c-0"#).await;
    world.worker.delete("c").await.unwrap();
    world.journal.assert_order(&["stop c-0", "destroyed c"]);
    assert_eq!(world.worker.status("c").await.unwrap_err().to_string(), "No status found for connector c");
    assert_eq!(world.worker.delete("c").await.unwrap_err().to_string(), "Connector c not found");
    assert_eq!(Offsets::new(world.store.clone()).all("c").await.unwrap().len(), 1);
    assert_eq!(world.restarted().await.connectors().await, Vec::<String>::new());
    world.create("c", source_config()).await;
    world.until_noted("from 3 c-0").await;
}

#[tokio::test(start_paused = true)]
async fn connectors_and_target_states_survive_the_worker() {
    let world = World::new().await;
    for name in ["runs", "paused", "stopped"] {
        world.create(name, source_config()).await;
        world.until_task(name, State::Running).await;
    }
    world.worker.pause("paused").await.unwrap();
    world.worker.stop("stopped").await.unwrap();
    world.worker.shutdown().await;
    let worker = world.restarted().await;
    assert_eq!(worker.health(), Health::Starting);
    world.until("it is up", || worker.health() == Health::Healthy).await;
    pass(2).await;
    for (name, state, tasks) in
        [("runs", State::Running, 1), ("paused", State::Paused, 1), ("stopped", State::Stopped, 0)]
    {
        let status = worker.status(name).await.unwrap();
        assert_eq!((status.connector.state, status.tasks.len()), (state, tasks), "{name}");
        assert!(status.tasks.iter().all(|task| task.state == state), "{status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connector_without_its_plugin_is_failed_and_starts_when_the_plugin_is_there() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    world.worker.shutdown().await;
    let source = world.catalog.0.lock().unwrap().remove(0);
    let worker = world.restarted().await;
    pass(5).await;
    let status = worker.status("c").await.unwrap();
    assert_eq!((status.connector.state, status.kind.as_str()), (State::Failed, "unknown"));
    assert!(status.connector.trace.unwrap().contains("which name matches source"));
    world.catalog.0.lock().unwrap().push(source);
    pass(2).await;
    let status = worker.status("c").await.unwrap();
    assert_eq!((status.connector.state, status.connector.trace), (State::Running, None));
    assert_eq!(status.tasks[0].state, State::Running);
}

#[tokio::test(start_paused = true)]
async fn another_configuration_restarts_the_tasks_and_the_same_one_does_not() {
    let world = World::new().await;
    let (is_new, info) = world.worker.put_config("c".to_owned(), source_config()).await.unwrap();
    assert!(is_new && info.tasks.is_empty());
    world.until_task("c", State::Running).await;
    let (is_new, info) = world.worker.put_config("c".to_owned(), source_config()).await.unwrap();
    assert_eq!((is_new, info.tasks.len()), (false, 1));
    pass(1).await;
    assert_eq!(world.source.starts(), 1);
    let mut other = source_config();
    other.insert("k".to_owned(), "v".to_owned());
    let (_, info) = world.worker.put_config("c".to_owned(), other).await.unwrap();
    assert_eq!(info.config["k"], "v");
    world.until("it is started anew", || world.source.starts() == 2).await;
    world.until_task("c", State::Running).await;
    assert_eq!(world.worker.tasks("c").await.unwrap()[0].config["k"], "v");
}

#[tokio::test(start_paused = true)]
async fn a_source_may_become_a_sink_and_stays_paused() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    world.worker.pause("c").await.unwrap();
    world.until_task("c", State::Paused).await;
    let (_, info) = world.worker.put_config("c".to_owned(), sink_config(&[])).await.unwrap();
    assert_eq!(info.kind, "sink");
    world.until("the sink is paused", || world.journal.count("pause c-0") == 2).await;
    assert_eq!(world.worker.status("c").await.unwrap().connector.state, State::Paused);
}

#[tokio::test(start_paused = true)]
async fn two_connectors_do_not_disturb_each_other() {
    let world = World::new().await;
    let other = Arc::new(FakePlugin::source("other", world.journal.clone()));
    world.catalog.0.lock().unwrap().push(other.clone());
    other.polls([Poll::Hang(Duration::from_secs(600)), Poll::Die]);
    world.create("bad", config(&[("connector.class", "other"), ("topic", "x")])).await;
    world.until_noted("poll bad-0").await;
    world.source.polls(vec![Poll::Rows(1); 20]);
    world.create("good", source_config()).await;
    world.until_noted(r#"commit {"n":20} good-0"#).await;
    assert_eq!(world.driver.values("t").len(), 20);
    pass(700).await;
    assert_eq!((other.starts(), world.source.starts()), (2, 1));
}
