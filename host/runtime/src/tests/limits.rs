//! What a task may use: rows and bytes in a second, the operator's ceiling, and what is told of an instance that died.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::time::Instant;
use wharf_core::config::Config;
use wharf_core::limits::TaskLimits;
use wharf_core::state::{State, TargetState};

use super::fakes::{Poll, Put, World, config, pass, sink_config, source_config};
use crate::WorkerError;

fn limited(mut base: Config, limits: &[(&str, &str)]) -> Config {
    base.extend(config(limits));
    base
}

#[tokio::test(start_paused = true)]
async fn a_source_brings_no_more_rows_than_its_limit_over_time() {
    let world = World::new().await;
    world.source.always(Poll::Full);
    world.create("c", limited(source_config(), &[("limits.rows.per.second", "100")])).await;
    world.until_task("c", State::Running).await;
    pass(10).await;
    let rows = world.driver.values("t").len();
    assert!((950..=1_020).contains(&rows), "{rows} rows in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn a_source_brings_no_more_bytes_than_its_limit_over_time() {
    let world = World::new().await;
    // Rows of one to three digits, at most ten at a time.
    world.source.always(Poll::Rows(10));
    world.create("c", limited(source_config(), &[("limits.bytes.per.second", "50")])).await;
    world.until_task("c", State::Running).await;
    pass(20).await;
    let bytes: usize = world.driver.values("t").iter().map(String::len).sum();
    assert!((950..=1_050).contains(&bytes), "{bytes} bytes in twenty seconds");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_brings_more_than_it_is_asked_for_waits_for_longer() {
    let world = World::new().await;
    world.source.polls([Poll::Rows(500), Poll::Rows(1)]);
    world.create("c", limited(source_config(), &[("limits.rows.per.second", "10")])).await;
    world.until("the first batch", || world.driver.sent() == 1).await;
    pass(49).await;
    assert_eq!(world.driver.sent(), 1);
    pass(2).await;
    assert_eq!(world.driver.sent(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_waits_for_its_limit_is_told_of_its_offsets_and_obeys_at_once() {
    let world = World::new().await;
    world.source.polls([Poll::Rows(1_000)]);
    world.create("c", limited(source_config(), &[("limits.rows.per.second", "1")])).await;
    let began = Instant::now();
    world.until_noted(r#"commit {"n":1000} c-0"#).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let began = Instant::now();
    world.worker.pause("c").await.unwrap();
    world.until_task("c", State::Paused).await;
    world.worker.resume("c").await.unwrap();
    world.until_task("c", State::Running).await;
    world.worker.stop("c").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(world.journal.has("stop c-0"), "in good order");
}

#[tokio::test(start_paused = true)]
async fn a_sink_takes_no_more_rows_than_its_limit_over_time() {
    let world = World::new().await;
    world.driver.fill("t", 0..1_000);
    world.create("s", limited(sink_config(&[]), &[("limits.rows.per.second", "20")])).await;
    world.until_task("s", State::Running).await;
    pass(10).await;
    let rows = world.sink.written.lock().unwrap().len();
    assert!((190..=204).contains(&rows), "{rows} rows in ten seconds");
    assert!(world.driver.delivered() <= rows / 2 + 2, "no more is read ahead than one delivery");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_waits_for_its_limit_has_committed_and_obeys_at_once() {
    let world = World::with(|driver| driver.rows_per_delivery = 100).await;
    world.driver.fill("t", 0..500);
    // A row is more than a second's worth of bytes.
    world.create("s", limited(sink_config(&[]), &[("limits.bytes.per.second", "1")])).await;
    let began = Instant::now();
    world.until("a commit", || world.driver.committed("t").is_some()).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let began = Instant::now();
    world.worker.pause("s").await.unwrap();
    world.until_task("s", State::Paused).await;
    world.worker.stop("s").await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    let written = world.sink.written.lock().unwrap().len() as i64;
    assert_eq!(world.driver.committed("t"), Some(written));
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_waits_for_its_limit_hands_partitions_over() {
    let world = World::with(|driver| driver.rows_per_delivery = 100).await;
    world.driver.fill("t", 0..500);
    world.create("s", limited(sink_config(&[]), &[("limits.bytes.per.second", "1")])).await;
    world.until("a commit", || world.driver.committed("t").is_some()).await;
    let began = Instant::now();
    world.driver.revoke("t");
    world.until_noted("handed over").await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_waits() {
    let world = World::new().await;
    world.source.polls(vec![Poll::Full; 20]);
    world.create("c", source_config()).await;
    let began = Instant::now();
    world.until("all came", || world.driver.sent() == 20).await;
    assert_eq!(world.task("c", 0).await.usage, None, "Kafka Connect's shape while nothing is wrong");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_is_above_the_operators_ceiling_is_refused_and_what_is_not_set_is_the_ceiling() {
    let ceiling = TaskLimits { memory_bytes: Some(64 << 20), sockets: Some(4), ..TaskLimits::default() };
    let world = World::below(ceiling.clone()).await;
    let asked = limited(source_config(), &[("limits.memory.mb", "65"), ("limits.sockets", "x"), ("tasks.max", "0")]);
    let refused = world.worker.create("c".to_owned(), asked, TargetState::Running).await.unwrap_err();
    let WorkerError::Invalid(errors) = refused else { panic!("{refused}") };
    let problems: Vec<_> = errors.0.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        problems,
        [
            "Invalid value 0 for configuration tasks.max: Value must be at least 1",
            "Invalid value x for configuration limits.sockets: Not a number of type INT",
            "Invalid value 65 for configuration limits.memory.mb: Value must be no more than 64, which the operator set \
             as limits.memory-mb",
        ]
    );
    let asked = limited(source_config(), &[("limits.memory.mb", "64"), ("limits.cpu.percent", "50")]);
    world.create("c", asked).await;
    world.until_task("c", State::Running).await;
    let setup = world.source.setup.lock().unwrap().clone().unwrap();
    assert_eq!(setup.limits, TaskLimits { cpu_percent: Some(50), ..ceiling });
}

#[tokio::test(start_paused = true)]
async fn a_connector_stored_under_a_higher_ceiling_runs_under_the_lower_one() {
    let mut world = World::new().await;
    world.create("c", limited(source_config(), &[("limits.memory.mb", "512")])).await;
    world.until_task("c", State::Running).await;
    world.worker.shutdown().await;
    world.options.ceiling = TaskLimits { memory_bytes: Some(1 << 20), ..TaskLimits::default() };
    world.worker = world.restarted().await;
    world.until_task("c", State::Running).await;
    assert_eq!(world.source.setup.lock().unwrap().clone().unwrap().limits.memory_bytes, Some(1 << 20));
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_died_is_counted_shown_and_audited() {
    let world = World::new().await;
    world.source.polls([Poll::Die, Poll::Die, Poll::Rows(1)]);
    world.create("c", source_config()).await;
    world.until("it works again", || world.driver.sent() == 1).await;
    assert_eq!(world.journal.count("audit kill.trap c/0 source@1.2.3: a panic"), 2);
    assert_eq!(world.task("c", 0).await.usage.unwrap().kills["trap"], 2);
    let usage = world.worker.usage("c").await.unwrap();
    let task = &usage.tasks[0];
    assert_eq!((usage.kind.as_str(), task.plugin.as_str(), task.usage.kills["trap"]), ("source", "source@1.2.3", 2));
    assert!(world.worker.usage("d").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_died_is_audited() {
    let world = World::new().await;
    world.sink.puts([Put::Die]);
    world.driver.fill("t", 0..1);
    world.create("s", sink_config(&[])).await;
    world.until_noted("audit kill.trap s/0 sink@1.2.3: a panic").await;
}

#[tokio::test(start_paused = true)]
async fn instances_that_die_beside_the_tasks_are_audited_too() {
    let world = World::new().await;
    let audited = "audit kill.trap c/- source@1.2.3: a panic";
    world.source.dies_aside.store(true, Relaxed);
    let refused = world.worker.create("c".to_owned(), source_config(), TargetState::Running).await.unwrap_err();
    assert!(matches!(refused, WorkerError::Internal(_)), "{refused}");
    assert_eq!(world.journal.count(audited), 1, "in validate");
    world.source.dies_aside.store(false, Relaxed);
    world.create("c", source_config()).await;
    world.until_task("c", State::Running).await;
    world.source.dies_aside.store(true, Relaxed);
    world.worker.restart("c").await.unwrap();
    world.until("tasks", || world.journal.count(audited) == 2).await;
    world.worker.delete("c").await.unwrap();
    assert_eq!(world.journal.count(audited), 3, "in destroyed");
}
