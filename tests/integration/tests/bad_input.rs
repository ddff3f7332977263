//! Bad input gets the right status code and a message that names the key and says what to write.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};
use wharf_integration::{Answer, Setup, Worker, write};

fn post(worker: &Worker, config: Value) -> Answer {
    worker.rest().post("/connectors", &json!({"name": "bad", "config": config}))
}

/// The answer is this code with Kafka Connect's shape, nothing was created, and the message has all of `words`.
#[track_caller]
fn assert_refused(worker: &Worker, answer: Answer, status: u16, words: &[&str]) {
    let answer = answer.expect(status);
    assert_eq!(answer.json["error_code"], status);
    for word in words {
        assert!(answer.message().contains(word), "{word:?} is not in: {}", answer.message());
    }
    let names = worker.rest().get("/connectors").json;
    assert!(!names.as_array().unwrap().contains(&json!("bad")), "a refused connector was created");
}

#[test]
fn an_unknown_plugin_is_told_which_there_are() {
    let worker = Worker::start();
    let answer = post(&worker, json!({"connector.class": "file-sauce", "file": "/tmp/x", "topic": "t"}));
    assert_refused(&worker, answer, 400, &["file-sauce", "file-source", "file-sink"]);
}

#[test]
fn a_configuration_without_a_class_says_so() {
    let worker = Worker::start();
    let answer = post(&worker, json!({"topic": "t"}));
    assert_refused(&worker, answer, 400, &["contains no connector type"]);
}

#[test]
fn a_missing_key_is_named() {
    let worker = Worker::start();
    let answer = post(&worker, json!({"connector.class": "file-source", "file": worker.path("in.txt")}));
    assert_refused(&worker, answer, 400, &["Missing required configuration \"topic\""]);
    let answer = post(&worker, json!({"connector.class": "file-sink", "file": worker.path("out.txt")}));
    assert_refused(&worker, answer, 400, &["topics"]);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let worker = Worker::start();
    let config =
        json!({"connector.class": "file-source", "tasks.max": "0", "errors.tolerance": "some", "batch.size": "x"});
    assert_refused(&worker, post(&worker, config), 400, &["tasks.max", "errors.tolerance", "topic", "batch.size"]);
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_the_type() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    for (key, value, words) in [
        ("tasks.max", json!("many"), ["tasks.max", "Not a number of type INT"]),
        ("batch.size", json!("big"), ["batch.size", "Not a number of type INT"]),
        ("batch.size", json!("0"), ["batch.size", "write a number from 1 up"]),
        ("restart.enabled", json!("perhaps"), ["restart.enabled", "true or false"]),
        ("errors.tolerance", json!("some"), ["errors.tolerance", "none, all"]),
    ] {
        let mut config = json!({"connector.class": "file-source", "file": input, "topic": "t"});
        config[key] = value;
        assert_refused(&worker, post(&worker, config), 400, &words);
    }
}

fn source(file: &Path) -> Value {
    json!({"connector.class": "file-source", "file": file, "topic": "t"})
}

fn sink(file: &Path) -> Value {
    json!({"connector.class": "file-sink", "file": file, "topics": "t"})
}

#[test]
fn a_directory_instead_of_a_file_is_told_with_the_key() {
    let worker = Worker::start();
    let folder = worker.path("folder");
    fs::create_dir(&folder).unwrap();
    let shown = folder.to_string_lossy().into_owned();
    for config in [source(&folder), sink(&folder)] {
        assert_refused(&worker, post(&worker, config), 400, &["file: ", &shown, "is a directory: name a file in it"]);
    }
}

/// As in Kafka Connect: a disk may be mounted later.
#[test]
fn a_file_in_a_folder_that_does_not_exist_fails_the_task_until_the_folder_is_there() {
    let worker = Worker::start();
    let folder = worker.path("no-folder");
    let file = folder.join("f.txt");
    for (name, config) in [("source", source(&file)), ("sink", sink(&file))] {
        worker.create(name, config);
        let trace = failed(&worker, name);
        for word in ["file: ", "no-folder", "does not exist: create it or name another"] {
            assert!(trace.contains(word), "{word:?} is not in: {trace}");
        }
    }
    assert!(!folder.exists());
    fs::create_dir(&folder).unwrap();
    for name in ["source", "sink"] {
        worker.rest().post_empty(&format!("/connectors/{name}/tasks/0/restart")).expect(204);
        worker.wait_until("its task runs", || worker.status(name)["tasks"][0]["state"] == "RUNNING");
    }
}

/// Kafka Connect's file connectors use the worker's own input and output then.
#[test]
fn a_file_connector_without_a_file_fails_its_task_and_says_why() {
    let worker = Worker::start();
    worker.create("source", json!({"connector.class": "file-source", "topic": "t"}));
    worker.create("sink", json!({"connector.class": "file-sink", "topics": "t"}));
    for name in ["source", "sink"] {
        let trace = failed(&worker, name);
        assert!(trace.contains("file: is not set") && trace.contains("name the file to"), "{trace}");
    }
}

