//! Between a real redis-server and the log, through the sandbox: nothing is lost, whoever dies.

use serde_json::{Value, json};
use wharf_integration::{RedisServer, Setup, Worker};

fn worker() -> Worker {
    let restart = "[restart]\nbackoff-initial-ms = 1\nbackoff-max-ms = 50\nmax-failures = 10000\n";
    Setup::bare().plugin("redis-source").plugin("redis-sink").config(restart).start()
}

/// The configuration of a connector for this server, with more keys.
fn config(class: &str, server: &RedisServer, more: Value) -> Value {
    let mut config = json!({"connector.class": class, "redis.url": server.url(), "redis.timeout.ms": 2000,
        "errors.retry.timeout": -1, "errors.retry.delay.max.ms": 50});
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    config
}

/// Each number below `count` at least once.
fn is_complete(mut numbers: Vec<u64>, count: u64) -> bool {
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().eq(0..count)
}

/// The numbers in a topic, in order.
fn in_topic(worker: &Worker, topic: &str) -> Vec<u64> {
    String::from_utf8_lossy(&worker.topic(topic)).lines().filter_map(|line| line.parse().ok()).collect()
}

fn has_topic(worker: &Worker, topic: &str) -> bool {
    worker.rest().get(&format!("/topics/{topic}")).status == 200
}

fn from_streams(worker: &Worker, server: &RedisServer, more: Value) {
    let mut keys = json!({"streams": "in", "topic": "t", "value.format": "field", "batch.size": 100});
    if let (Some(keys), Value::Object(more)) = (keys.as_object_mut(), more) {
        keys.extend(more);
    }
    worker.create("from", config("redis-source", server, keys));
}

fn to_list(worker: &Worker, server: &RedisServer) {
    worker.create("to", config("redis-sink", server, json!({"topics": "t", "mode": "lists", "target": "out"})));
}

#[test]
fn from_a_consumer_group_to_a_list_nothing_is_lost_when_the_worker_is_killed() {
    const COUNT: u64 = 20_000;
    let server = RedisServer::start();
    let mut worker = worker();
    server.add("in", 0..COUNT / 2);
    from_streams(&worker, &server, json!({"group": "g"}));
    to_list(&worker, &server);
    for kills in 1..=3 {
        worker.wait_until("rows flow", || server.numbers("out").len() as u64 > kills * 1000);
        worker.kill();
        server.add("in", COUNT / 2 + (kills - 1) * COUNT / 6..COUNT / 2 + kills * COUNT / 6);
        worker.start_again();
    }
    server.add("in", COUNT / 2 + 3 * (COUNT / 6)..COUNT);
    worker.wait_until("all has arrived", || server.numbers("out").iter().max() == Some(&(COUNT - 1)));
    worker.wait_until("all is acknowledged", || server.cli(&["XPENDING", "in", "g"]).starts_with('0'));
    assert!(worker.terminate().success());
    assert!(is_complete(in_topic(&worker, "t"), COUNT));
    assert!(is_complete(server.numbers("out"), COUNT));
}

#[test]
fn a_stream_without_a_group_and_a_list_arrive_in_the_log_exactly_once_when_the_worker_is_killed() {
    const COUNT: u64 = 10_000;
    let server = RedisServer::start();
    let mut worker = worker();
    server.add("in", 0..COUNT);
    server.push("jobs", 0..COUNT);
    from_streams(&worker, &server, json!({}));
    let list = json!({"mode": "lists", "lists": "jobs", "topic": "jobs", "batch.size": 50});
    worker.create("jobs", config("redis-source", &server, list));
    for kills in 1..=3_usize {
        let flows = |topic: &str| has_topic(&worker, topic) && in_topic(&worker, topic).len() >= kills * 700;
        worker.wait_until("rows flow", || flows("t") && flows("jobs"));
        worker.kill();
        worker.start_again();
    }
    for topic in ["t", "jobs"] {
        worker.wait_until("all has arrived", || in_topic(&worker, topic).last() == Some(&(COUNT - 1)));
        assert!(in_topic(&worker, topic).into_iter().eq(0..COUNT), "{topic}");
    }
    let left = || server.cli(&["LLEN", "jobs:processing:jobs"]);
    worker.wait_until("what is safe is removed", || left() == "0");
}

