//! Connectors are created, paused, stopped, restarted and deleted over REST, and survive their worker.

use serde_json::json;
use wharf_integration::{Setup, Worker, append, read, write};

#[test]
fn a_connector_is_created_by_post_and_moves_rows() {
    let worker = Worker::start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, "one\ntwo\n");
    let config = json!({"connector.class": "file-source", "tasks.max": 1, "file": input, "topic": "lines"});
    let answer = worker.rest().post("/connectors", &json!({"name": "from", "config": config})).expect(201);
    assert_eq!(answer.json["name"], "from");
    assert_eq!(answer.json["type"], "source");
    assert_eq!(answer.json["config"]["tasks.max"], "1");
    assert_eq!(answer.header("location"), format!("{}/connectors/from", worker.rest().base()));
    worker.wait_for_state("from", "RUNNING");
    worker.create_sink("to", &output, "lines");
    worker.wait_for_text(&output, "one\ntwo\n");
    assert_eq!(worker.rest().get("/connectors").json, json!(["from", "to"]));
}

#[test]
fn a_connector_is_created_by_post_on_its_own_path() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    let config = json!({"connector.class": "file-source", "file": input, "topic": "lines"});
    worker.rest().post("/connectors/from", &config).expect(201);
    worker.wait_for_state("from", "RUNNING");
    let answer = worker.rest().post("/connectors/from", &config).expect(409);
    assert_eq!(answer.message(), "Connector from already exists");
}

#[test]
fn putting_a_configuration_creates_and_then_changes_a_connector() {
    let worker = Worker::start();
    let (input, first, second) = (worker.reads("one\n"), worker.path("1.txt"), worker.path("2.txt"));
    let config = |file| json!({"connector.class": "file-sink", "file": file, "topics": "lines"});
    worker.rest().put("/connectors/to/config", &config(&first)).expect(201);
    worker.wait_for_text(&first, "one\n");
    worker.rest().put("/connectors/to/config", &config(&second)).expect(200);
    append(&input, "two\n");
    // At least once: what was not committed yet may come again, but nothing may be lost.
    worker.wait_until("the second file has the new row", || read(&second).ends_with(b"two\n"));
    assert_eq!(read(&first), b"one\n");
    assert_eq!(worker.rest().get("/connectors/to/config").json["file"], second.to_string_lossy().as_ref());
}

#[test]
fn a_paused_sink_takes_no_rows_until_it_is_resumed() {
    let worker = Worker::start();
    let ((input, paused), witness) = (worker.copies("one\n"), worker.path("witness.txt"));
    worker.create_sink("witness", &witness, "lines");
    worker.rest().put_empty("/connectors/to/pause").expect(202);
    worker.wait_for_state("to", "PAUSED");
    append(&input, "two\nthree\n");
    worker.wait_for_text(&witness, "one\ntwo\nthree\n");
    assert_eq!(read(&paused), b"one\n");
    worker.rest().put_empty("/connectors/to/resume").expect(202);
    worker.wait_for_text(&paused, "one\ntwo\nthree\n");
    worker.wait_for_state("to", "RUNNING");
}

#[test]
fn a_paused_source_reads_nothing_until_it_is_resumed() {
    let worker = Worker::start();
    let (input, other, output) = (worker.path("in.txt"), worker.path("other.txt"), worker.path("out.txt"));
    write(&input, "a1\n");
    write(&other, "b1\n");
    worker.create_source("from", &input, "paused");
    worker.create_source("other", &other, "witness");
    worker.create_sink("to", &output, "paused,witness");
    worker.wait_until("both have moved a row", || read(&output).len() == 6);
    worker.rest().put_empty("/connectors/from/pause").expect(202);
    worker.wait_for_state("from", "PAUSED");
    append(&input, "a2\n");
    append(&other, "b2\n");
    worker.wait_until("the other source goes on", || read(&output).ends_with(b"b2\n"));
    assert_eq!(worker.topic("paused"), b"a1\n");
    worker.rest().put_empty("/connectors/from/resume").expect(202);
    worker.wait_until("the source goes on", || read(&output).ends_with(b"a2\n"));
    assert_eq!(worker.topic("paused"), b"a1\na2\n");
}

