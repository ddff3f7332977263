//! Callers with a credential.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use ureq::http::Request;
use wharf_integration::{Answer, Worker};

/// Makes a token with `wharf token create`, and waits until the worker knows it.
#[track_caller]
pub(crate) fn token(worker: &Worker, name: &str, role: &str, connectors: &str) -> String {
    let (data, readings) = (worker.data_dir(), readings(worker));
    let words = ["token", "create", name, "--role", role, "--connectors", connectors, "--data-dir"];
    let said = worker.wharf(&[&words[..], &[&data.to_string_lossy()]].concat()).ok();
    let token = said.text().trim().to_owned();
    assert!(token.starts_with("wharf_"), "{token}");
    wait_for_reading(worker, readings);
    token
}

/// How often the worker has read the file of tokens again.
fn readings(worker: &Worker) -> usize {
    worker.log().matches("the file of tokens was read again").count()
}

/// Asking instead would count as a failed attempt.
#[track_caller]
fn wait_for_reading(worker: &Worker, before: usize) {
    if worker.pid().is_some() {
        worker.wait_until("the file of tokens is read", || readings(worker) > before);
    }
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A request with this `Authorization`; none where it is empty.
#[track_caller]
pub(crate) fn with(worker: &Worker, authorization: &str, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let rest = worker.rest();
    let mut request = Request::builder().method(method).uri(format!("{}{path}", rest.base()));
    if !authorization.is_empty() {
        request = request.header("authorization", authorization);
    }
    let text = body.map(Value::to_string);
    if text.is_some() {
        request = request.header("content-type", "application/json");
    }
    rest.request(request, text.as_ref().map(String::as_bytes)).unwrap()
}

/// Sets a password with `wharf token password`.
#[track_caller]
pub(crate) fn password(worker: &Worker, name: &str, role: &str, password: &str) {
    let (data, readings) = (worker.data_dir(), readings(worker));
    let mut command = worker.command(&["token", "password", name, "--role", role]);
    command.arg("--data-dir").arg(data).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    wait_for_reading(worker, readings);
}
