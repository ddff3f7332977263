//! A plugin reaches the file that its configuration names, and nothing else.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::json;
use wharf_integration::{Setup, Worker, append, read, write};

/// Posts a source that reads `file` and gives back the message it is refused with.
#[track_caller]
fn refusal(worker: &Worker, file: &Path) -> String {
    let config = json!({"connector.class": "file-source", "file": file, "topic": "leaked"});
    let answer = worker.rest().post("/connectors", &json!({"name": "spy", "config": config})).expect(400);
    assert!(answer.message().contains("\nfile: "), "{}", answer.message());
    answer.message().to_owned()
}

#[test]
fn the_systems_own_folders_are_refused() {
    let worker = Worker::start();
    for file in ["/proc/self/environ", "/proc/1/cmdline", "/sys/kernel/notes", "/dev/zero", "/dev/../proc/version"] {
        refusal(&worker, Path::new(file));
    }
}

#[test]
fn the_workers_own_folders_are_refused() {
    let worker = Worker::start();
    let plugin = worker.plugins_dir().join("file-source.wasm");
    refusal(&worker, &plugin);
    refusal(&worker, &worker.data_dir().join("lock"));
    refusal(&worker, &worker.path("../data/lock"));
    let before = read(&plugin);
    for file in [plugin.clone(), worker.plugins_dir().join("new.wasm"), worker.data_dir().join("log/new")] {
        let config = json!({"connector.class": "file-sink", "file": file, "topics": "t"});
        let answer = worker.rest().post("/connectors", &json!({"name": "vandal", "config": config})).expect(400);
        assert!(answer.message().contains("\nfile: "), "{}", answer.message());
    }
    assert_eq!(read(&plugin), before);
}

#[test]
fn a_link_does_not_lead_into_a_forbidden_folder() {
    let worker = Worker::start();
    let link = worker.path("innocent.txt");
    symlink("/proc/version", &link).unwrap();
    refusal(&worker, &link);
    let folder = worker.path("folder");
    symlink(worker.data_dir(), &folder).unwrap();
    refusal(&worker, &folder.join("lock"));
}

#[test]
fn a_link_that_is_swapped_in_while_the_source_runs_is_not_followed_out_of_the_allowed_paths() {
    let worker = Setup::new().config("allowed-paths = [\"{files}\"]\n").start();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.txt");
    write(&secret, "one\nTHE SECRET, LONGER THAN WHAT WAS READ BEFORE\n");
    let (input, witness, output) = (worker.path("in.txt"), worker.path("witness.txt"), worker.path("out.txt"));
    write(&input, "one\n");
    write(&witness, "w1\n");
    worker.create_source("from", &input, "lines");
    worker.create_source("witness", &witness, "witness");
    worker.create_sink("to", &output, "witness,lines");
    worker.wait_until("both have moved a row", || read(&output).len() == 7);
    let link = worker.path("link");
    symlink(&secret, &link).unwrap();
    fs::rename(&link, &input).unwrap();
    // The witness shows that time has passed in which the source could have read it.
    for number in 2..7 {
        append(&witness, format!("w{number}\n"));
        worker.wait_until("the witness goes on", || read(&output).ends_with(format!("w{number}\n").as_bytes()));
    }
    worker.rest().post_empty("/connectors/from/restart?includeTasks=true");
    append(&witness, "end\n");
    worker.wait_until("the witness goes on", || read(&output).ends_with(b"end\n"));
    assert!(!String::from_utf8_lossy(&worker.topic("lines")).contains("SECRET"), "the secret leaked");
}

/// What a guest sees of the file operations `ops`, one answer for each; `in.txt` and `out.txt` are named in its
/// configuration.
#[track_caller]
fn tries(worker: &Worker, ops: &[String]) -> Vec<String> {
    let config = json!({"connector.class": "misbehaving-source", "topic": "found", "mode": "files",
        "ops": ops.join("\n"), "in": worker.path("in.txt"), "out": worker.path("out.txt")});
    worker.create("spy", config);
    let found = || worker.rest().get("/topics/found").status == 200 && !worker.topic_head("found", 1).is_empty();
    worker.wait_until("it has looked around", found);
    let answers = worker.topic_head("found", ops.len());
    worker.rest().delete("/connectors/spy").expect(204);
    String::from_utf8_lossy(&answers).lines().map(str::to_owned).collect()
}

#[test]
fn a_plugin_can_do_with_its_files_what_its_configuration_says_and_nothing_with_others() {
    let worker = Setup::new().plugin("misbehaving-source").start();
    write(&worker.path("in.txt"), "mine");
    write(&worker.path("neighbour.txt"), "forbidden");
    let at = |name: &str| worker.path(name).to_string_lossy().into_owned();
    let (own, target, neighbour) = (at("in.txt"), at("out.txt"), at("neighbour.txt"));
    let attempts = [
        (format!("read {own}"), "ok mine"),
        (format!("write {target}"), "ok"),
        (format!("read {target}"), "ok written"),
        // What is named for reading is not written.
        (format!("write {own}"), "err"),
        (format!("append {own}"), "err"),
        (format!("truncate {own}"), "err"),
        (format!("unlink {own}"), "err"),
        (format!("rename {own} {target}"), "err"),
        (format!("rename {target} {own}"), "err"),
        // Nothing else is there.
        (format!("read {neighbour}"), "err"),
        (format!("stat {neighbour}"), "err"),
        (format!("append {neighbour}"), "err"),
        (format!("rename {target} {neighbour}"), "err"),
        (format!("rename {neighbour} {target}"), "err"),
        (format!("link {neighbour} {target}"), "err"),
        (format!("mkdir {}", at("folder")), "err"),
        (format!("write {}", at("new.txt")), "err"),
        ("read /etc/passwd".to_owned(), "err"),
        ("read ../../../../etc/passwd".to_owned(), "err"),
        (format!("read {own}/../neighbour.txt"), "err"),
        ("read /proc/self/environ".to_owned(), "err"),
        ("list /".to_owned(), "err"),
        (format!("list {}", worker.data_dir().display()), "err"),
    ];
    let ops: Vec<String> = attempts.iter().map(|(op, _)| op.clone()).collect();
    let answers = tries(&worker, &ops);
    assert_eq!(answers.len(), attempts.len());
    for ((op, expected), answer) in attempts.iter().zip(&answers) {
        assert!(answer.starts_with(expected), "`{op}` gave `{answer}`");
    }
    assert_eq!(read(&worker.path("in.txt")), b"mine");
    assert_eq!(read(&worker.path("neighbour.txt")), b"forbidden");
    assert!(!worker.path("folder").exists() && !worker.path("new.txt").exists());
}

#[test]
fn a_plugin_sees_neither_arguments_nor_environment() {
    let worker = Setup::new().plugin("misbehaving-source").start();
    let config = json!({"connector.class": "misbehaving-source", "topic": "found", "mode": "environment"});
    worker.create("spy", config);
    let found = || worker.rest().get("/topics/found").status == 200 && !worker.topic_head("found", 1).is_empty();
    worker.wait_until("it has looked around", found);
    assert_eq!(worker.topic_head("found", 1), b"0 args, 0 variables\n");
}
