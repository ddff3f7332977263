//! Two workers want one data directory.

use wharf_integration::{Setup, Worker};

use crate::scene::{CONFIG, Scene};

#[test]
fn the_second_worker_refuses_and_names_the_process_and_the_directory_and_the_first_is_not_disturbed() {
    let mut scene = Scene::new(Setup::new().config(CONFIG));
    scene.connect();
    scene.feed(1000);
    let data = scene.worker.data_dir();
    let mut second = Setup::new().data_dir(&data).prepare();
    assert_ne!(second.listen(), scene.worker.listen());
    let said = second.refuse_to_start();
    assert_eq!(said.code, Some(1));
    let owner = format!("process {}", scene.worker.pid().unwrap());
    for part in [owner.as_str(), &data.to_string_lossy(), "stop it", "--data-dir"] {
        assert!(said.stderr.contains(part), "`{part}` is missing: {}", said.stderr);
    }
    scene.is_whole();
}

/// The lock goes with the process: nobody has to remove a file by hand.
#[test]
fn the_directory_of_a_worker_that_was_killed_is_free_at_once() {
    let mut scene = Scene::new(Setup::new().config(CONFIG));
    scene.connect();
    scene.feed(1000);
    scene.arrive();
    scene.worker.kill();
    let mut second: Worker = Setup::new().data_dir(scene.worker.data_dir()).prepare();
    second.start_again();
    assert_eq!(second.rest().get("/connectors").json, serde_json::json!(["from", "to"]));
    second.kill();
    scene.worker.start_again();
    scene.is_whole();
}
