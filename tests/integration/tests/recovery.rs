//! Guests fail and are started again: no row is lost, and from a source into the log none is doubled.

#![expect(clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use serde_json::{Value, json};
use wharf_integration::{Setup, Worker, lines, read, write};

/// A worker on which a failed task comes back at once, as often as it must.
fn worker(fixture: &str) -> Worker {
    let restart = "[restart]\nbackoff-initial-ms = 1\nbackoff-max-ms = 5\nmax-failures = 10000\n";
    Setup::new().plugin(fixture).config(restart).start()
}

/// `0\n1\n…`
fn counted(count: u32) -> String {
    (0..count).map(|number| format!("{number}\n")).collect()
}

fn task(worker: &Worker, name: &str) -> Value {
    worker.status(name)["tasks"][0].clone()
}

fn topic_holds(worker: &Worker, topic: &str, text: &str) -> bool {
    worker.rest().get(&format!("/topics/{topic}")).status == 200 && worker.topic(topic) == text.as_bytes()
}

#[test]
fn a_source_that_traps_again_and_again_sends_each_row_once() {
    let worker = worker("flaky-source");
    let config = json!({"connector.class": "flaky-source", "topic": "numbers", "count": 500, "trap.every": 3});
    worker.create("from", config);
    worker.wait_until("all rows are there", || topic_holds(&worker, "numbers", &counted(500)));
    let task = task(&worker, "from");
    assert_eq!(task["last_failure"]["class"], "trap", "{task}");
    assert!(task["last_failure"]["restarts"].as_u64() >= Some(20), "{task}");
}

#[test]
fn a_source_that_fails_in_passing_keeps_its_instance_and_sends_each_row_once() {
    let worker = worker("flaky-source");
    let config = json!({"connector.class": "flaky-source", "topic": "numbers", "count": 300, "retry.every": 2,
        "errors.retry.timeout": -1, "errors.retry.delay.max.ms": 5});
    worker.create("from", config);
    worker.wait_until("all rows are there", || topic_holds(&worker, "numbers", &counted(300)));
}

#[test]
fn a_source_that_fails_for_good_is_failed_and_what_it_sent_before_is_kept() {
    let worker = worker("flaky-source");
    worker.create("from", json!({"connector.class": "flaky-source", "topic": "numbers", "fatal.at": 25}));
    worker.wait_until("it has failed", || task(&worker, "from")["state"] == "FAILED");
    let failed = task(&worker, "from");
    assert_eq!(failed["last_failure"]["class"], "fatal", "{failed}");
    assert!(failed["trace"].as_str().is_some_and(|trace| trace.contains("told to fail at row 25")), "{failed}");
    worker.wait_until("the rows before are there", || topic_holds(&worker, "numbers", &counted(25)));
}

#[test]
fn a_bounded_source_is_done_when_it_has_sent_all() {
    let worker = worker("flaky-source");
    worker.create("from", json!({"connector.class": "flaky-source", "topic": "numbers", "count": 30}));
    worker.wait_until("it is done", || task(&worker, "from")["state"] == "STOPPED");
    assert!(topic_holds(&worker, "numbers", &counted(30)));
}

#[test]
fn a_sink_that_traps_before_it_has_flushed_is_given_the_rows_again() {
    let worker = worker("picky-sink");
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, lines::text(0..3000));
    let sink = json!({"connector.class": "picky-sink", "file": output, "topics": "lines", "trap.every": 4});
    worker.create("to", sink);
    let source = json!({"connector.class": "file-source", "file": input, "topic": "lines", "batch.size": 100});
    worker.create("from", source);
    let last = lines::text(2999..3000);
    worker.wait_until("the last row has arrived", || read(&output).ends_with(last.as_bytes()));
    assert_eq!(lines::numbers(&read(&output)).and_then(|numbers| lines::at_least_once(&numbers, 3000)), Ok(()));
}

#[test]
fn a_row_that_a_sink_rejects_fails_the_task_unless_it_is_told_to_go_on() {
    let worker = worker("picky-sink");
    let (input, strict, lenient) = (worker.path("in.txt"), worker.path("strict.txt"), worker.path("lenient.txt"));
    write(&input, "good 1\nbad\ngood 2\n");
    worker.create_source("from", &input, "lines");
    let sink = |file: &std::path::Path, tolerance| {
        json!({"connector.class": "picky-sink", "file": file, "topics": "lines", "reject": "bad",
            "errors.tolerance": tolerance})
    };
    worker.create("lenient", sink(&lenient, "all"));
    worker.wait_for_text(&lenient, "good 1\ngood 2\n");
    worker.create("strict", sink(&strict, "none"));
    worker.wait_until("it has failed", || task(&worker, "strict")["state"] == "FAILED");
    let failed = task(&worker, "strict");
    assert_eq!(failed["last_failure"]["class"], "rejected", "{failed}");
    assert!(failed["trace"].as_str().is_some_and(|trace| trace.contains("errors.tolerance")), "{failed}");
    assert!(!String::from_utf8_lossy(&read(&strict)).contains("bad"));
    worker.rest().put("/connectors/strict/config", &sink(&strict, "all")).expect(200);
    worker.wait_for_state("strict", "RUNNING");
    worker.wait_until("the last row has arrived", || read(&strict).ends_with(b"good 2\n"));
    assert!(!String::from_utf8_lossy(&read(&strict)).contains("bad"));
}
