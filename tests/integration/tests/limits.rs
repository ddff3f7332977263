//! What a connector may use: its own limits below the operator's, and what is shown of it.

#![expect(clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

use serde_json::{Value, json};
use wharf_integration::{Answer, Setup, Worker, append, read, write};

/// `tasks[0]` of what `GET /connectors/{name}/{what}` says.
fn task(worker: &Worker, name: &str, what: &str) -> Value {
    worker.rest().get(&format!("/connectors/{name}/{what}")).expect(200).json["tasks"][0].clone()
}

fn misbehaving(mode: &str, limits: &[(&str, &str)]) -> Value {
    let mut config = json!({"connector.class": "misbehaving-source", "topic": "bad", "mode": mode,
        "restart.max.failures": "2", "restart.backoff.initial.ms": "10", "restart.backoff.max.ms": "20"});
    for (key, value) in limits {
        config[*key] = json!(value);
    }
    config
}

fn generator(limits: &[(&str, &str)]) -> Value {
    let mut config = json!({"connector.class": "generator-source", "topic": "rows"});
    for (key, value) in limits {
        config[*key] = json!(value);
    }
    config
}

/// The value of the first sample that begins so.
fn sample(page: &str, start: &str) -> Option<f64> {
    page.lines().find(|line| line.starts_with(start))?.rsplit(' ').next()?.parse().ok()
}

fn create(worker: &Worker, name: &str, config: Value) -> Answer {
    worker.rest().post("/connectors", &json!({"name": name, "config": config}))
}

