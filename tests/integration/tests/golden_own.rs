//! The routes that Kafka Connect does not have answer as `golden/own.jsonl` says: status, type and body.
//!
//! What differs from run to run is blanked: paths, addresses, times, digests, sizes and what is measured. After a change
//! that is meant, `WHARF_GOLDEN_WRITE=1` writes the file anew; look at the difference before you commit it.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "this is a test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use wharf_integration::{Worker, read, wait_until, write};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/own.jsonl");

/// Keys whose values are never the same twice; of those the type is kept.
const VOLATILE: &[&str] = &[
    "approved_at",
    "recorded_at",
    "at",
    "calls",
    "commit",
    "cpu_seconds",
    "documentation",
    "file",
    "from",
    "imports",
    "last_commit_at",
    "memory_bytes",
    "memory_peak_bytes",
    "number",
    "sha256",
    "size",
    "time",
    "timestamp",
    "bytes",
    "polls",
    "flushes",
    "last_at",
    "idle_ms",
    "keys",
    "origin",
    "started_at",
];

#[test]
fn routes_of_wharfs_own_answer_as_they_did() {
    let worker = Worker::start();
    prepare(&worker);
    let mut said = String::new();
    let mut ask = |method: &str, path: &str, body: Option<Value>| {
        let text = body.as_ref().map(Value::to_string);
        let answer = worker.rest().send(method, path, text.as_deref().map(str::as_bytes));
        let kind = answer.header("content-type").to_owned();
        let shown = if answer.json.is_null() { json!(null) } else { blanked(&worker, None, answer.json) };
        let line = BTreeMap::from([
            ("request", json!(format!("{method} {path}"))),
            ("sent", body.unwrap_or_default()),
            ("status", json!(answer.status)),
            ("type", json!(kind)),
            ("body", shown),
        ]);
        writeln!(said, "{}", serde_json::to_string(&line).unwrap()).unwrap();
    };
    for path in ["/livez", "/readyz", "/getClusterInfo", "/docs", "/topics", "/topics/t", "/topics/nosuch"] {
        ask("GET", path, None);
    }
    ask("GET", "/topics/t/partitions/0/records?limit=2", None);
    ask("GET", "/topics/t/partitions/9/records", None);
    ask("DELETE", "/topics/nosuch", None);
    for path in ["progress", "usage", "config/versions", "topics", "tasks-config"] {
        ask("GET", &format!("/connectors/src/{path}"), None);
        ask("GET", &format!("/connectors/nosuch/{path}"), None);
    }
    ask("POST", "/connectors/src/config/rollback", Some(json!({"version": 1})));
    ask("GET", "/connectors/src/config/versions", None);
    ask("POST", "/connectors/src/config/rollback", Some(json!({"version": 99})));
    ask("POST", "/connectors/src/config/rollback", Some(json!({})));
    ask("POST", "/connectors/nosuch/config/rollback", Some(json!({"version": 1})));
    ask("GET", "/connectors/src/logs?limit=1", None);
    ask("GET", "/connectors/src/logs?level=loud", None);
    ask("GET", "/connectors/nosuch/logs", None);
    ask("GET", "/connectors/src/inspect?limit=none", None);
    ask("GET", "/connectors/nosuch/inspect", None);
    ask("GET", "/plugins", None);
    ask("GET", "/plugins/file-source/0.1.0", None);
    ask("GET", "/plugins/file-source/9.9.9", None);
    ask("GET", "/plugins/verify", None);
    ask("GET", "/plugins/audit", None);
    ask("POST", "/plugins/nosuch/1.0.0/approve", None);
    ask("DELETE", "/plugins/nosuch/1.0.0", None);
    ask("GET", "/audit?connector=src&limit=1", None);
    ask("GET", "/audit?limit=none", None);
    ask("POST", "/connectors/posted", Some(json!({"connector-class": "nosuch"})));
    ask("POST", "/connectors/posted", None);

    if std::env::var_os("WHARF_GOLDEN_WRITE").is_some() {
        write(Path::new(FILE), &said);
    }
    let known = String::from_utf8(read(Path::new(FILE))).unwrap();
    for (known, said) in known.lines().zip(said.lines()) {
        assert_eq!(known, said, "write golden/own.jsonl anew with WHARF_GOLDEN_WRITE=1 where this is meant");
    }
    assert_eq!(known.lines().count(), said.lines().count());
}

/// A source that has sent three rows, was configured twice, and waits.
fn prepare(worker: &Worker) {
    let input = worker.path("in.txt");
    write(&input, "one\ntwo\nthree\n");
    let mut config = json!({"connector.class": "file-source", "file": input, "topic": "t"});
    worker.rest().put("/connectors/src/config", &config).expect(201);
    config["batch.size"] = json!("7");
    worker.rest().put("/connectors/src/config", &config).expect(200);
    wait_until("the rows are in the topic", || worker.rest().get("/topics/t").json["partitions"][0]["end"] == json!(3));
    worker.rest().put_empty("/connectors/src/stop").expect(204);
    worker.wait_for_state("src", "STOPPED");
}

fn blanked(worker: &Worker, key: Option<&str>, value: Value) -> Value {
    let is_volatile = key.is_some_and(|key| VOLATILE.contains(&key));
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| {
                let value = blanked(worker, Some(&key), value);
                (key.replace(worker.listen(), "{{worker}}"), value)
            })
            .map(|(key, value)| if key == "{{worker}}" { (key, json!("<number>")) } else { (key, value) })
            .collect(),
        Value::Array(_) if is_volatile => json!("<list>"),
        Value::Array(list) => list.into_iter().map(|value| blanked(worker, key, value)).collect(),
        Value::Number(_) if is_volatile => json!("<number>"),
        Value::String(_) if is_volatile => json!("<text>"),
        Value::String(text) => {
            let files = worker.path("x").parent().unwrap_or_else(|| panic!("no folder")).display().to_string();
            json!(text.replace(&files, "{{dir}}").replace(worker.listen(), "{{worker}}"))
        }
        other => other,
    }
}
