//! Disks without a free byte.

use serde_json::json;
use wharf_integration::{Setup, read};

use crate::mount::Mount;
use crate::scene::{CONFIG, Scene, text};

/// How large a small disk is, in MiB: room for the worker's own files and a few segments.
const SMALL: u32 = 48;

#[test]
fn a_full_disk_under_the_log_is_waited_for_and_no_line_is_lost_or_doubled() {
    let Some(disk) = Mount::tmpfs(SMALL) else { return };
    let mut scene = Scene::on(&disk, CONFIG);
    scene.connect();
    scene.feed(20_000);
    scene.arrive();

    disk.fill();
    scene.feed(60_000);
    scene.until_failure_says("from", &["the disk is full", "free space", &disk.path().to_string_lossy()]);
    let said = scene.until_health(500);
    assert!(said.contains("the disk is full"), "{said}");
    // More often than failures that count would be allowed.
    scene.worker.wait_until("it was tried again and again", || {
        scene.task("from").pointer("/last_failure/restarts").and_then(|it| it.as_u64()) >= Some(5)
    });
    assert_ne!(text(&scene.task("from"), "/state"), "FAILED");

    disk.free();
    scene.is_whole();
    scene.until_health(200);
}

#[test]
fn a_worker_that_is_killed_on_a_full_disk_goes_on_once_there_is_room() {
    let Some(disk) = Mount::tmpfs(SMALL) else { return };
    let mut scene = Scene::on(&disk, CONFIG);
    scene.connect();
    scene.feed(20_000);
    scene.arrive();
    disk.fill();
    scene.feed(60_000);
    scene.until_failure_says("from", &["the disk is full"]);
    scene.worker.kill();
    disk.free();
    scene.worker.start_again();
    scene.is_whole();
}

#[test]
fn on_a_full_disk_a_connector_is_refused_whole_and_taken_later() {
    let Some(disk) = Mount::tmpfs(SMALL) else { return };
    let mut scene = Scene::on(&disk, CONFIG);
    scene.connect();
    scene.feed(1000);
    scene.arrive();
    let rest = scene.worker.rest();
    let before = rest.get("/connectors/from/config").json;
    // Larger than what is left of a page.
    let padding = "x".repeat(20_000);
    let new = json!({"connector.class": "file-source", "file": scene.worker.path("other"), "topic": "other",
        "padding": padding});
    let mut changed = before.clone();
    changed.as_object_mut().unwrap().insert("padding".to_owned(), json!(padding));

    disk.fill();
    let refused = rest.put("/connectors/new/config", &new).expect(500);
    assert!(refused.message().contains("the disk is full: free space"), "{}", refused.text);
    assert!(refused.message().contains(&*disk.path().to_string_lossy()), "{}", refused.text);
    let named = json!({"name": "new", "config": new});
    for answer in [rest.post("/connectors", &named), rest.put("/connectors/from/config", &changed)] {
        assert!(answer.expect(500).message().contains("the disk is full"));
    }
    rest.put_empty("/connectors/to/pause").expect(500);
    rest.get("/connectors/new").expect(404);
    assert_eq!(rest.get("/connectors").json, json!(["from", "to"]));
    assert_eq!(rest.get("/connectors/from/config").json, before);
    assert_eq!(text(&scene.worker.status("to"), "/connector/state"), "RUNNING");
    assert!(scene.until_health(500).contains("the store in"));

    disk.free();
    scene.until_health(200);
    // Not 409: nothing of what was refused is left.
    rest.post("/connectors", &named).expect(201);
    rest.put("/connectors/from/config", &changed).expect(200);
    scene.worker.wait_for_state("from", "RUNNING");
    scene.is_whole();
    let rest = scene.worker.rest();
    assert_eq!(text(&rest.get("/connectors/new/config").json, "/padding"), padding);
    assert_eq!(rest.get("/connectors/from/config").json, changed);
}

#[test]
fn what_was_refused_on_a_full_disk_is_not_there_after_a_restart_either() {
    let Some(disk) = Mount::tmpfs(SMALL) else { return };
    let mut scene = Scene::on(&disk, CONFIG);
    scene.connect();
    disk.fill();
    let rest = scene.worker.rest();
    let new = json!({"connector.class": "file-source", "file": scene.worker.path("other"), "topic": "other",
        "padding": "x".repeat(20_000)});
    rest.put("/connectors/new/config", &new).expect(500);
    disk.free();
    scene.until_health(200);
    scene.worker.kill();
    scene.worker.start_again();
    assert_eq!(scene.worker.rest().get("/connectors").json, json!(["from", "to"]));
    scene.feed(1000);
    scene.is_whole();
}

#[test]
fn a_sink_whose_disk_is_full_waits_and_no_line_is_lost() {
    let Some(disk) = Mount::tmpfs(4) else { return };
    let mut scene = Scene::new(Setup::new().config(CONFIG));
    scene.output = disk.path().join("out.txt");
    scene.connect();
    scene.feed(5000);
    scene.arrive();
    disk.fill();
    scene.feed(20_000);
    scene.until_failure_says("to", &["cannot write", &scene.output.to_string_lossy()]);
    let task = scene.task("to");
    assert_eq!((text(&task, "/state"), text(&task, "/last_failure/class")), ("RUNNING".into(), "retriable".into()));
    assert_eq!(read(&scene.output).last(), Some(&b'\n'), "no half line is left");
    disk.free();
    scene.is_whole();
}

#[test]
fn a_worker_that_starts_on_a_full_disk_says_so_or_runs() {
    let Some(disk) = Mount::tmpfs(SMALL) else { return };
    let mut scene = Scene::on(&disk, CONFIG);
    scene.connect();
    scene.feed(20_000);
    scene.arrive();
    scene.worker.kill();
    disk.fill();
    scene.worker.launch();
    if let Some(status) = scene.worker.wait_until_ready() {
        let said = scene.worker.log_since_start();
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(said.contains("No space left") || said.contains("the disk is full"), "{said}");
        assert!(said.contains(&*disk.path().to_string_lossy()), "{said}");
        disk.free();
        scene.worker.start_again();
    } else {
        disk.free();
    }
    scene.is_whole();
}
