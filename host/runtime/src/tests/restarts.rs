//! Failures, automatic restarts, and restarts by hand.

use wharf_core::state::State;
use wharf_core::status::ConnectorStatus;

use super::fakes::{Poll, World, config, pass, source_config};

fn states(status: &ConnectorStatus) -> (State, Vec<State>) {
    (status.connector.state, status.tasks.iter().map(|task| task.state).collect())
}

#[tokio::test(start_paused = true)]
async fn a_task_that_crashes_in_a_loop_is_failed_and_says_so() {
    let world = World::new().await;
    world.source.always(Poll::Die);
    world.create("c", source_config()).await;
    let status = world.until_task("c", State::Failed).await;
    let trace = status.trace.unwrap();
    assert!(trace.starts_with("trap: a panic\n") && trace.contains("it failed 3 times within 600 s"), "{trace}");
    assert_eq!((world.source.starts(), status.last_failure.unwrap().class.as_str()), (3, "trap"));
    pass(3600).await;
    assert_eq!(world.source.starts(), 3, "it waits for an operator");
    assert_eq!(world.worker.status("c").await.unwrap().connector.state, State::Running);
}

#[tokio::test(start_paused = true)]
async fn while_it_waits_to_be_started_again_a_task_is_restarting_with_a_trace() {
    let world = World::new().await;
    world.source.polls([Poll::Die]);
    world.create("c", source_config()).await;
    let status = world.until_task("c", State::Restarting).await;
    assert_eq!(status.trace.as_deref(), Some("trap: a panic"));
    let status = world.until_task("c", State::Running).await;
    assert_eq!((status.trace, status.last_failure.unwrap().restarts), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fatal_failure_is_not_tried_again_and_the_plugin_is_told() {
    let world = World::new().await;
    world.source.polls([Poll::Rows(1), Poll::Fatal]);
    world.create("c", source_config()).await;
    let status = world.until_task("c", State::Failed).await;
    assert_eq!(status.trace.as_deref(), Some("fatal: no such table"));
    world.until_noted("failed [fatal: no such table] c-0").await;
    world.journal.assert_order(&["stored", "failed [fatal: no such table] c-0"]);
    pass(600).await;
    assert_eq!(world.source.starts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_configuration_that_the_plugin_refuses_at_its_start_is_not_tried_again() {
    let world = World::new().await;
    *world.source.refuses.lock().unwrap() = true;
    world.create("c", source_config()).await;
    let status = world.until_task("c", State::Failed).await;
    assert_eq!(status.last_failure.unwrap().class, "invalid-config");
}

#[tokio::test(start_paused = true)]
async fn without_automatic_restarts_the_first_crash_is_the_last() {
    let world = World::new().await;
    world.source.polls([Poll::Die]);
    let mut config = source_config();
    config.insert("restart.enabled".to_owned(), "false".to_owned());
    world.create("c", config).await;
    let status = world.until_task("c", State::Failed).await;
    assert_eq!((status.trace.as_deref(), world.source.starts()), (Some("trap: a panic"), 1));
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_is_restarted_by_hand_with_a_clean_count() {
    let world = World::new().await;
    world.source.polls(vec![Poll::Die; 3]);
    world.create("c", source_config()).await;
    world.until_task("c", State::Failed).await;
    world.source.polls([Poll::Die]);
    world.worker.restart_task("c", 0).await.unwrap();
    world.until("it was started twice more", || world.source.starts() == 5).await;
    let status = world.until_task("c", State::Running).await;
    assert_eq!((status.trace, status.last_failure.unwrap().restarts), (None, 4));
    let unknown = world.worker.restart_task("c", 9).await.unwrap_err();
    assert_eq!(unknown.to_string(), "Unknown task: c-9");
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_hand_does_not_wait_for_the_back_off() {
    let world = World::new().await;
    world.source.polls([Poll::Die]);
    let mut config = source_config();
    config.insert("restart.backoff.initial.ms".to_owned(), "3600000".to_owned());
    config.insert("restart.backoff.max.ms".to_owned(), "3600000".to_owned());
    world.create("c", config).await;
    world.until_task("c", State::Restarting).await;
    let status = world.worker.restart_with("c", true, true).await.unwrap();
    assert_eq!(states(&status), (State::Running, vec![State::Restarting]));
    assert!(status.tasks[0].trace.is_some(), "it says why");
    pass(1).await;
    assert_eq!(world.task("c", 0).await.state, State::Running);
}

#[tokio::test(start_paused = true)]
async fn a_restart_covers_what_was_asked_for() {
    let world = World::new().await;
    *world.source.split.lock().unwrap() = Some(vec![config(&[("part", "a")]), config(&[("part", "b")])]);
    let mut wide = source_config();
    wide.insert("tasks.max".to_owned(), "2".to_owned());
    world.create("c", wide).await;
    world.until("both run", || world.source.starts() == 2).await;
    world.until_task("c", State::Running).await;

    world.worker.restart("c").await.unwrap();
    pass(1).await;
    assert_eq!(world.source.starts(), 2, "the connector alone");

    let running = (State::Running, vec![State::Running; 2]);
    let status = world.worker.restart_with("c", true, true).await.unwrap();
    assert_eq!(states(&status), running, "nothing has failed");

    let status = world.worker.restart_with("c", true, false).await.unwrap();
    assert_eq!(states(&status), (State::Restarting, vec![State::Restarting; 2]));
    world.until("both run again", || world.source.starts() == 4).await;
    pass(1).await;
    assert_eq!(states(&world.worker.status("c").await.unwrap()), running);

    // Whichever task polls next fails; the other is left alone.
    world.source.polls([Poll::Fatal]);
    pass(1).await;
    let status = world.worker.restart_with("c", true, true).await.unwrap();
    let (connector, mut tasks) = states(&status);
    tasks.sort_by_key(|state| state.as_str());
    assert_eq!((connector, tasks), (State::Running, vec![State::Restarting, State::Running]));
    world.until("the failed one runs again", || world.source.starts() == 5).await;
    pass(1).await;
    assert_eq!(states(&world.worker.status("c").await.unwrap()), running);
}

#[tokio::test(start_paused = true)]
async fn what_is_restarted_keeps_its_target() {
    let world = World::new().await;
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    world.worker.pause("c").await.unwrap();
    world.until_task("c", State::Paused).await;
    let status = world.worker.restart_with("c", true, false).await.unwrap();
    assert_eq!(states(&status), (State::Restarting, vec![State::Restarting]));
    pass(1).await;
    assert_eq!(states(&world.worker.status("c").await.unwrap()), (State::Paused, vec![State::Paused]));
    world.worker.stop("c").await.unwrap();
    let status = world.worker.restart_with("c", true, false).await.unwrap();
    assert_eq!(states(&status), (State::Restarting, vec![]));
    pass(1).await;
    assert_eq!(states(&world.worker.status("c").await.unwrap()), (State::Stopped, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_stays_failed_through_pause_and_resume() {
    let world = World::new().await;
    world.source.polls([Poll::Fatal]);
    world.create("c", source_config()).await;
    world.until_task("c", State::Failed).await;
    world.worker.pause("c").await.unwrap();
    pass(1).await;
    assert_eq!(states(&world.worker.status("c").await.unwrap()), (State::Paused, vec![State::Failed]));
    world.worker.resume("c").await.unwrap();
    pass(1).await;
    assert_eq!(states(&world.worker.status("c").await.unwrap()), (State::Running, vec![State::Failed]));
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_asks_for_it_gets_only_the_changed_tasks_anew() {
    let world = World::new().await;
    let parts = |names: &[&str]| names.iter().map(|name| config(&[("part", name)])).collect::<Vec<_>>();
    *world.source.split.lock().unwrap() = Some(parts(&["a", "b"]));
    let mut wide = source_config();
    wide.insert("tasks.max".to_owned(), "3".to_owned());
    world.create("c", wide).await;
    world.until("both run", || world.source.starts() == 2).await;
    *world.source.split.lock().unwrap() = Some(parts(&["a", "x", "c"]));
    let setup = world.source.setup.lock().unwrap().clone().unwrap();
    (setup.reconfigure)();
    world.until("two more are started", || world.source.starts() == 4).await;
    let count = |entry: &str| world.journal.all().iter().filter(|it| *it == entry).count();
    assert_eq!([count("start c-0"), count("start c-1"), count("start c-2")], [1, 2, 1]);
    assert_eq!([count("stop c-0"), count("stop c-1")], [0, 1]);
    let configs: Vec<_> =
        world.worker.tasks("c").await.unwrap().into_iter().map(|task| task.config["part"].clone()).collect();
    assert_eq!(configs, ["a", "x", "c"]);
}

#[tokio::test(start_paused = true)]
async fn more_tasks_than_allowed_fail_the_connector_until_it_is_restarted() {
    let world = World::new().await;
    *world.source.split.lock().unwrap() = Some(vec![config(&[]); 2]);
    world.create("c", source_config()).await;
    pass(1).await;
    let status = world.worker.status("c").await.unwrap();
    assert_eq!(states(&status), (State::Failed, vec![]));
    assert!(status.connector.trace.unwrap().contains("made 2 tasks where `tasks.max` allows 1"));
    *world.source.split.lock().unwrap() = None;
    world.worker.restart("c").await.unwrap();
    world.until_task("c", State::Running).await;
}
