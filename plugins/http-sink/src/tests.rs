//! Against a real server on loopback, which answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use wharf_sdk::testkit::SinkKit;
use wharf_sdk::{BatchBuilder, Limits, Origin};

use super::*;

/// A request as it came.
#[derive(Debug, Clone)]
struct Seen {
    line: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

type Judge = dyn Fn(&Seen) -> String + Send + Sync;

/// A server that keeps what it has seen and answers with status line, headers and body as `judge` says.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    fn start(judge: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (judge, keep): (Arc<Judge>, _) = (Arc::new(judge), seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (judge, keep) = (judge.clone(), keep.clone());
                thread::spawn(move || serve(stream.unwrap(), &*judge, &keep));
            }
        });
        Self { address, seen }
    }

    /// Gives these answers one after the other, and then 200.
    fn answers(answers: &[&str]) -> Self {
        let queue: Mutex<VecDeque<String>> = Mutex::new(answers.iter().map(|&answer| answer.to_owned()).collect());
        Self::start(move |_| queue.lock().unwrap().pop_front().unwrap_or_else(|| "200 OK\r\n\r\n".to_owned()))
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn bodies(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.body).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

fn serve(stream: TcpStream, judge: &Judge, keep: &Mutex<Vec<Seen>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut seen = Seen { line: String::new(), headers: Vec::new(), body: String::new() };
    reader.read_line(&mut seen.line).unwrap();
    seen.line = seen.line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        seen.headers.push((name.to_owned(), value.to_owned()));
    }
    let length: u64 = seen.header("content-length").parse().unwrap_or(0);
    reader.take(length).read_to_string(&mut seen.body).unwrap();
    let answer = judge(&seen);
    keep.lock().unwrap().push(seen);
    // An empty answer stands for a connection that breaks.
    if !answer.is_empty() {
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {answer}").unwrap();
    }
}

fn kit(server: &Server, path: &str, more: &[(&str, &str)]) -> SinkKit<HttpSink> {
    let mut kit = kit_at(&format!("http://{}{path}", server.address), more);
    kit.start().unwrap();
    kit
}

fn kit_at(url: &str, more: &[(&str, &str)]) -> SinkKit<HttpSink> {
    let mut config = vec![("http.url".to_owned(), url.to_owned()), ("http.timeout.ms".to_owned(), "5000".to_owned())];
    config.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    SinkKit::new(config)
}

/// Rows of a topic `t` with a key and a value each, from this position on; an empty key or value stands for none.
fn delivery(first: i64, rows: &[(&str, &str)]) -> Delivery {
    let limits = Limits { max_rows: 10_000, max_bytes: 10_000_000, max_wait: Duration::ZERO };
    let mut batch = BatchBuilder::new(limits);
    for (key, value) in rows {
        let mut row = if value.is_empty() { batch.push_absent() } else { batch.push(value.as_bytes()) };
        if !key.is_empty() {
            row = row.key(key.as_bytes());
        }
        row.header("tenant", b"blue");
    }
    let batch = batch.finish().unwrap();
    let positions = (first..first + i64::from(batch.rows)).collect();
    Delivery { batch, origins: vec![Origin { first_row: 0, topic: "t".into(), partition: 4 }], positions }
}

fn codes(rejections: &[Rejection]) -> Vec<(u32, &str)> {
    rejections.iter().map(|rejection| (rejection.row, rejection.code.as_str())).collect()
}