#[test]
fn a_stopped_connector_has_no_tasks_and_keeps_its_place() {
    let worker = Worker::start();
    let (input, output) = worker.copies("one\n");
    worker.rest().put_empty("/connectors/from/stop").expect(204);
    worker.wait_for_state("from", "STOPPED");
    assert_eq!(worker.rest().get("/connectors/from/tasks").json, json!([]));
    assert_eq!(worker.rest().get("/connectors/from").json["tasks"], json!([]));
    append(&input, "two\n");
    worker.rest().put_empty("/connectors/from/resume").expect(202);
    worker.wait_for_text(&output, "one\ntwo\n");
    assert_eq!(worker.topic("lines"), b"one\ntwo\n");
}

#[test]
fn a_connector_may_be_created_stopped() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    let config = json!({"connector.class": "file-source", "file": input, "topic": "lines"});
    let body = json!({"name": "from", "config": config, "initial_state": "STOPPED"});
    worker.rest().post("/connectors", &body).expect(201);
    worker.wait_for_state("from", "STOPPED");
    worker.rest().put_empty("/connectors/from/resume").expect(202);
    worker.wait_for_state("from", "RUNNING");
}

#[test]
fn restarting_a_connector_or_a_task_neither_loses_nor_doubles_a_row_of_the_source() {
    let worker = Worker::start();
    let (input, output) = worker.copies("0\n");
    let mut expected = b"0\n".to_vec();
    let restarts = [
        ("/connectors/from/restart", 204),
        ("/connectors/from/restart?includeTasks=true", 202),
        ("/connectors/from/restart?includeTasks=true&onlyFailed=true", 202),
        ("/connectors/from/tasks/0/restart", 204),
    ];
    for (number, (path, status)) in (1..).zip(restarts) {
        worker.rest().post_empty(path).expect(status);
        let line = format!("{number}\n");
        append(&input, &line);
        expected.extend_from_slice(line.as_bytes());
        worker.wait_until(path, || worker.topic("lines") == expected);
        worker.wait_for_state("from", "RUNNING");
    }
    worker.wait_for_text(&output, &expected);
    worker.rest().post_empty("/connectors/from/tasks/7/restart").expect(404);
}

#[test]
fn a_deleted_connector_is_gone_and_its_name_is_free() {
    let worker = Worker::start();
    let output = worker.path("out.txt");
    worker.reads("one\n");
    worker.wait_for_state("from", "RUNNING");
    worker.rest().delete("/connectors/from").expect(204);
    for path in ["/connectors/from", "/connectors/from/config", "/connectors/from/tasks", "/connectors/from/status"] {
        worker.rest().get(path).expect(404);
    }
    worker.rest().delete("/connectors/from").expect(404);
    assert_eq!(worker.rest().get("/connectors").json, json!([]));
    worker.create_sink("from", &output, "lines");
    worker.wait_for_state("from", "RUNNING");
}

#[test]
fn connectors_and_what_was_wanted_of_them_survive_the_worker() {
    let mut worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "one\n");
    for (name, verb, state) in
        [("runs", "resume", "RUNNING"), ("waits", "pause", "PAUSED"), ("stands", "stop", "STOPPED")]
    {
        worker.create_source(name, &input, name);
        worker.wait_for_state(name, "RUNNING");
        let status = worker.rest().put_empty(&format!("/connectors/{name}/{verb}")).status;
        assert!(status == 202 || status == 204, "{status}");
        worker.wait_for_state(name, state);
    }
    let before = worker.rest().get("/connectors?expand=info").json;
    for graceful in [true, false] {
        if graceful {
            assert!(worker.terminate().success());
        } else {
            worker.kill();
        }
        worker.start_again();
        for (name, state) in [("runs", "RUNNING"), ("waits", "PAUSED"), ("stands", "STOPPED")] {
            worker.wait_for_state(name, state);
        }
        assert_eq!(worker.rest().get("/connectors?expand=info").json, before);
    }
}

#[test]
fn a_deleted_connector_stays_deleted_when_its_worker_is_killed() {
    let mut worker = Worker::start();
    let input = worker.reads("one\n");
    worker.create_source("other", &input, "others");
    worker.rest().delete("/connectors/from").expect(204);
    worker.kill();
    worker.start_again();
    assert_eq!(worker.rest().get("/connectors").json, json!(["other"]));
}

#[test]
fn a_worker_without_plugins_starts_and_lists_none() {
    let worker = Setup::bare().start();
    assert_eq!(worker.rest().get("/connectors").expect(200).json, json!([]));
    assert_eq!(worker.rest().get("/connector-plugins").expect(200).json, json!([]));
}
