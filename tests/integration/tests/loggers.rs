//! `/admin/loggers`: what is set changes what the worker says.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use serde_json::{Value, json};
use wharf_integration::{Answer, Setup, Worker, write};

fn set(worker: &Worker, logger: &str, level: &str) -> Answer {
    worker.rest().put(&format!("/admin/loggers/{logger}"), &json!({"level": level}))
}

#[track_caller]
fn restart_task(worker: &Worker, name: &str) {
    worker.rest().post_empty(&format!("/connectors/{name}/tasks/0/restart")).expect(204);
    worker.wait_for_state(name, "RUNNING");
}

/// The level of lines of a connector that hold this text.
fn kept(worker: &Worker, name: &str, text: &str) -> Vec<Value> {
    let answer = worker.rest().get(&format!("/connectors/{name}/logs?level=TRACE&limit=1000")).expect(200);
    let lines = answer.json["lines"].as_array().unwrap().clone();
    lines.into_iter().filter(|line| line["message"].as_str().unwrap().contains(text)).collect()
}

/// Two sources, `a` and `b`.
fn two_sources() -> Worker {
    let worker = Setup::new().start();
    for name in ["a", "b"] {
        let file = worker.path(&format!("{name}.txt"));
        write(&file, "x\n");
        worker.create_source(name, &file, name);
        worker.wait_for_state(name, "RUNNING");
    }
    worker
}

#[test]
fn a_connectors_logger_shows_more_of_it_and_of_no_other() {
    let worker = two_sources();
    assert!(!worker.log().contains("reading "), "what is DEBUG is not shown: {}", worker.log());
    assert_eq!(set(&worker, "connector.a", "DEBUG").expect(200).json, json!(["connector.a"]));
    restart_task(&worker, "a");
    restart_task(&worker, "b");
    worker.wait_until("the plugin's line is shown", || worker.log().contains("a.txt from byte"));
    worker.wait_until("and kept", || kept(&worker, "a", "from byte").iter().any(|line| line["level"] == "DEBUG"));
    worker.wait_until("b runs again", || kept(&worker, "b", "the source runs").len() == 2);
    assert!(!worker.log().contains("b.txt from byte") && kept(&worker, "b", "from byte").is_empty());

    assert_eq!(set(&worker, "connector.a", "OFF").expect(200).json, json!(["connector.a"]));
    let (shown, runs) = (worker.log().matches("the source runs").count(), kept(&worker, "a", "the source runs").len());
    restart_task(&worker, "a");
    worker.wait_until("it is kept all the same", || kept(&worker, "a", "the source runs").len() == runs + 1);
    assert_eq!(worker.log().matches("the source runs").count(), shown);
}

#[test]
fn a_part_of_wharf_is_set_by_its_name_with_dots_or_colons_or_by_kafka_connects() {
    let worker = two_sources();
    assert_eq!(set(&worker, "root", "OFF").expect(200).json, json!(["root"]));
    let shown = worker.log().matches("the source runs").count();
    restart_task(&worker, "a");
    worker.wait_until("it ran again", || kept(&worker, "a", "the source runs").len() == 2);
    assert_eq!(worker.log().matches("the source runs").count(), shown);

    for (runs, logger, changed) in [
        (3, "wharf_runtime.task", "wharf_runtime::task"),
        (4, "org.apache.kafka.connect.runtime.WorkerSourceTask", "org.apache.kafka.connect.runtime.WorkerSourceTask"),
    ] {
        assert_eq!(set(&worker, logger, "INFO").expect(200).json, json!([changed]));
        let shown = worker.log().matches("the source runs").count();
        restart_task(&worker, "a");
        worker.wait_until("it ran again", || kept(&worker, "a", "the source runs").len() == runs);
        worker.wait_until("and says so", || worker.log().matches("the source runs").count() == shown + 1);
        set(&worker, "root", "OFF").expect(200);
    }
}

#[test]
fn loggers_answer_as_kafka_connects_do() {
    let worker = Worker::start();
    let all = worker.rest().get("/admin/loggers/").expect(200).json;
    assert_eq!(all["root"], json!({"level": "INFO", "last_modified": null}));
    assert!(all["wharf_runtime"].is_object(), "{all}");
    let unknown = worker.rest().get("/admin/loggers/org.example").expect(404);
    assert_eq!(unknown.json, json!({"error_code": 404, "message": "Logger org.example not found."}));

    assert_eq!(set(&worker, "org.example.Class", "debug").expect(200).json, json!(["org.example.Class"]));
    assert_eq!(set(&worker, "org.example.Class", "DEBUG").expect(200).json, json!([]));
    let both = set(&worker, "org.example?scope=worker", "WARN").expect(200).json;
    assert_eq!(both, json!(["org.example", "org.example.Class"]));
    let child = worker.rest().get("/admin/loggers/org.example.Class").expect(200).json;
    assert_eq!(child["level"], "WARN");
    assert!(child["last_modified"].as_i64().is_some_and(|at| at > 0), "{child}");

    let cluster = set(&worker, "org.example?scope=cluster", "ERROR").expect(204);
    assert_eq!(cluster.text, "");
    assert_eq!(worker.rest().get("/admin/loggers/org.example.Class").json["level"], "ERROR");
    let missing = worker.rest().put("/admin/loggers/root", &json!({})).expect(400);
    assert_eq!(missing.message(), "Desired 'level' parameter was not specified in request.");
    assert_eq!(set(&worker, "root", "bogus").expect(404).message(), "invalid log level 'bogus'.");
}
