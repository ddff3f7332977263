//! Disks that may not be written.

use std::fs;

use serde_json::json;
use wharf_integration::{Binary, Setup, write};

use crate::mount::Mount;
use crate::scene::{CONFIG, Scene, text};

#[test]
fn a_worker_refuses_to_start_on_a_read_only_disk_and_starts_once_it_may_write() {
    let Some(disk) = Mount::tmpfs(48) else { return };
    let mut scene = Scene::on(&disk, CONFIG);
    scene.connect();
    scene.feed(5000);
    scene.arrive();
    scene.worker.terminate();
    disk.remount("ro");
    let said = scene.worker.refuse_to_start();
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let place = disk.path().to_string_lossy();
    assert!(said.stderr.contains(&*place) && said.stderr.to_lowercase().contains("read-only"), "{}", said.stderr);
    disk.remount("rw");
    scene.worker.start_again();
    scene.is_whole();
}

#[test]
fn a_topic_that_cannot_be_created_on_a_read_only_disk_is_waited_for() {
    let worker = Setup::new().config(CONFIG).prepare();
    let topics = worker.data_dir().join("log/topics");
    fs::create_dir_all(&topics).unwrap();
    let Some(disk) = Mount::tmpfs_at(&topics, 16) else { return };
    let mut scene = Scene::of(worker);
    scene.worker.start_again();
    disk.remount("ro");
    scene.connect();
    scene.feed(1000);
    scene.until_failure_says("from", &["the disk is read-only: mount it for writing again", &topics.to_string_lossy()]);
    scene.worker.wait_until("it was tried again and again", || {
        scene.task("from").pointer("/last_failure/restarts").and_then(|it| it.as_u64()) >= Some(5)
    });
    assert_ne!(text(&scene.task("from"), "/state"), "FAILED");
    disk.remount("rw");
    scene.arrive();
    scene.is_exact();
    // Before the disk, which it holds files on.
    scene.worker.terminate();
    drop(scene);
}

/// A disk that has files open for writing cannot be remounted; its kernel makes it read-only all the same, after errors.
#[test]
fn a_disk_that_turns_read_only_under_open_files_is_waited_for() {
    let setup = Setup::new().config(CONFIG).binary(Binary::Chaos).prepare();
    let switch = setup.path("read-only");
    let points = ["log.write", "log.roll", "group.write", "store.change", "log.replace"];
    let points: Vec<String> = points.iter().map(|point| format!("{point}=erofs@{}", switch.display())).collect();
    let mut scene = Scene::of(setup);
    scene.worker.set_env("FAILPOINTS", &points.join(";"));
    scene.worker.start_again();
    scene.connect();
    scene.feed(20_000);
    scene.arrive();

    write(&switch, "");
    scene.feed(20_000);
    scene.until_failure_says("from", &["the disk is read-only: mount it for writing again"]);
    let refused = scene.worker.rest().put_empty("/connectors/to/pause").expect(500);
    assert!(refused.message().contains("the disk is read-only"), "{}", refused.text);
    assert!(scene.until_health(500).contains("the disk is read-only"));
    scene.worker.wait_until("it was tried again and again", || {
        scene.task("from").pointer("/last_failure/restarts").and_then(|it| it.as_u64()) >= Some(5)
    });

    fs::remove_file(&switch).unwrap();
    scene.until_health(200);
    scene.worker.rest().put("/connectors/to/pause", &json!(null)).expect(202);
    scene.worker.rest().put("/connectors/to/resume", &json!(null)).expect(202);
    scene.is_whole();
}

/// A commit that fails must not have the sink put the same rows again and again.
#[test]
fn a_sink_whose_position_cannot_be_committed_waits_and_does_not_repeat_itself() {
    let worker = Setup::new().config(CONFIG).binary(Binary::Chaos).prepare();
    let switch = worker.path("full");
    let mut scene = Scene::of(worker);
    scene.worker.set_env("FAILPOINTS", &format!("group.write=enospc@{}", switch.display()));
    scene.worker.start_again();
    scene.connect();
    scene.feed(1000);
    scene.arrive();
    write(&switch, "");
    scene.feed(1000);
    scene.until_failure_says("to", &["commit positions", "the disk is full"]);
    let retries = || {
        let log = scene.worker.log_since_start();
        log.matches("the position is committed again later").count()
    };
    scene.worker.wait_until("it has tried some times", || retries() >= 4);
    fs::remove_file(&switch).unwrap();
    scene.feed(1000);
    scene.arrive();
    let written = wharf_integration::lines::numbers(&wharf_integration::read(&scene.output)).unwrap();
    wharf_integration::lines::exactly_once(&written, 3000).unwrap();
    scene.is_whole();
}
