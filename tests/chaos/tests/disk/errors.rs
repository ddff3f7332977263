//! A disk that fails at one call.

use std::fs;

use serde_json::json;
use wharf_integration::{Binary, Setup, write};

use crate::scene::{CONFIG, PATIENT, Scene, text};

/// Lines flow while the calls at a point fail a few times; then nothing is lost, and the log has each line once.
fn passes(points: &str) {
    let setup = Setup::new().config(PATIENT).binary(Binary::Chaos).env("FAILPOINTS", points);
    let mut scene = Scene::new(setup);
    scene.connect();
    for _ in 0..8 {
        scene.feed(5000);
        scene.arrive();
    }
    scene.is_exact();
    let log = scene.worker.log();
    assert!(
        log.contains("the disk fails (input/output error)") || log.contains("os error 5"),
        "it was not told: {log}"
    );
    scene.worker.unset_env("FAILPOINTS");
    scene.is_whole();
    scene.until_health(200);
}

macro_rules! passing {
    ($($name:ident => $points:literal),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                passes($points);
            }
        )+
    };
}

passing! {
    writes_fail => "log.write=2*off->3*eio",
    the_sync_of_rows_fails => "log.sync=2*off->2*eio->1*off->1*eio",
    the_sync_fails_and_so_does_cutting_what_was_written => "log.sync=2*off->1*eio;log.recover=2*eio",
    closing_a_segment_fails => "log.roll=2*eio",
    beginning_a_segment_fails => "log.roll.created=1*off->2*eio",
    writing_small_files_fails => "log.replace=1*off->6*eio",
    creating_a_topic_fails => "log.topic=2*eio",
    reads_fail => "log.read=2*off->2*eio",
    a_commit_of_the_group_cannot_be_written => "group.write=2*off->2*eio",
    a_commit_of_the_group_cannot_be_synced => "group.sync=2*off->2*eio",
    the_store_cannot_be_synced => "store.sync=6*off->3*eio",
    the_store_cannot_be_flushed => "store.change=6*off->3*eio",
}

/// Errors that do not pass count: the task is given up and says why, others run on, and a restart goes on where it was.
#[test]
fn a_disk_that_keeps_failing_fails_the_task_and_a_restart_goes_on() {
    let worker = Setup::new().config(CONFIG).binary(Binary::Chaos).prepare();
    let switch = worker.path("failing");
    let mut scene = Scene::of(worker);
    scene.worker.set_env("FAILPOINTS", &format!("log.sync=eio@{}", switch.display()));
    scene.worker.start_again();
    scene.connect();
    scene.feed(10_000);
    scene.arrive();
    write(&switch, "");
    scene.feed(10_000);
    scene.worker.wait_until("the source is given up", || text(&scene.task("from"), "/state") == "FAILED");
    let trace = text(&scene.task("from"), "/trace");
    let file = scene.files("log").pop().unwrap();
    assert!(trace.contains("the disk fails") && trace.contains(&*file.to_string_lossy()), "{trace}");
    assert!(trace.contains("restart it once the cause is mended"), "{trace}");
    assert_eq!(text(&scene.task("to"), "/state"), "RUNNING");
    // What was written before a sync that failed is neither in the log nor with the sink.
    scene.arrive_of(10_000);
    fs::remove_file(&switch).unwrap();
    scene.worker.rest().post("/connectors/from/restart?includeTasks=true", &json!({}));
    scene.is_whole();
}

/// As after a real failure, whose pages the system may drop: what was in a group when its sync failed is written anew.
#[test]
fn rows_whose_sync_failed_are_not_seen_even_after_a_kill() {
    let worker = Setup::new().config(PATIENT).binary(Binary::Chaos).prepare();
    let switch = worker.path("failing");
    let mut scene = Scene::of(worker);
    scene.worker.set_env("FAILPOINTS", &format!("log.sync=eio@{}", switch.display()));
    scene.worker.start_again();
    scene.connect();
    scene.feed(3000);
    scene.arrive();
    write(&switch, "");
    scene.feed(3000);
    scene.until_failure_says("from", &["cannot sync", "the disk fails"]);
    scene.arrive_of(3000);
    scene.worker.kill();
    fs::remove_file(&switch).unwrap();
    scene.worker.start_again();
    scene.is_whole();
}

/// The store serves again once it can, without a restart, and has what it had answered.
#[test]
fn a_store_that_failed_serves_again_by_itself() {
    let worker = Setup::new().config(CONFIG).binary(Binary::Chaos).prepare();
    let switch = worker.path("failing");
    let mut scene = Scene::of(worker);
    scene.worker.set_env("FAILPOINTS", &format!("store.sync=eio@{}", switch.display()));
    scene.worker.start_again();
    scene.connect();
    scene.feed(1000);
    scene.arrive();
    scene.worker.rest().put_empty("/connectors/to/pause").expect(202);
    write(&switch, "");
    let rest = scene.worker.rest();
    let refused = rest.put_empty("/connectors/to/resume").expect(500);
    let store = scene.worker.data_dir().join("store");
    assert!(refused.message().contains(&*store.to_string_lossy()), "{}", refused.text);
    assert!(scene.until_health(500).contains("the store in"));
    rest.delete("/connectors/from").expect(500);
    fs::remove_file(&switch).unwrap();
    scene.until_health(200);
    assert_eq!(text(&scene.worker.status("to"), "/connector/state"), "PAUSED");
    rest.put_empty("/connectors/to/resume").expect(202);
    rest.post("/connectors/from/restart?includeTasks=true", &json!({}));
    scene.feed(1000);
    scene.is_whole();
}
