//! `GET /connectors/{name}/inspect`: records are seen while they pass, and nothing else changes.

#![expect(clippy::panic, reason = "what helps a test may fail like a test")]

use serde_json::{Value, json};
use wharf_integration::{Setup, Worker, append, read, wait_until, write};

const EVENTS: (&str, &str) = ("Accept", "text/event-stream");

fn records(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

#[test]
fn records_of_source_and_sink_are_seen_with_what_is_named_hidden_and_arrive_as_they_are() {
    let worker = Setup::new().config("[inspect]\nmask = [\"password\"]\n").start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, "");
    worker.create_source("src", &input, "lines");
    worker.create_sink("dst", &output, "lines");
    worker.wait_for_state("src", "RUNNING");
    worker.wait_for_state("dst", "RUNNING");

    let source = worker.rest().stream("/connectors/src/inspect?limit=3&mask=card.number,x", &[]);
    let sink = worker.rest().stream("/connectors/dst/inspect?limit=3&values=false", &[EVENTS]);
    assert_eq!((source.status, sink.status), (200, 200));
    assert_eq!(source.headers["content-type"], "application/x-ndjson");
    let line =
        |id: u32| format!("{{\"id\":{id},\"user\":{{\"password\":\"treasure\"}},\"card\":{{\"number\":4111}}}}\n");
    let text: String = (0..3).map(line).collect();
    append(&input, &text);

    let seen = source.wait_for_end();
    assert!(!seen.iter().any(|line| line.contains("treasure") || line.contains("4111")), "{seen:?}");
    let seen = records(&seen);
    assert_eq!(seen.len(), 3);
    for (id, record) in seen.iter().enumerate() {
        assert_eq!((&record["task"], &record["direction"]), (&json!(0), &json!("source")), "{record}");
        assert_eq!(record["topic"], "lines");
        let value =
            format!("{{\"id\":{id},\"user\":{{\"password\":\"[hidden]\"}},\"card\":{{\"number\":\"[hidden]\"}}}}");
        assert_eq!(record["value"], value.as_str());
    }

    let seen = sink.wait_for_end();
    assert!(!seen.iter().any(|line| line.contains("treasure")), "{seen:?}");
    let seen = sink.events("record");
    let places: Vec<_> = seen.iter().map(|it| (it["partition"].clone(), it["position"].clone())).collect();
    assert_eq!(places, [(json!(0), json!(0)), (json!(0), json!(1)), (json!(0), json!(2))]);
    assert!(seen.iter().all(|it| it["direction"] == "sink" && it["value"] == json!({"bytes": line(0).len() - 1})));
    assert_eq!(sink.events("end"), [json!({"reason": "limit"})]);

    worker.wait_for_text(&output, &text);
}

#[test]
fn a_sample_of_a_busy_connector_ends_at_its_limit_and_the_copy_is_complete() {
    const ROWS: usize = 300_000;
    let worker = Setup::new().plugin("generator-source").start();
    let output = worker.path("out.txt");
    worker.create_sink("dst", &output, "rows");
    worker.wait_for_state("dst", "RUNNING");
    let sample = worker.rest().stream("/connectors/dst/inspect?limit=1", &[]);
    // Nobody reads this one before the end.
    let all = worker.rest().stream("/connectors/dst/inspect?limit=1000&seconds=600", &[]);
    worker.create("gen", json!({"connector.class": "generator-source", "topic": "rows", "count": ROWS}));

    let seen = records(&sample.wait_for_end());
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["topic"], "rows");
    worker.wait_until("all rows are there", || read(&output).iter().filter(|byte| **byte == b'\n').count() == ROWS);
    let (sent, copied) = (worker.topic("rows"), read(&output));
    assert!(sent == copied, "what was copied is what was sent");
    worker.rest().delete("/connectors/dst").expect(204);
    let seen = records(&all.wait_for_end());
    assert!((1..=1000).contains(&seen.len()), "{}", seen.len());
    let positions: Vec<u64> = seen.iter().map(|record| record["position"].as_u64().unwrap()).collect();
    assert!(positions.windows(2).all(|pair| pair[0] < pair[1]), "in the order they passed: {positions:?}");
}

#[test]
fn looking_ends_with_the_time_or_with_the_connector() {
    let worker = Worker::start();
    let input = worker.path("in.txt");
    write(&input, "");
    worker.create_source("src", &input, "lines");
    worker.wait_for_state("src", "RUNNING");
    let timed = worker.rest().stream("/connectors/src/inspect?seconds=1", &[EVENTS]);
    timed.wait_for_end();
    assert_eq!((timed.events("record"), timed.events("end")), (vec![], vec![json!({"reason": "time"})]));
    let nothing = worker.rest().stream("/connectors/src/inspect?limit=0", &[]);
    assert!(nothing.wait_for_end().is_empty());

    let deleted = worker.rest().stream("/connectors/src/inspect?seconds=600", &[EVENTS]);
    let another_task = worker.rest().stream("/connectors/src/inspect?seconds=600&task=1", &[]);
    append(&input, "one\n");
    wait_until("the record is seen", || deleted.events("record").len() == 1);
    worker.rest().delete("/connectors/src").expect(204);
    deleted.wait_for_end();
    assert_eq!(deleted.events("end"), [json!({"reason": "connector"})]);
    assert!(another_task.wait_for_end().is_empty());
}

#[test]
fn who_may_not_look_or_asks_for_nonsense_is_told_so() {
    let worker = Setup::new().config("[inspect]\nenabled = false\n").start();
    let input = worker.path("in.txt");
    write(&input, "");
    worker.create_source("src", &input, "lines");
    let refused = worker.rest().get("/connectors/src/inspect").expect(403);
    assert!(refused.message().contains("`enabled = true` in `[inspect]`"), "{}", refused.text);

    let worker = Worker::start();
    worker.rest().get("/connectors/src/inspect").expect(404);
    worker.rest().get("/connectors/src/inspect?limit=many").expect(400);
    let request = ureq::http::Request::builder().uri(format!("{}/connectors/src/inspect", worker.rest().base()));
    let answer = worker.rest().request(request.header("Accept", "text/html"), None).unwrap();
    assert_eq!(answer.expect(406).message(), "HTTP 406 Not Acceptable");
}
