//! What the listener puts up with.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use ureq::http::Request;
use wharf_integration::{Answer, DEADLINE, Setup, Worker};

/// Sends some bytes and gives back all that comes until the worker closes.
#[track_caller]
fn until_closed(worker: &Worker, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(worker.listen()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the worker does not close"),
        _ => String::from_utf8_lossy(&answer).into_owned(),
    }
}

#[track_caller]
fn json_of(answer: &str) -> Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap_or_default().1).unwrap_or(Value::Null)
}

fn with_headers(worker: &Worker, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::builder().method(method).uri(format!("{}{path}", worker.rest().base()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    worker.rest().request(request, None).unwrap()
}

#[test]
fn slow_callers_are_cut() {
    let worker = Setup::bare().config("[http]\nheader-timeout-ms = 200\nbody-timeout-ms = 200\n").start();
    // Whoever says nothing, or half of something.
    for begun in [&b""[..], b"GET /connectors HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let answer = until_closed(&worker, begun);
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    let head =
        "POST /connectors HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    let answer = until_closed(&worker, head.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert_eq!(json_of(&answer)["error_code"], 408);
    worker.rest().get("/connectors").expect(200);
}

#[test]
fn what_is_too_large_is_refused_in_json() {
    let worker = Setup::bare().config("[http]\nmax-body-bytes = 2000\n").start();
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(3000));
    let refused = worker.rest().send("POST", "/connectors", Some(large.as_bytes())).expect(413);
    assert_eq!(refused.json["error_code"], 413);
    let value = "v".repeat(40_000);
    let refused = with_headers(&worker, "GET", "/connectors", &[("x-large", &value)]).expect(431);
    assert_eq!(refused.json["error_code"], 431);
    let many: String = (0..300).map(|number| format!("x-{number}: y\r\n")).collect();
    let answer = until_closed(&worker, format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    worker.rest().send("DELETE", "/connectors", None).expect(405);
    worker.rest().get("/connectors").expect(200);
}

#[test]
fn an_address_that_asks_too_often_must_wait_and_probes_need_not() {
    let worker = Setup::bare().config("[http]\nrequests-per-second = 1\n").start();
    let mut last = None;
    worker.wait_until("it must wait", || {
        let answer = worker.rest().get("/connectors");
        let status = answer.status;
        last = Some(answer);
        status == 429
    });
    let last = last.unwrap();
    assert_eq!(last.json["error_code"], 429);
    assert!(last.header("retry-after").parse::<u32>().unwrap() >= 1);
    for _ in 0..20 {
        worker.rest().get("/health").expect(200);
    }
}

#[test]
fn further_connections_wait_and_are_served_when_there_is_room() {
    let worker = Setup::bare().config("[http]\nmax-connections = 2\nheader-timeout-ms = 60000\n").start();
    let idle: Vec<_> = (0..2).map(|_| TcpStream::connect(worker.listen()).unwrap()).collect();
    let mut third = TcpStream::connect(worker.listen()).unwrap();
    third.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    drop(idle);
    third.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut answer = String::new();
    third.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn pages_of_other_origins_are_served_only_where_they_are_named() {
    let origin = ("origin", "https://console.example");
    let preflight = [origin, ("access-control-request-method", "POST")];
    let closed = Setup::bare().start();
    for (method, headers) in [("GET", &[origin][..]), ("OPTIONS", &preflight[..])] {
        let answer = with_headers(&closed, method, "/connectors", headers);
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    drop(closed);
    let config =
        "[http]\ncors-allow-origins = [\"https://console.example\"]\ncors-allow-methods = [\"GET\", \"PUT\"]\n";
    let open = Setup::bare().config(config).start();
    let answer = with_headers(&open, "GET", "/connectors", &[origin]).expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "https://console.example");
    let answer = with_headers(&open, "GET", "/nosuch", &[origin]).expect(404);
    assert_eq!(answer.header("access-control-allow-origin"), "https://console.example", "also with an error");
    let answer = with_headers(&open, "OPTIONS", "/connectors", &preflight).expect(200);
    assert_eq!(answer.header("access-control-allow-methods"), "GET,PUT");
    let site = ("sec-fetch-site", "cross-site");
    let forged = [("origin", "https://evil.example"), site];
    with_headers(&open, "POST", "/connectors/c/restart", &forged).expect(403);
    with_headers(&open, "POST", "/connectors/c/restart", &[origin, site]).expect(404);
    let answer = with_headers(&open, "GET", "/connectors", &forged).expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), "");
}
