//! `wasi:http` outgoing.

use wharf_core::limits::TaskLimits;
use wharf_egress::Ceiling;

use super::{Names, open, servers, world};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nhi";
const REDIRECT: &str = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/latest\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_request_goes_to_the_host_that_is_named() {
    let (port, other) = (servers::http(OK).await, servers::http(OK).await);
    let world = world(open(), Names::new(&[("api.example", &[&["127.0.0.1"]])])).await;
    let seen = world
        .run(
            &format!("http://api.example:{port}/v1/{{topic}},127.0.0.1:{port}"),
            &[
                &format!("http:GET:http://api.example:{port}/v1/x?y"),
                &format!("http:POST:http://127.0.0.1:{port}/|authorization: Bearer x|accept-encoding: gzip|=body"),
                &format!("http:GET:http://127.0.0.1:{other}/"),
                &format!("http:GET:https://api.example:{port}/"),
                "http:GET:http://evil.example/",
                &format!("http:GET:http://api.example:{port}@evil.example/"),
            ],
        )
        .await;
    assert_eq!(seen[..2], ["ok 200 x-a=b hi", "ok 200 x-a=b hi"]);
    assert!(seen[2..].iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
    assert!(seen[2..5].iter().all(|seen| seen.contains("HttpRequestDenied")), "{seen:?}");
    let codes = world.codes();
    assert_eq!(codes[..3], ["egress.port", "egress.scheme", "egress.name"]);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_where_it_leads_is_judged_anew() {
    let port = servers::http(REDIRECT).await;
    let world = world(open(), Names::default()).await;
    let seen = world
        .run(
            &format!("127.0.0.1:{port}"),
            &[&format!("http:GET:http://127.0.0.1:{port}/"), "http:GET:http://169.254.169.254/latest"],
        )
        .await;
    assert_eq!(seen[0], "ok 302 location=http://169.254.169.254/latest");
    assert!(seen[1].contains("HttpRequestDenied"), "{seen:?}");
}

#[tokio::test]
async fn what_is_not_the_guests_to_say_is_refused() {
    let port = servers::http(OK).await;
    let world = world(open(), Names::default()).await;
    let url = format!("http://127.0.0.1:{port}");
    let lines: Vec<String> = [
        format!("GET:{url}/|host: evil.example"),
        format!("GET:{url}/|connection: upgrade"),
        format!("GET:{url}/|transfer-encoding: chunked"),
        format!("GET:{url}/|proxy-authorization: x"),
        format!("GET:{url}/|te: trailers"),
        format!("GET:{url}/|upgrade: websocket"),
        format!("GET:{url}/|x-a: b\\r\\nhost: evil"),
        format!("CONNECT:{url}/"),
        format!("TRACE:{url}/"),
        format!("GET:{url}/~http://evil.example/"),
        format!("GET:{url}/~a b"),
        format!("GET:ftp://127.0.0.1:{port}/"),
    ]
    .iter()
    .map(|line| format!("http:{line}"))
    .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let seen = world.run(&format!("127.0.0.1:{port}"), &lines).await;
    assert!(seen.iter().all(|seen| seen.starts_with("err ")), "{seen:?}");
}

#[tokio::test]
async fn a_name_that_turns_private_is_denied_over_https_too() {
    let (port, _) = servers::tls(OK).await;
    let rebind: &[&[&str]] = &[&["8.8.8.8"], &["127.0.0.1"]];
    let world = world(Ceiling::default(), Names::new(&[("rebind.example", rebind)])).await;
    let url = format!("https://rebind.example:{port}/");
    let seen = world.run(&url, &["lookup:rebind.example", &format!("http:GET:{url}")]).await;
    assert_eq!(seen[0], "ok 8.8.8.8");
    assert!(seen[1].contains("HttpRequestDenied"), "{seen:?}");
    assert_eq!(world.codes(), ["egress.range"]);
}

#[tokio::test]
async fn https_trusts_what_the_connector_names() {
    let (port, pem) = servers::tls(OK).await;
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, pem).unwrap();
    let url = format!("https://127.0.0.1:{port}/");
    let line = format!("http:GET:{url}");
    let world = world(open(), Names::default()).await;
    let trusting = [("target", url.as_str()), ("tls.ca.file", ca.to_str().unwrap())];
    assert_eq!(world.run_with(&trusting, TaskLimits::default(), &[&line]).await, ["ok 200 x-a=b hi"]);
    let seen = world.run(&url, &[&line]).await;
    assert!(seen[0].contains("Tls"), "{seen:?}");
}

#[tokio::test]
async fn requests_under_way_are_counted() {
    let port = servers::http("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi").await;
    let world = world(open(), Names::default()).await;
    let target = format!("127.0.0.1:{port}");
    let limits = TaskLimits { http_requests: Some(3), ..TaskLimits::default() };
    let lines = [format!("http-flood:100:http://{target}/"), format!("http-flood:3:http://{target}/")];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let seen = world.run_with(&[("target", &target)], limits, &lines).await;
    assert!(seen[0].starts_with("err 3 then ") && seen[0].contains("ConnectionLimitReached"), "{seen:?}");
    // The answers were dropped, and their places are free again.
    assert_eq!(seen[1], "ok 3");
    assert_eq!(world.codes(), ["egress.quota.requests"]);
}
