//! Requests, ordinary and odd.

use bytes::Bytes;
use wharf_core::Failure;
use wharf_core::plugin::{WebhookRequest, WebhookResponse};

use crate::bench::{Bench, describe};
use crate::check::{Found, Step};

fn request(method: &str, path: &str, body: impl Into<Bytes>) -> WebhookRequest {
    WebhookRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        query: String::new(),
        headers: Vec::new(),
        body: body.into(),
        peer: "127.0.0.1:50000".to_owned(),
    }
}

fn header(name: &str, value: impl Into<Bytes>) -> (String, Bytes) {
    (name.to_owned(), value.into())
}

fn judge(found: &mut Found, what: &str, response: &WebhookResponse) {
    if !(200..=599).contains(&response.status) {
        found.fail(format!("{what}: the answer has status {}: give one from 200 to 599", response.status));
    }
    for (name, value) in &response.headers {
        let is_name = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
        if !is_name || value.iter().any(|byte| matches!(byte, 0 | b'\r' | b'\n')) {
            found.fail(format!("{what}: the answer has a header that cannot be sent, {name:?}"));
        }
    }
}

/// Each request to the same instance, which must live on; a plain one at the end.
async fn all(bench: &Bench, found: &mut Found, requests: Vec<(&str, WebhookRequest)>) -> Step {
    let (mut task, allowed) = (bench.webhook().await?, bench.options.call_deadline);
    let plain = ("an ordinary request", request("POST", "/", r#"{"id":1}"#));
    for (what, request) in requests.into_iter().chain([plain]) {
        let answer = bench.survives("handle", allowed, task.handle(request)).await;
        match answer.map_err(|reason| format!("{what}: {reason}"))? {
            Ok(handled) => {
                judge(found, what, &handled.response);
                handled.batch.check().map_err(|error| format!("{what}: the batch does not fit: {error}"))?;
            }
            // The caller is told to come again, which it may never stop doing.
            Err(failure @ Failure::Retriable(_)) => {
                found.warn(format!("{what}: `handle` failed ({}): is it worth trying again?", describe(&failure)));
            }
            Err(failure) => found.fail(format!(
                "{what}: `handle` failed ({}): answer with a status, the caller is waiting",
                describe(&failure)
            )),
        }
    }
    bench.must("on-stop", allowed, task.stop()).await
}

pub(crate) async fn answers(bench: &Bench, found: &mut Found) -> Step {
    let mut json = request("POST", "/", r#"{"id":1}"#);
    json.headers.push(header("content-type", "application/json"));
    let mut query = request("POST", "/a/b", "text");
    query.query = "a=1&b=%20".to_owned();
    all(bench, found, vec![("a JSON body", json.clone()), ("the same again", json), ("a path and a query", query)])
        .await
}

pub(crate) async fn empty(bench: &Bench, found: &mut Found) -> Step {
    let nothing = WebhookRequest { peer: "127.0.0.1:50000".to_owned(), ..WebhookRequest::default() };
    all(bench, found, vec![("no body", request("POST", "/", "")), ("nothing at all", nothing)]).await
}

pub(crate) async fn methods(bench: &Bench, found: &mut Found) -> Step {
    let methods = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW", "post", ""];
    let requests = methods.iter().map(|method| ("an unusual method", request(method, "/", "{}")));
    all(bench, found, requests.collect()).await
}

pub(crate) async fn headers(bench: &Bench, found: &mut Found) -> Step {
    let mut huge = request("POST", "/", "{}");
    huge.headers.push(header("x-huge", vec![b'x'; 64 << 10]));
    let mut many = request("POST", "/", "{}");
    many.headers.extend((0..1000).map(|number| header("x-many", number.to_string())));
    let mut odd = request("POST", "/", "{}");
    odd.headers = vec![
        header("content-type", vec![0xff, 0xfe]),
        header("content-length", "-1"),
        header("authorization", "Bearer"),
        header("ce-id", ""),
        header("x-hub-signature-256", "sha256=zz"),
        header("", ""),
    ];
    all(bench, found, vec![("a header of 64 KiB", huge), ("1,000 headers", many), ("odd headers", odd)]).await
}

pub(crate) async fn bodies(bench: &Bench, found: &mut Found) -> Step {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let deep = [b"[".repeat(10_000), b"]".repeat(10_000)].concat();
    let as_json = |body: Vec<u8>| {
        let mut request = request("POST", "/", body);
        request.headers.push(header("content-type", "application/json"));
        request
    };
    let requests = vec![
        ("a binary body", request("POST", "/", all_bytes.clone())),
        ("a binary body that says it is JSON", as_json(all_bytes)),
        ("JSON that is cut", as_json(b"{\"a\":[".to_vec())),
        ("JSON of 10,000 levels", as_json(deep)),
        ("a body of 1 MiB", request("POST", "/", vec![b'x'; 1 << 20])),
    ];
    all(bench, found, requests).await
}

pub(crate) async fn paths(bench: &Bench, found: &mut Found) -> Step {
    let long = format!("/{}", "a/".repeat(4000));
    let paths = ["/../../etc/passwd", "", "//", "/%00", "/\u{1b}[31m", "/ünïcode", long.as_str()];
    let requests = paths.iter().map(|path| ("an odd path", request("POST", path, "{}")));
    all(bench, found, requests.collect()).await
}
