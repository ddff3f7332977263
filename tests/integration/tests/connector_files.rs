//! Connectors that come from files: a worker that follows `connectors.d` and `--connector FILE` without a REST call.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use wharf_integration::{Setup, Worker, append, write};

/// A worker that follows the folder `connectors` among its files, before its first start.
fn prepared() -> (Worker, PathBuf) {
    let worker = Setup::new().config("connectors-dir = \"{files}/connectors\"\n").prepare();
    let folder = worker.path("connectors");
    fs::create_dir(&folder).unwrap();
    (worker, folder)
}

/// Whole or not at all, as a careful writer does it.
fn put(path: &Path, text: &str) {
    let half = path.with_extension("half");
    write(&half, text);
    fs::rename(half, path).unwrap();
}

/// The two files of a pipeline from `in.txt` to `out.txt`.
fn pipeline(worker: &Worker, folder: &Path) -> (PathBuf, PathBuf) {
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    let source = format!("connector:\n  class: file-source\nfile: {}\ntopic: lines\n", input.display());
    put(&folder.join("from.yaml"), &source);
    let sink = format!("name=to\nconnector.class=file-sink\nfile={}\ntopics=lines\n", output.display());
    put(&folder.join("sink.properties"), &sink);
    (input, output)
}

fn exists(worker: &Worker, name: &str) -> bool {
    worker.rest().get(&format!("/connectors/{name}")).status == 200
}

#[test]
fn a_pipeline_runs_from_files_and_follows_them() {
    let (mut worker, folder) = prepared();
    let (input, output) = pipeline(&worker, &folder);
    write(&input, "one\n");
    worker.start_again();
    worker.wait_for_text(&output, "one\n");

    // A changed file is a changed connector; the other one is left alone.
    let other = worker.path("other.txt");
    write(&other, "two\n");
    let changed = json!({"connector.class": "file-source", "file": other, "topic": "lines"});
    put(&folder.join("from.yaml"), &changed.to_string());
    worker.wait_for_text(&output, "one\ntwo\n");

    // A new file is a new connector, in the state that it asks for.
    let third = worker.path("third.txt");
    write(&third, "three\n");
    let toml = format!(
        "name = \"more\"\ninitial_state = \"paused\"\n[config]\nconnector.class = \"file-source\"\nfile = '{}'\ntopic = \"lines\"\n",
        third.display()
    );
    put(&folder.join("more.toml"), &toml);
    let is_paused = || worker.status("more")["connector"]["state"] == "PAUSED";
    worker.wait_until("the new connector is there, and paused", is_paused);
    worker.rest().put_empty("/connectors/more/resume").expect(202);
    worker.wait_for_text(&output, "one\ntwo\nthree\n");

    // A removed file is a deleted connector; when it comes back it goes on where it was.
    fs::remove_file(folder.join("from.yaml")).unwrap();
    worker.wait_until("the connector is gone", || !exists(&worker, "from"));
    assert!(exists(&worker, "to") && exists(&worker, "more"));
    append(&other, "four\n");
    put(&folder.join("from.yaml"), &changed.to_string());
    worker.wait_for_text(&output, "one\ntwo\nthree\nfour\n");
}

#[test]
fn a_broken_file_keeps_what_it_said_and_is_told_of_once() {
    let (mut worker, folder) = prepared();
    let (input, output) = pipeline(&worker, &folder);
    write(&input, "one\n");
    worker.start_again();
    worker.wait_for_text(&output, "one\n");
    let good = fs::read_to_string(folder.join("from.yaml")).unwrap();
    put(&folder.join("from.yaml"), &format!("{good}file: twice\n"));
    let told = || worker.log().matches("from.yaml:5: `file` stands here a second time").count();
    worker.wait_until("it is told", || told() > 0);
    // Files beside it that are not meant, and one that is right.
    write(&folder.join(".from.yaml.swp"), "{");
    write(&folder.join("from.yaml~"), "{");
    write(&folder.join("notes.txt"), "{");
    let paused = json!({"name": "later", "initial_state": "STOPPED",
        "config": {"connector.class": "file-source", "file": input, "topic": "other"}});
    put(&folder.join("later.json"), &paused.to_string());
    worker.wait_until("the other file is followed", || exists(&worker, "later"));
    append(&input, "two\n");
    worker.wait_for_text(&output, "one\ntwo\n");
    assert_eq!(told(), 1, "{}", worker.log());
    put(&folder.join("from.yaml"), &format!("{good}tasks.max: 1\n"));
    let max = || worker.rest().get("/connectors/from/config").json["tasks.max"] == "1";
    worker.wait_until("the mended file is followed", max);
}

