//! `GET /connectors/{name}/logs`: the last lines of a connector, and those that come.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use serde_json::Value;
use wharf_integration::{Setup, Streamed, Worker, wait_until, write};

const EVENTS: (&str, &str) = ("Accept", "text/event-stream");

/// The lines that `GET /connectors/{name}/logs{query}` shows.
#[track_caller]
fn lines(worker: &Worker, name: &str, query: &str) -> Vec<Value> {
    let answer = worker.rest().get(&format!("/connectors/{name}/logs{query}")).expect(200);
    answer.json["lines"].as_array().unwrap().clone()
}

fn message(line: &Value) -> &str {
    line["message"].as_str().unwrap()
}

fn has(lines: &[Value], start: &str) -> bool {
    lines.iter().any(|line| message(line).starts_with(start))
}

/// A source whose file is not there yet, of which its plugin says that it waits for it.
#[track_caller]
fn waiting_source(worker: &Worker, name: &str) {
    worker.create_source(name, &worker.path(&format!("{name}.txt")), "lines");
    worker.wait_until("the plugin has spoken", || has(&lines(worker, name, ""), "waiting for "));
    worker.wait_for_state(name, "RUNNING");
}

#[test]
fn the_last_lines_of_a_connector_are_shown_with_those_of_its_plugin_and_of_no_other_connector() {
    let worker = Setup::new().config("[logs]\nlines-per-connector = 5\n").start();
    waiting_source(&worker, "a");
    waiting_source(&worker, "b");

    let shown = lines(&worker, "a", "");
    let guest = shown.iter().find(|line| message(line).starts_with("waiting for ")).unwrap();
    assert!(message(guest).contains("a.txt"), "{guest}");
    assert_eq!(
        (&guest["level"], &guest["task"], &guest["logger"]),
        (&"INFO".into(), &0.into(), &"wharf::plugin".into())
    );
    assert_eq!(guest["fields"]["plugin"], "file-source@0.1.0", "{guest}");
    assert!(guest["time"].as_str().unwrap().ends_with('Z'));
    assert!(has(&shown, "a connector is created") && has(&shown, "the source runs"), "{shown:?}");
    assert!(!shown.iter().any(|line| line.to_string().contains("b.txt")), "{shown:?}");

    let of_task = lines(&worker, "a", "?task=0");
    assert!(!of_task.is_empty() && of_task.iter().all(|line| line["task"] == 0), "{of_task:?}");
    assert!(lines(&worker, "a", "?level=ERROR").is_empty());
    assert_eq!(lines(&worker, "a", "?limit=1").as_slice(), shown.split_at(shown.len() - 1).1);

    for _ in 0..3 {
        worker.rest().put_empty("/connectors/a/pause").expect(202);
        worker.rest().put_empty("/connectors/a/resume").expect(202);
    }
    let shown = lines(&worker, "a", "");
    let numbers: Vec<u64> = shown.iter().map(|line| line["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers.len(), 5, "{shown:?}");
    assert!(numbers[0] > 1 && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
    worker.rest().get("/connectors/c/logs").expect(404);
    worker.rest().get("/connectors/a/logs?level=loud").expect(400);
}

#[test]
fn who_follows_hears_each_line_and_the_end_of_the_connector() {
    let worker = Worker::start();
    waiting_source(&worker, "a");
    let so_far = lines(&worker, "a", "?limit=1000");
    let stream = worker.rest().stream("/connectors/a/logs?limit=1000", &[EVENTS]);
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    let heard = |stream: &Streamed| stream.events("line");
    wait_until("the lines so far are heard", || heard(&stream).len() >= so_far.len());
    assert_eq!(heard(&stream)[..so_far.len()], so_far);

    worker.rest().put_empty("/connectors/a/pause").expect(202);
    wait_until("the pause is heard", || has(&heard(&stream), "the target state is set"));
    assert!(!stream.has_ended());

    // As a browser does that has lost its connection.
    let last = so_far.last().unwrap()["number"].as_u64().unwrap();
    let again = worker.rest().stream("/connectors/a/logs", &[EVENTS, ("Last-Event-ID", &last.to_string())]);
    wait_until("the stream is taken up", || !heard(&again).is_empty());
    assert_eq!(heard(&again)[0]["number"], last + 1);
    let by_query = worker.rest().stream("/connectors/a/logs?follow=true&limit=0", &[]);

    worker.rest().delete("/connectors/a").expect(204);
    for stream in [&stream, &again, &by_query] {
        stream.wait_for_end();
        assert!(has(&heard(stream), "the connector is deleted"), "{:?}", heard(stream));
    }
    worker.rest().get("/connectors/a/logs").expect(404);
}

#[test]
fn lines_are_kept_where_stderr_shows_none_and_streams_do_not_hold_up_the_end() {
    let mut worker = Setup::new().env("WHARF_LOG", "off").start();
    waiting_source(&worker, "a");
    assert!(has(&lines(&worker, "a", ""), "the source runs"));
    assert!(!worker.log().contains("the source runs"), "{}", worker.log());
    let stream = worker.rest().stream("/connectors/a/logs", &[EVENTS]);
    wait_until("the stream is open", || !stream.events("line").is_empty());
    let status = worker.terminate();
    assert!(status.success(), "{status}");
    stream.wait_for_end();
}

#[test]
fn why_a_task_failed_is_among_the_lines() {
    let worker = Setup::new().plugin("misbehaving-source").start();
    let config = serde_json::json!({"connector.class": "misbehaving-source", "topic": "t", "mode": "fail-in-start"});
    worker.create("bad", config);
    worker.wait_until("the failure is told", || {
        let errors = lines(&worker, "bad", "?level=error");
        errors
            .iter()
            .any(|line| line["fields"]["error"].as_str().is_some_and(|error| error.contains("no task 0 for you")))
    });
    let file = worker.path("x.txt");
    write(&file, "x\n");
    worker.create_source("good", &file, "lines");
    worker.wait_for_state("good", "RUNNING");
    assert!(lines(&worker, "good", "?level=warn").is_empty());
}
