//! Plugins come and go while the worker runs.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use std::fs;

use serde_json::{Value, json};
use wharf_integration::{Setup, Worker, append, write};

/// The classes that `GET /connector-plugins` lists.
fn classes(worker: &Worker) -> Vec<String> {
    let plugins = worker.rest().get("/connector-plugins").expect(200).json;
    let classes = plugins.as_array().unwrap().iter().map(|plugin| plugin["class"].as_str().unwrap().to_owned());
    classes.collect()
}

fn has(worker: &Worker, name: &str) -> bool {
    let plugins = worker.rest().get("/plugins").expect(200).json;
    plugins["plugins"].as_array().unwrap().iter().any(|plugin| plugin["name"] == name)
}

fn broken(worker: &Worker) -> Vec<Value> {
    worker.rest().get("/plugins").expect(200).json["broken"].as_array().unwrap().clone()
}

#[test]
fn the_plugins_are_listed_with_their_kind_and_version() {
    let worker = Setup::new().plugin("generator-source").plugin("blackhole-sink").start();
    let plugins = worker.rest().get("/connector-plugins").expect(200).json;
    let plugins = plugins.as_array().unwrap();
    assert_eq!(plugins.len(), 4);
    for plugin in plugins {
        assert!(plugin["class"].is_string() && plugin["version"].is_string(), "{plugin}");
        assert!(plugin["type"] == "source" || plugin["type"] == "sink", "{plugin}");
    }
}

#[test]
fn a_plugin_that_is_dropped_in_can_be_used() {
    let worker = Setup::bare().start();
    assert!(classes(&worker).is_empty());
    let input = worker.path("in.txt");
    write(&input, "one\n");
    let config = json!({"connector.class": "file-source", "file": input, "topic": "lines"});
    worker.rest().post("/connectors/from", &config).expect(400);
    worker.install("file-source");
    worker.wait_until("the plugin is found", || has(&worker, "file-source"));
    worker.rest().post("/connectors/from", &config).expect(201);
    worker.wait_for_state("from", "RUNNING");
}

#[test]
fn a_broken_plugin_is_reported_and_hurts_nothing() {
    let worker = Worker::start();
    let (input, output) = worker.copies("one\n");

    write(&worker.plugins_dir().join("text.wasm"), "this is no component");
    write(&worker.plugins_dir().join("empty.wasm"), "");
    // A module that is none of ours: the eight bytes that every core module begins with.
    write(&worker.plugins_dir().join("module.wasm"), b"\0asm\x01\0\0\0");
    write(&worker.plugins_dir().join("notes.txt"), "not even called a plugin");
    let whole = fs::read(worker.plugins_dir().join("file-source.wasm")).unwrap();
    write(&worker.plugins_dir().join("half.wasm"), whole.split_at(whole.len() / 2).0);
    worker.wait_until("all four are reported", || broken(&worker).len() == 4);
    for report in broken(&worker) {
        assert!(!report["file"].as_str().unwrap().ends_with("notes.txt"), "{report}");
        assert!(!report["message"].as_str().unwrap().is_empty(), "{report}");
    }

    assert_eq!(classes(&worker).len(), 2);
    append(&input, "two\n");
    worker.wait_for_text(&output, "one\ntwo\n");
    fs::remove_file(worker.plugins_dir().join("half.wasm")).unwrap();
    worker.wait_until("its report is gone", || broken(&worker).len() == 3);
}

#[test]
fn a_broken_plugin_does_not_keep_a_worker_from_starting() {
    let mut worker = Worker::start();
    worker.kill();
    write(&worker.plugins_dir().join("text.wasm"), "this is no component");
    worker.start_again();
    worker.wait_until("it is reported", || broken(&worker).len() == 1);
    worker.wait_until("the others are there", || classes(&worker).len() == 2);
}

#[test]
fn a_plugin_that_is_removed_is_gone_but_its_connectors_run_on() {
    let worker = Worker::start();
    let (input, output) = worker.copies("one\n");
    fs::remove_file(worker.plugins_dir().join("file-source.wasm")).unwrap();
    worker.wait_until("the plugin is gone", || !has(&worker, "file-source"));
    append(&input, "two\n");
    worker.wait_for_text(&output, "one\ntwo\n");
    let config = json!({"connector.class": "file-source", "file": input, "topic": "lines"});
    worker.rest().post("/connectors/other", &config).expect(400);
}

#[test]
fn a_plugin_may_come_later_than_the_connector_that_wants_it() {
    let mut worker = Worker::start();
    let (input, output) = worker.copies("one\n");
    // Ended in good order: after a kill the sink might be given its row again.
    assert!(worker.terminate().success());
    fs::remove_file(worker.plugins_dir().join("file-source.wasm")).unwrap();
    worker.start_again();
    worker.wait_until("the source has failed", || worker.status("from")["connector"]["state"] == "FAILED");
    append(&input, "two\n");
    worker.install("file-source");
    worker.wait_until("the plugin is found", || has(&worker, "file-source"));
    worker.rest().post_empty("/connectors/from/restart?includeTasks=true");
    worker.wait_for_text(&output, "one\ntwo\n");
}