#[test]
fn what_the_worker_refuses_is_tried_until_it_works() {
    let worker = Setup::bare().plugin("file-sink").config("connectors-dir = \"{files}/connectors\"\n").prepare();
    let (mut worker, folder) = (worker, PathBuf::from("connectors"));
    let folder = worker.path(&folder.to_string_lossy());
    fs::create_dir(&folder).unwrap();
    let (input, output) = pipeline(&worker, &folder);
    write(&input, "one\n");
    worker.start_again();
    worker.wait_until("it is told", || worker.log().contains("cannot follow its file"));
    worker.wait_for_state("to", "RUNNING");
    worker.install("file-source");
    worker.wait_for_text(&output, "one\n");
    assert_eq!(worker.log().matches("cannot follow its file").count(), 1, "{}", worker.log());
}

#[test]
fn what_changed_while_the_worker_was_down_is_followed_and_what_rest_changed_stays() {
    let (mut worker, folder) = prepared();
    let (input, output) = pipeline(&worker, &folder);
    write(&input, "one\n");
    worker.start_again();
    worker.wait_for_text(&output, "one\n");
    let other = worker.path("rest.txt");
    write(&other, "rest\n");
    let by_rest = json!({"connector.class": "file-source", "file": other, "topic": "lines"});
    worker.rest().put("/connectors/from/config", &by_rest).expect(200);
    worker.wait_for_text(&output, "one\nrest\n");
    worker.rest().post("/connectors", &json!({"name": "own", "config": by_rest})).expect(201);
    assert!(worker.terminate().success());

    // Its file says otherwise, and did not change: REST was last. The other file is gone.
    fs::remove_file(folder.join("sink.properties")).unwrap();
    worker.start_again();
    worker.wait_until("the connector of the removed file is gone", || !exists(&worker, "to"));
    let file = worker.rest().get("/connectors/from/config").json["file"].clone();
    assert_eq!(file, json!(other));
    // What REST made itself is nobody's file.
    assert!(exists(&worker, "own"));

    // A file that changes wins again.
    let source = fs::read_to_string(folder.join("from.yaml")).unwrap();
    put(&folder.join("from.yaml"), &format!("{source}tasks.max: 1\n"));
    let file = || worker.rest().get("/connectors/from/config").json["file"].clone();
    worker.wait_until("the file wins at its next change", || file() == json!(input));

    // A folder that is away says nothing.
    fs::rename(&folder, worker.path("moved")).unwrap();
    worker.wait_until("it is told", || worker.log().contains("connectors that came from files go on"));
    assert!(exists(&worker, "from"));
}

#[test]
fn files_that_are_named_are_followed_too_and_must_be_there() {
    let mut worker = Setup::new().prepare();
    let folder = worker.path("");
    let (input, output) = pipeline(&worker, &folder);
    write(&input, "one\n");
    let both = [folder.join("from.yaml"), folder.join("sink.properties")];
    let data = worker.data_dir();
    let mut command = worker.run_command();
    command.arg("--connector").arg(&both[0]).arg("--connector").arg(&both[1]);
    let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let moved = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.wait_for_text(&output, "one\n")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(moved.is_ok());
    // A worker that does not name them keeps their connectors.
    worker.start_again();
    assert!(exists(&worker, "from") && exists(&worker, "to"));
    worker.kill();

    let data = data.to_string_lossy().into_owned();
    let missing = worker.path("missing.yaml").to_string_lossy().into_owned();
    let said = worker.wharf(&["run", "--data-dir", &data, "--connector", &missing]);
    assert_eq!(said.code, Some(1));
    assert!(said.stderr.contains("missing.yaml") && said.stderr.contains("--connector"), "{}", said.stderr);
    let said = worker.wharf(&["run", "--data-dir", &data, "--connectors-dir", &missing]);
    assert!(said.stderr.contains("create it"), "{}", said.stderr);
}

#[test]
fn a_connector_in_two_files_stays_with_the_first() {
    let (mut worker, folder) = prepared();
    let (input, output) = pipeline(&worker, &folder);
    write(&input, "one\n");
    worker.start_again();
    worker.wait_for_text(&output, "one\n");
    let thief = json!({"name": "from", "connector.class": "file-source", "file": "/nowhere", "topic": "x"});
    put(&folder.join("a-thief.json"), &thief.to_string());
    worker.wait_until("it is told", || worker.log().contains("the connector `from` is described in"));
    let file = worker.rest().get("/connectors/from/config").json["file"].clone();
    assert_eq!(file, json!(input));
}