fn retry(failed: Result<Vec<Rejection>, Failure>) -> wharf_sdk::Retry {
    match failed {
        Err(Failure::Retriable(retry)) => retry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_row_is_a_request_whose_url_and_headers_it_fills() {
    let server = Server::answers(&[]);
    let more = [
        ("http.method", "PUT"),
        ("http.headers", "Idempotency-Key: {topic}-{partition}-{offset} | X-Tenant: {header.tenant}"),
        ("http.content.type", "application/vnd.my+json"),
    ];
    let mut kit = kit(&server, "/a/{key}?t={topic}", &more);
    assert_eq!(kit.put(&delivery(7, &[("k/ü?", "one"), ("x", "two")])).unwrap(), []);
    let seen = server.seen();
    assert_eq!(server.lines(), ["PUT /a/k%2F%C3%BC%3F?t=t", "PUT /a/x?t=t"]);
    assert_eq!(server.bodies(), ["one", "two"]);
    assert_eq!((seen[1].header("idempotency-key"), seen[1].header("x-tenant")), ("t-4-8", "blue"));
    assert_eq!(seen[0].header("content-type"), "application/vnd.my+json");
}

#[test]
fn rows_go_together_as_an_array_or_as_lines() {
    let server = Server::answers(&[]);
    let rows = [("a", "1"), ("b", "{\"x\":\n2}"), ("c", "3")];
    kit(&server, "/", &[("batch.format", "json-array")]).put(&delivery(0, &rows)).unwrap();
    kit(&server, "/", &[("batch.format", "ndjson"), ("batch.max.rows", "2")]).put(&delivery(0, &rows)).unwrap();
    kit(&server, "/", &[("batch.format", "ndjson"), ("batch.max.bytes", "9")]).put(&delivery(0, &rows)).unwrap();
    let expected = ["[1,{\"x\": 2},3]", "1\n{\"x\": 2}\n", "3\n", "1\n{\"x\": 2}\n", "3\n"];
    assert_eq!(server.bodies(), expected);
    let types: Vec<_> = server.seen().iter().map(|seen| seen.header("content-type").to_owned()).collect();
    assert_eq!(types[..2], ["application/json", "application/x-ndjson"]);
}

#[test]
fn only_neighbours_that_go_to_the_same_place_share_a_request() {
    let server = Server::answers(&[]);
    let rows = [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("a", ""), ("a", "5")];
    let more = [("batch.format", "json-array"), ("tombstones", "delete")];
    kit(&server, "/{key}", &more).put(&delivery(0, &rows)).unwrap();
    assert_eq!(server.lines(), ["POST /a", "POST /b", "POST /a", "DELETE /a", "POST /a"]);
    assert_eq!(server.bodies(), ["[1,2]", "[3]", "[4]", "", "[5]"]);
}

#[test]
fn who_we_are_is_shown_with_a_password_or_a_token() {
    let server = Server::answers(&[]);
    let basic = [("http.auth", "basic"), ("http.auth.username", "me"), ("http.auth.password", "secret")];
    let mut kit_basic = kit(&server, "/", &basic);
    kit_basic.put_values(["x"]).unwrap();
    kit(&server, "/", &[("http.auth", "bearer"), ("http.auth.token", "t0k")]).put_values(["x"]).unwrap();
    let shown: Vec<_> = server.seen().iter().map(|seen| seen.header("authorization").to_owned()).collect();
    assert_eq!(shown, ["Basic bWU6c2VjcmV0", "Bearer t0k"]);
    let debug = format!("{:?}", kit_basic.task().unwrap());
    assert!(!debug.contains("secret") && !debug.contains("bWU6"), "{debug}");
}

#[test]
fn a_busy_server_is_asked_again_from_the_row_that_it_did_not_take() {
    let server = Server::answers(&["200 OK\r\n\r\n", "429 Slow Down\r\nRetry-After: 3\r\n\r\n"]);
    let mut kit = kit(&server, "/", &[]);
    let failed = retry(kit.put(&delivery(0, &[("", "a"), ("", "b"), ("", "c")])));
    assert_eq!((failed.at_row, failed.after), (Some(1), Some(Duration::from_secs(3))));
    assert_eq!(kit.put(&delivery(1, &[("", "b"), ("", "c")])).unwrap(), []);
    assert_eq!(server.bodies(), ["a", "b", "b", "c"]);
}

#[test]
fn rows_behind_a_rejected_one_are_not_sent_twice_when_the_server_is_busy() {
    let server = Server::answers(&["400 Bad\r\n\r\nno good", "200 OK\r\n\r\n", "503 Busy\r\n\r\n"]);
    let mut kit = kit(&server, "/", &[]);
    let failed = retry(kit.put(&delivery(0, &[("", "bad"), ("", "b"), ("", "c")])));
    assert_eq!((failed.at_row, failed.after), (Some(0), None));
    let rejections = kit.put(&delivery(0, &[("", "bad"), ("", "b"), ("", "c")])).unwrap();
    assert_eq!(codes(&rejections), [(0, "http-400")]);
    assert_eq!(rejections[0].reason, "the server answers 400: no good");
    assert_eq!(server.bodies(), ["bad", "b", "c", "c"]);
}

#[test]
fn a_batch_that_is_refused_is_rejected_as_a_whole_or_split_to_find_the_bad_row() {
    let refuse = |seen: &Seen| if seen.body.contains('3') { "422 No\r\n\r\n" } else { "200 OK\r\n\r\n" }.to_owned();
    let server = Server::start(refuse);
    let rows = [("", "1"), ("", "2"), ("", "3"), ("", "4"), ("", "5")];
    let whole = kit(&server, "/", &[("batch.format", "json-array")]).put(&delivery(0, &rows)).unwrap();
    assert_eq!(codes(&whole), [(0, "http-422"), (1, "http-422"), (2, "http-422"), (3, "http-422"), (4, "http-422")]);
    let more = [("batch.format", "json-array"), ("batch.split.on.error", "true")];
    assert_eq!(codes(&kit(&server, "/", &more).put(&delivery(0, &rows)).unwrap()), [(2, "http-422")]);
    assert_eq!(server.bodies()[1..], ["[1,2,3,4,5]", "[1,2]", "[3,4,5]", "[3]", "[4,5]"]);
}

#[test]
fn a_batch_is_not_split_for_what_splitting_does_not_help() {
    let server = Server::start(|_| "403 Forbidden\r\n\r\n".to_owned());
    let more = [("batch.format", "ndjson"), ("batch.split.on.error", "true")];
    assert_eq!(kit(&server, "/", &more).put(&delivery(0, &[("", "1"), ("", "2")])).unwrap().len(), 2);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_redirect_is_not_followed_and_says_where_to() {
    let elsewhere = Server::answers(&[]);
    let place = format!("307 Temporary Redirect\r\nLocation: http://{}/\r\n\r\n", elsewhere.address);
    let server = Server::start(move |_| place.clone());
    let rejections = kit(&server, "/", &[]).put_values(["x"]).unwrap();
    assert_eq!(codes(&rejections), [(0, "http-307")]);
    assert!(rejections[0].reason.contains(&elsewhere.address), "{}", rejections[0].reason);
    assert!(elsewhere.seen().is_empty());
}

#[test]
fn a_broken_connection_and_a_server_that_is_down_are_passing() {
    let server = Server::answers(&[""]);
    let mut kit_broken = kit(&server, "/p?secret=s", &[]);
    let failed = retry(kit_broken.put_values(["x"]));
    assert!(failed.reason.contains("/p") && !failed.reason.contains("secret"), "{}", failed.reason);
    kit_broken.put_values(["x"]).unwrap();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let mut down = kit_at(&format!("http://{free}/"), &[]);
    down.start().unwrap();
    assert_eq!(retry(down.put_values(["x"])).at_row, Some(0));
}

#[test]
fn a_long_answer_is_not_read_to_its_end() {
    let server = Server::start(|_| format!("500 Oops\r\nContent-Length: 100000000\r\n\r\n{}", "y".repeat(100_000)));
    let failed = retry(kit(&server, "/", &[]).put_values(["x"]));
    assert!(failed.reason.len() < 300, "{}", failed.reason.len());
}

#[test]
fn rows_that_do_not_fit_are_rejected_without_a_request() {
    let server = Server::answers(&[]);
    let more = [("http.headers", "X-Key: {key}"), ("batch.format", "json-array"), ("tombstones", "reject")];
    let rows = [("", "1"), ("a\r\nEvil: 1", "2"), ("..", "3"), ("ok", "no json"), ("ok", ""), ("ok", "6")];
    let rejections = kit(&server, "/{key}/x", &more).put(&delivery(0, &rows)).unwrap();
    let expected = [(0, "no-key"), (1, "bad-header"), (2, "bad-url"), (3, "not-json"), (4, "no-value")];
    assert_eq!(codes(&rejections), expected);
    assert_eq!((server.lines(), server.bodies()), (vec!["POST /ok/x".to_owned()], vec!["[6]".to_owned()]));
}

#[test]
fn tombstones_are_skipped_unless_told_otherwise() {
    let server = Server::answers(&[]);
    assert_eq!(kit(&server, "/", &[]).put(&delivery(0, &[("a", ""), ("b", "x")])).unwrap(), []);
    assert_eq!(server.bodies(), ["x"]);
}

#[test]
fn what_cannot_work_is_named_with_its_key() {
    let problem = |url: &str, more: &[(&str, &str)]| {
        kit_at(url, more).validate().first().map(|problem| problem.key.clone()).unwrap_or_default()
    };
    assert_eq!(problem("https://h/{key}?x={topic}", &[]), "");
    for url in [
        "h:80",
        "ftp://h/",
        "http://u:p@h/",
        "http://{key}/",
        "http://h:{key}/",
        "http://a.{topic}.b/",
        "http://h/{nothing}",
        "http://h/#f",
        "http://h/ü",
        "http://h/../x",
        "http://h/{key",
    ] {
        assert_eq!(problem(url, &[]), "http.url", "{url}");
    }
    for headers in ["no colon", "Host: x", "content-length: 5", "a b: c", "X: {nothing}", ": x", "Authorization: x"] {
        assert_eq!(problem("http://h", &[("http.headers", headers)]), "http.headers", "{headers}");
    }
    assert_eq!(problem("http://h", &[("http.auth", "basic")]), "http.auth.username");
    assert_eq!(problem("http://h", &[("http.auth", "bearer")]), "http.auth.token");
    assert_eq!(problem("http://h", &[("http.auth.token", "t")]), "http.auth.token");
    assert_eq!(problem("http://h", &[("http.timeout.ms", "60000")]), "http.timeout.ms");
    assert_eq!(problem("http://h", &[("batch.max.rows", "0")]), "batch.max.rows");
}