#[test]
fn a_server_that_is_down_at_the_start_is_found_when_it_comes() {
    let mut server = RedisServer::prepare();
    let worker = worker();
    from_streams(&worker, &server, json!({"group": "g"}));
    to_list(&worker, &server);
    let told = || worker.status("from")["tasks"][0]["last_failure"].to_string().contains("cannot connect to");
    worker.wait_until("it says that it cannot connect", told);
    server.start_again();
    server.add("in", 0..100);
    worker.wait_until("all has arrived", || is_complete(server.numbers("out"), 100));
}

#[test]
fn a_server_that_is_killed_while_rows_flow_is_read_and_written_on_when_it_is_back() {
    const COUNT: u64 = 20_000;
    let mut server = RedisServer::start();
    let worker = worker();
    server.add("in", 0..COUNT);
    from_streams(&worker, &server, json!({"group": "g"}));
    to_list(&worker, &server);
    for kills in 1..=3 {
        worker.wait_until("rows flow", || server.numbers("out").len() as u64 > kills * 1000);
        server.kill();
        server.start_again();
    }
    worker.wait_until("all has arrived", || server.numbers("out").iter().max() == Some(&(COUNT - 1)));
    assert!(is_complete(server.numbers("out"), COUNT));
    for name in ["from", "to"] {
        worker.wait_for_state(name, "RUNNING");
    }
}

#[test]
fn rows_come_and_go_over_tls_with_the_roots_that_the_connector_names() {
    let server = RedisServer::with_tls();
    let worker = worker();
    server.add("in", 0..1000);
    let ca = json!({"tls.ca.file": server.ca_file()});
    from_streams(&worker, &server, json!({"group": "g", "tls.ca.file": server.ca_file()}));
    let mut to = config("redis-sink", &server, json!({"topics": "t", "mode": "lists", "target": "out"}));
    to["tls.ca.file"] = ca["tls.ca.file"].clone();
    worker.create("to", to);
    worker.wait_until("all has arrived", || is_complete(server.numbers("out"), 1000));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let server = RedisServer::with_tls();
    server.add("in", 0..10);
    let worker = worker();
    from_streams(&worker, &server, json!({}));
    let told = || worker.status("from")["tasks"][0].to_string().to_lowercase().contains("certificate");
    worker.wait_until("it says what is wrong", told);
    assert!(!has_topic(&worker, "t") || in_topic(&worker, "t").is_empty());
}

#[test]
fn an_address_that_is_not_allowed_is_refused_and_says_so() {
    let worker = worker();
    let config = json!({"connector.class": "redis-source", "redis.url": "169.254.169.254:6379", "streams": "in"});
    let answer = worker.rest().post("/connectors", &json!({"name": "spy", "config": config}));
    if answer.status == 400 {
        assert!(answer.message().contains("redis.url"), "{}", answer.text);
        return;
    }
    answer.expect(201);
    worker.wait_until("it has failed", || worker.status("spy")["tasks"][0]["state"] == "FAILED");
    let trace = worker.status("spy")["tasks"][0]["trace"].to_string();
    assert!(trace.contains("redis.url") && trace.contains("169.254.169.254"), "{trace}");
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let worker = worker();
    let config =
        json!({"connector.class": "redis-source", "redis.url": "redis://me:hunter2@127.0.0.1:1", "streams": "in"});
    let answer = worker.rest().post("/connectors", &json!({"name": "n", "config": config})).expect(400);
    assert!(
        answer.message().contains("redis.url: ") && answer.message().contains("user or password"),
        "{}",
        answer.text
    );
    assert!(!answer.text.contains("hunter2") && !worker.log().contains("hunter2"), "{}", answer.text);
}
