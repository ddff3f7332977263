//! From the log to a real HTTP server, through the sandbox.

use serde_json::{Value, json};
use wharf_integration::{HttpServer, Setup, Worker, lines};

const OK: &str = "200 OK\r\n\r\n";

fn worker() -> Worker {
    let restart = "[restart]\nbackoff-initial-ms = 1\nbackoff-max-ms = 50\nmax-failures = 10000\n";
    Setup::new().plugin("http-sink").config(restart).start()
}

fn sink(worker: &Worker, url: &str, more: Value) {
    let mut config = json!({"connector.class": "http-sink", "topics": "lines", "http.url": url,
        "errors.retry.timeout": -1, "errors.retry.delay.max.ms": 50});
    if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
        config.extend(more);
    }
    worker.create("to", config);
}

/// The lines that a server has taken: those of requests that it answered with 200.
fn taken(server: &HttpServer, is_taken: impl Fn(usize) -> bool) -> Vec<String> {
    let seen = server.seen().into_iter().enumerate().filter(|(at, _)| is_taken(*at));
    seen.flat_map(|(_, seen)| seen.body.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

#[test]
fn rows_arrive_once_and_in_order_at_a_server_that_is_busy_now_and_then() {
    // Of three requests, one is answered with 429 and one with 503.
    let server = HttpServer::start(|_, number| match number % 3 {
        0 => "429 Too Many Requests\r\nRetry-After: 0\r\n\r\n".to_owned(),
        1 => "503 Service Unavailable\r\n\r\n".to_owned(),
        _ => OK.to_owned(),
    });
    let worker = worker();
    worker.reads(&lines::text(0..2000));
    let more = json!({"batch.format": "ndjson", "value.format": "text", "batch.max.rows": 100});
    sink(&worker, &format!("{}/in/{{topic}}", server.url()), more);
    let all = || taken(&server, |number| number % 3 == 2);
    worker.wait_until("all has arrived", || all().len() >= 2000);
    let expected: Vec<_> = (0..2000).map(|number| format!("\"{}\"", lines::line(number))).collect();
    assert_eq!(all(), expected);
    let first = &server.seen()[0];
    assert_eq!(first.line, "POST /in/lines");
    assert!(first.headers.contains(&("content-type".to_owned(), "application/x-ndjson".to_owned())));
    worker.wait_for_state("to", "RUNNING");
}

#[test]
fn a_row_that_the_server_refuses_goes_to_the_dead_letter_queue_and_the_others_arrive() {
    let server = HttpServer::start(|seen, _| {
        if seen.body.contains("bad") { "400 Bad Request\r\n\r\nno such thing".to_owned() } else { OK.to_owned() }
    });
    let worker = worker();
    worker.reads("one\nbad\ntwo\n");
    let more = json!({"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead"});
    sink(&worker, &server.url(), more);
    let bodies = || server.seen().into_iter().map(|seen| seen.body).collect::<Vec<_>>();
    worker.wait_until("all has been tried", || bodies() == ["one", "bad", "two"]);
    let dead = || worker.rest().get("/topics/dead").status == 200 && worker.topic("dead") == b"bad\n";
    worker.wait_until("the bad row is in the dead letter queue", dead);
}

#[test]
fn nothing_is_lost_when_the_worker_is_killed() {
    let server = HttpServer::start(|_, _| OK.to_owned());
    let mut worker = worker();
    worker.reads(&lines::text(0..3000));
    let more = json!({"batch.format": "ndjson", "value.format": "text", "batch.max.rows": 20});
    sink(&worker, &server.url(), more);
    for kills in 1..=3 {
        worker.wait_until("rows flow", || taken(&server, |_| true).len() > kills * 300);
        worker.kill();
        worker.start_again();
    }
    let last = format!("\"{}\"", lines::line(2999));
    worker.wait_until("the last row has arrived", || taken(&server, |_| true).contains(&last));
    let all = taken(&server, |_| true);
    let numbers: Vec<_> = all.iter().filter_map(|line| lines::number(line.trim_matches('"').as_bytes())).collect();
    assert_eq!(numbers.len(), all.len());
    assert_eq!(lines::at_least_once(&numbers, 3000), Ok(()));
}

#[test]
fn a_redirect_leads_nowhere() {
    let elsewhere = HttpServer::start(|_, _| OK.to_owned());
    let place = format!("302 Found\r\nLocation: {}/\r\n\r\n", elsewhere.url());
    let server = HttpServer::start(move |_, _| place.clone());
    let worker = worker();
    worker.reads("one\n");
    sink(&worker, &server.url(), json!({}));
    worker.wait_until("it has failed", || worker.status("to")["tasks"][0]["state"] == "FAILED");
    let trace = worker.status("to")["tasks"][0]["trace"].to_string();
    assert!(trace.contains("http-302") && trace.contains(&elsewhere.url()), "{trace}");
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn an_address_that_is_not_allowed_is_refused_and_says_so() {
    let worker = worker();
    worker.reads("one\n");
    let config =
        json!({"connector.class": "http-sink", "topics": "lines", "http.url": "http://169.254.169.254/latest"});
    let answer = worker.rest().post("/connectors", &json!({"name": "to", "config": config}));
    if answer.status == 400 {
        assert!(answer.message().contains("http.url"), "{}", answer.text);
        return;
    }
    answer.expect(201);
    worker.wait_until("it has failed", || worker.status("to")["tasks"][0]["state"] == "FAILED");
    let trace = worker.status("to")["tasks"][0]["trace"].to_string();
    assert!(trace.contains("http.url"), "{trace}");
}