/// Waits until the connector's task has failed, and gives back why. The connector itself is well.
fn failed(worker: &Worker, name: &str) -> String {
    worker.wait_until("its task fails", || worker.status(name)["tasks"][0]["state"] == "FAILED");
    let status = worker.status(name);
    assert_eq!(status["connector"]["state"], "RUNNING", "{status}");
    status["tasks"][0]["trace"].as_str().unwrap().to_owned()
}

#[test]
fn an_unreadable_file_is_told_with_the_key() {
    let worker = Worker::start();
    // Nobody can read a link that leads to itself, not even root.
    let circle = worker.path("circle");
    symlink(&circle, &circle).unwrap();
    assert_refused(&worker, post(&worker, source(&circle)), 400, &["file: ", "circle", "cannot be looked at"]);

    let locked = worker.path("locked");
    write(&locked, "secret\n");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads what nobody may.
    if fs::read(&locked).is_err() {
        assert_refused(&worker, post(&worker, source(&locked)), 400, &["file: ", "locked", "cannot be read"]);
    }
}

#[test]
fn a_file_outside_the_allowed_paths_is_refused_with_the_key() {
    let worker = Setup::new().config("allowed-paths = [\"{files}\"]\n").start();
    let outside = tempfile::tempdir().unwrap();
    let secret = outside.path().join("secret.txt");
    write(&secret, "secret\n");
    for file in [secret.clone(), worker.path("..").join("wharf.toml")] {
        let answer = post(&worker, json!({"connector.class": "file-source", "file": file, "topic": "t"}));
        assert_refused(&worker, answer, 400, &["file: ", "is outside the allowed paths: name a path in"]);
    }
    let answer =
        post(&worker, json!({"connector.class": "file-sink", "file": outside.path().join("new"), "topics": "t"}));
    assert_refused(&worker, answer, 400, &["file: ", "is outside the allowed paths: name a path in"]);
    assert!(!outside.path().join("new").exists());

    let inside = worker.path("in.txt");
    write(&inside, "one\n");
    worker.create_source("good", &inside, "t");
    worker.wait_for_state("good", "RUNNING");
}

#[test]
fn a_name_that_is_taken_is_a_conflict() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    worker.create_source("from", &input, "t");
    let config = json!({"connector.class": "file-source", "file": input, "topic": "other"});
    let answer = worker.rest().post("/connectors", &json!({"name": "from", "config": config})).expect(409);
    assert_eq!(answer.message(), "Connector from already exists");
    assert_eq!(worker.rest().get("/connectors/from/config").json["topic"], "t");
}

#[test]
fn two_names_that_differ_are_refused() {
    let worker = Worker::start();
    let config = json!({"name": "other", "connector.class": "file-source", "file": "/tmp/x", "topic": "t"});
    assert_refused(&worker, post(&worker, config), 400, &["(other)", "(bad)"]);
}

#[test]
fn malformed_json_is_refused_with_what_is_wrong_with_it() {
    let worker = Worker::start();
    // Kafka Connect answers 500 to these, and its clients know it.
    for body in ["{bad", "{\"name\":\"bad\"", "[]", "\"text\"", "", "{\"name\":\"bad\"}"] {
        let answer = worker.rest().send("POST", "/connectors", Some(body.as_bytes()));
        assert_refused(&worker, answer, 500, &[]);
        let answer = worker.rest().send("PUT", "/connectors/bad/config", Some(body.as_bytes()));
        assert!(answer.status == 500 || answer.status == 400, "{body}: {}", answer.text);
        assert!(!answer.message().is_empty());
    }
    let answer = worker.rest().send("POST", "/connectors", Some(b"{\"name\": }"));
    assert_refused(&worker, answer, 500, &["JSON", "line 1 column 10"]);
}

#[test]
fn a_configuration_over_one_megabyte_is_refused_with_the_limit() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    let config =
        |size| json!({"connector.class": "file-source", "file": input, "topic": "t", "note": "x".repeat(size)});
    assert_refused(&worker, post(&worker, config(1_100_000)), 413, &["1048576 bytes"]);
    let answer = worker.rest().put("/connectors/bad/config", &config(1_100_000));
    assert_refused(&worker, answer, 413, &["1048576 bytes"]);
    worker.rest().post("/connectors", &json!({"name": "good", "config": config(900_000)})).expect(201);
}

#[test]
fn a_bad_name_is_refused() {
    let worker = Worker::start();
    let config = json!({"connector.class": "file-source", "file": "/tmp/x", "topic": "t"});
    for name in ["", "  ", "bell\u{7}"] {
        let answer = worker.rest().post("/connectors", &json!({"name": name, "config": config}));
        assert_refused(&worker, answer, 400, &["name"]);
    }
}

#[test]
fn a_converter_that_does_not_exist_is_named() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    let config = json!({"connector.class": "file-source", "file": input, "topic": "t", "value.converter": "NoSuch"});
    assert_refused(&worker, post(&worker, config), 400, &["value.converter", "NoSuch"]);
}
