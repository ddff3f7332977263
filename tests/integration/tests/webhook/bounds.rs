//! However much comes, and however slowly, it is bounded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::scene::Scene;

#[test]
fn a_body_over_the_limit_is_refused_and_the_connection_lives() {
    let scene = Scene::with("max-body-bytes = 2000", "");
    scene.create("hook", "webhook-source", json!({"ingest.max.body.bytes": "1000"}));
    scene.post("/ingest/hook", &"x".repeat(1000)).expect(204);
    let answer = scene.post("/ingest/hook", &"x".repeat(1001)).expect(413);
    assert!(answer.message().contains("1000 bytes"), "{}", answer.text);
    // Chunked, so that nothing is announced.
    let mut socket = TcpStream::connect(&scene.address).unwrap();
    let chunk = format!("400\r\n{}\r\n", "x".repeat(0x400));
    write!(socket, "POST /ingest/hook HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n")
        .unwrap();
    assert_eq!(status(&mut socket), "413");
    assert_eq!(scene.records("hook", 0).len(), 1);
}

#[test]
fn slow_headers_and_slow_bodies_are_cut() {
    let scene = Scene::with("header-timeout-ms = 300\nbody-timeout-ms = 300", "");
    scene.create("hook", "webhook-source", json!({}));
    let mut idle = TcpStream::connect(&scene.address).unwrap();
    let mut headers = TcpStream::connect(&scene.address).unwrap();
    headers.write_all(b"POST /ingest/hook HTTP/1.1\r\nhost: x\r\nx-").unwrap();
    let mut body = TcpStream::connect(&scene.address).unwrap();
    body.write_all(b"POST /ingest/hook HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nxxx").unwrap();
    assert_eq!(status(&mut body), "408");
    assert_eq!((status(&mut headers), status(&mut idle)), (String::new(), String::new()), "closed without an answer");
    scene.post("/ingest/hook", "in time").expect(204);
    assert_eq!(scene.values("hook"), ["in time"]);
}

#[test]
fn too_many_or_too_large_headers_are_refused() {
    let scene = Scene::new();
    scene.create("hook", "webhook-source", json!({}));
    let try_headers = |headers: String| {
        let mut socket = TcpStream::connect(&scene.address).unwrap();
        // The worker may have answered and closed before all is written.
        write!(socket, "POST /ingest/hook HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n{headers}\r\n").ok();
        status(&mut socket)
    };
    assert_eq!(try_headers(String::new()), "204");
    assert_eq!(try_headers((0..100).map(|n| format!("x-{n}: y\r\n")).collect()), "431");
    assert_eq!(try_headers(format!("x: {}\r\n", "y".repeat(40_000))), "431");
    assert_eq!(try_headers("content-length: 5\r\ntransfer-encoding: chunked\r\n".to_owned()), "400");
    assert_eq!(try_headers("bad header\r\n".to_owned()), "400");
}

#[test]
fn more_requests_in_a_second_than_allowed_are_told_when_to_come() {
    let scene = Scene::with("requests-per-second = 100", "");
    scene.create("hook", "webhook-source", json!({"ingest.requests.per.second": "2"}));
    let answers: Vec<_> = (0..10).map(|_| scene.post("/ingest/hook", "x")).collect();
    let stored = answers.iter().filter(|answer| answer.status == 204).count();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(stored + refused.len(), 10);
    assert!(!refused.is_empty() && refused.iter().all(|answer| answer.header("retry-after") == "1"));
    assert_eq!(scene.records("hook", 0).len(), stored);
}

#[test]
fn a_flood_against_a_slow_guest_is_turned_away_and_not_kept_in_memory() {
    const CALLERS: usize = 48;
    const BODY: usize = 1 << 20;
    let scene = Scene::new();
    scene.create("slow", "picky-webhook", json!({"ingest.max.in.flight": "4"}));
    let body = "x".repeat(BODY);
    let before = resident(&scene);
    let statuses: Vec<u16> = thread::scope(|scope| {
        let calls: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (scene, body) = (&scene, &body);
                scope.spawn(move || {
                    let all = (0..4).map(|_| scene.post("/ingest/slow/sleep/20", body).status);
                    all.collect::<Vec<_>>()
                })
            })
            .collect();
        scene.worker.rest().get("/health").expect(200);
        calls.into_iter().flat_map(|call| call.join().unwrap()).collect()
    });
    let taken = statuses.iter().filter(|status| **status == 200).count();
    let refused = statuses.iter().filter(|status| [429, 503].contains(*status)).count();
    assert_eq!(taken + refused, CALLERS * 4, "{statuses:?}");
    assert!(taken > 0 && refused > 0, "{taken} were taken and {refused} turned away");
    // Four bodies at a time, some copies of each, and the log's own buffers; not the 192 MiB that came.
    let grown = resident(&scene).saturating_sub(before);
    assert!(grown < 96 << 20, "the worker grew by {} MiB", grown >> 20);
    scene.post("/ingest/slow/rows/1", "after").expect(200);
    let info = scene.worker.rest().get("/topics/slow").json;
    assert_eq!(info["partitions"][0]["end"], taken + 1, "a row for each 200, and no other: {info}");
}

#[test]
fn connections_over_the_limit_wait_for_their_turn() {
    let scene = Scene::with("max-connections = 2\nheader-timeout-ms = 500", "");
    scene.create("hook", "webhook-source", json!({}));
    // These take the places until their time is over.
    let held: Vec<_> = (0..2).map(|_| TcpStream::connect(&scene.address).unwrap()).collect();
    scene.post("/ingest/hook", "waited").expect(204);
    drop(held);
    assert_eq!(scene.values("hook"), ["waited"]);
}

/// The most memory that the worker had so far, in bytes.
fn resident(scene: &Scene) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", scene.worker.pid().unwrap())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

/// The status that is answered on a socket; empty where it was closed without.
fn status(socket: &mut TcpStream) -> String {
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    while !answer.ends_with(b"\r\n") && !answer.windows(2).any(|pair| pair == b"\r\n") {
        match socket.read(&mut part) {
            Ok(0) | Err(_) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    text.split(' ').nth(1).unwrap_or_default().to_owned()
}