#[test]
fn a_connector_with_less_memory_than_the_worker_allows_is_ended_at_its_own_limit_and_leaves_traces() {
    let worker = Setup::new().plugin("misbehaving-source").config("[limits]\nmemory-mb = 256\n").start();
    let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
    write(&input, "one\n");
    worker.create_source("good-source", &input, "lines");
    worker.create_sink("good-sink", &output, "lines");
    worker.wait_for_text(&output, "one\n");
    worker.create("bad", misbehaving("exhaust-memory", &[("limits.memory.mb", "16")]));
    worker.wait_until("it is given up", || worker.status("bad")["tasks"][0]["state"] == "FAILED");

    let failed = worker.status("bad")["tasks"][0].clone();
    assert_eq!(failed["last_failure"]["class"], "memory-limit", "{failed}");
    let message = failed["last_failure"]["message"].as_str().unwrap();
    assert!(message.contains("16777216 are allowed"), "asked and allowed: {message}");
    assert_eq!(failed["usage"]["kills"]["memory-limit"], 2, "{failed}");

    let usage = task(&worker, "bad", "usage");
    assert_eq!(usage["plugin"], "misbehaving-source@0.1.0");
    assert_eq!(usage["kills"], json!({"memory-limit": 2}), "{usage}");
    let peak = usage["memory_peak_bytes"].as_u64().unwrap();
    assert!(peak > 1 << 20, "{usage}");
    assert!(usage["calls"].as_u64().unwrap() >= 4 && usage["cpu_seconds"].as_f64().unwrap() > 0.0, "{usage}");
    worker.wait_until("its memory is given back", || task(&worker, "bad", "usage")["memory_bytes"] == 0);

    append(&input, "two\n");
    worker.wait_for_text(&output, "one\ntwo\n");
    let good = worker.status("good-source")["tasks"][0].clone();
    assert!(good["state"] == "RUNNING" && good.get("usage").is_none(), "nothing is wrong with it: {good}");
    assert!(task(&worker, "good-source", "usage")["memory_bytes"].as_u64().unwrap() > 0);

    // The trail, over REST, on the command line and in the file.
    let trail = worker.rest().get("/audit?connector=bad&code=kill").expect(200).json;
    let codes: Vec<_> = trail.as_array().unwrap().iter().map(|record| record["code"].clone()).collect();
    assert_eq!(codes, ["kill.memory-limit", "kill.memory-limit"], "{trail}");
    assert_eq!((&trail[0]["task"], &trail[0]["plugin"]), (&json!(0), &json!("misbehaving-source@0.1.0")), "{trail}");
    assert!(trail[0]["detail"].as_str().unwrap().contains("16777216"), "{trail}");
    for family in ["kill", "egress", "path"] {
        assert_eq!(worker.rest().get(&format!("/audit?connector=good-source&code={family}")).json, json!([]));
    }
    let said = worker.wharf(&["audit", "--connector", "bad", "--code", "kill"]).ok().text();
    assert!(
        said.lines().count() == 2 && said.contains(" kill.memory-limit bad/0 misbehaving-source@0.1.0: "),
        "{said}"
    );
    let file = worker.data_dir().join("audit.log");
    worker.wait_until("the file has it", || {
        let text = String::from_utf8(read(&file)).unwrap();
        let lines: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        lines.iter().filter(|line| line["connector"] == "bad" && line["code"] == "kill.memory-limit").count() == 2
    });

    let page = worker.rest().get("/metrics").expect(200);
    assert_eq!(page.header("content-type"), "text/plain; version=0.0.4");
    let of_bad = r#"{connector="bad",task="0",plugin="misbehaving-source@0.1.0""#;
    let kills = format!(r#"wharf_task_kills_total{of_bad},reason="memory-limit"}}"#);
    assert_eq!(sample(&page.text, &kills), Some(2.0), "{}", page.text);
    assert_eq!(sample(&page.text, &format!("wharf_task_memory_peak_bytes{of_bad}")), Some(peak as f64));
    let rows = r#"wharf_task_rows_total{connector="good-sink",task="0""#;
    assert_eq!(sample(&page.text, rows), Some(2.0), "{}", page.text);

    let status = worker.wharf(&["connector", "status", "good-source"]).ok().text();
    assert!(status.contains("MEMORY") && status.contains("CPU"), "{status}");
}

#[test]
fn what_is_above_the_operators_ceiling_is_refused_with_the_key_and_the_ceiling() {
    let limits = "[limits]\nmemory-mb = 64\ncpu-percent = 50\nrows-per-second = 1000\nsockets = 4\n";
    let worker = Setup::new().plugin("generator-source").config(limits).start();
    let asked = [("limits.memory.mb", "65"), ("limits.rows.per.second", "1001"), ("limits.sockets", "5")];
    let refused = create(&worker, "rows", generator(&asked)).expect(400);
    for (key, most) in [("limits.memory.mb", "64"), ("limits.rows.per.second", "1000"), ("limits.sockets", "4")] {
        let part = format!("for configuration {key}: Value must be no more than {most}, which the operator set as");
        assert!(refused.message().contains(&part), "{}", refused.message());
    }
    create(&worker, "rows", generator(&[("limits.cpu.percent", "none")])).expect(400);
    let fits = [("limits.memory.mb", "64"), ("limits.cpu.percent", "50"), ("limits.call.deadline.ms", "30000")];
    create(&worker, "rows", generator(&fits)).expect(201);
    worker.wait_for_state("rows", "RUNNING");
}

#[test]
fn a_deadline_of_its_own_ends_a_call_long_before_the_workers_would() {
    let worker = Setup::new().plugin("misbehaving-source").config("[limits]\ncall-deadline-ms = 3600000\n").start();
    let limits = [("limits.call.deadline.ms", "100"), ("limits.cpu.percent", "20")];
    worker.create("bad", misbehaving("spin", &limits));
    worker.wait_until("it is given up", || worker.status("bad")["tasks"][0]["state"] == "FAILED");
    let failed = worker.status("bad")["tasks"][0].clone();
    assert_eq!(failed["last_failure"]["class"], "deadline-exceeded", "{failed}");
}

#[test]
fn rows_keep_to_their_rate() {
    let worker = Setup::new().plugin("generator-source").start();
    let began = std::time::Instant::now();
    worker.create("rows", generator(&[("limits.rows.per.second", "200")]));
    worker.wait_until("some rows came", || task(&worker, "rows", "progress")["rows"].as_u64() >= Some(300));
    let rows = task(&worker, "rows", "progress")["rows"].as_u64().unwrap();
    // By the test's own clock, which began before: a second's worth is more than all that may be saved up.
    let most = 200.0 * (began.elapsed().as_secs_f64() + 1.0);
    assert!((rows as f64) < most, "{rows} rows where {most} are allowed");
    worker.rest().put_empty("/connectors/rows/stop").expect(204);
}
