//! The REST API answers as a Kafka Connect worker does: what one answered is in `golden/`, and is asked here again.

#![expect(clippy::panic, reason = "this is a test")]

use serde_json::Value;
use ureq::http::Request;
use wharf_integration::{DEADLINE, Worker, write};

/// Steps in which Wharf differs on purpose, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("duplicate with invalid config (which error wins)", NO_STDIN),
    ("missing required key (topic)", NO_STDIN),
    ("three errors at once", NO_STDIN),
    ("PUT invalid", NO_STDIN),
    ("numbers and booleans as config values keep their spelling", NO_STDIN),
    ("sink without topics", "Kafka Connect's file sink writes to its own output where `file` is not set"),
];

const NO_STDIN: &str = "Kafka Connect's file source reads its own input where `file` is not set; a plugin has none";

#[test]
fn the_root_and_health_answer_alike() {
    replay("root");
}

#[test]
fn creating_a_connector_answers_alike() {
    replay("create");
}

#[test]
fn listing_connectors_answers_alike() {
    replay("list");
}

#[test]
fn reading_and_changing_a_configuration_answers_alike() {
    replay("config");
}

#[test]
fn tasks_answer_alike() {
    replay("tasks");
}

#[test]
fn pausing_resuming_and_stopping_answers_alike() {
    replay("state");
}

#[test]
fn restarting_answers_alike() {
    replay("restart");
}

#[test]
fn unknown_paths_methods_and_media_types_answer_alike() {
    replay("http");
}

#[test]
fn every_difference_is_one_of_a_step_that_exists() {
    let steps: Vec<String> = cases().iter().map(|case| text(case, "step").to_owned()).collect();
    for (step, reason) in DIFFERENT {
        assert!(steps.iter().any(|known| known == step), "there is no step {step:?}");
        assert!(!reason.is_empty());
    }
}

fn cases() -> Vec<Value> {
    let lines = include_str!("../golden/kafka-connect.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

/// Makes the requests of a group and reports all answers that differ.
fn replay(group: &str) {
    let worker = Worker::start();
    let dir = worker.path("in.txt");
    write(&dir, "one\ntwo\nthree\n");
    let dir = dir.parent().unwrap_or(&dir).to_string_lossy().into_owned();
    let fill = |text: &str| text.replace("{base}", worker.rest().base()).replace("{dir}", &dir);
    let mut differences = Vec::new();
    let mut asked = 0;
    for case in cases().iter().filter(|case| text(case, "group") == group) {
        let case: Value = serde_json::from_str(&fill(&case.to_string())).unwrap_or_else(|error| panic!("{error}"));
        asked += 1;
        let difference =
            ask(&worker, &case).err().filter(|_| !DIFFERENT.iter().any(|(step, _)| *step == text(&case, "step")));
        differences.extend(difference.map(|how| format!("{}: {how}", text(&case, "step"))));
    }
    assert!(asked > 0, "there is no group {group}");
    assert!(differences.is_empty(), "{} of {asked} answers differ:\n{}", differences.len(), differences.join("\n"));
}

/// Makes one request, again and again where the case says so.
fn ask(worker: &Worker, case: &Value) -> Result<(), String> {
    let wait = case.get("wait") == Some(&Value::Bool(true));
    // A worker that never gets there must not hold up the other cases for the whole deadline.
    let deadline = std::time::Instant::now() + DEADLINE / 4;
    loop {
        match ask_once(worker, case) {
            Err(_) if wait && std::time::Instant::now() < deadline => {
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

fn ask_once(worker: &Worker, case: &Value) -> Result<(), String> {
    let uri = format!("{}{}", worker.rest().base(), text(case, "path"));
    let mut request = Request::builder().method(text(case, "method")).uri(uri);
    let headers = case.get("headers").and_then(Value::as_object);
    for (name, value) in headers.into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let body = case.get("body").and_then(Value::as_str);
    if body.is_some() && !headers.is_some_and(|headers| headers.contains_key("Content-Type")) {
        request = request.header("Content-Type", "application/json");
    }
    let answer = worker.rest().request(request, body.map(str::as_bytes)).map_err(|error| error.to_string())?;
    let status = case.get("status").and_then(Value::as_u64).unwrap_or_default();
    if u64::from(answer.status) != status {
        return Err(format!("{} instead of {status}: {}", answer.status, answer.text));
    }
    let location = text(case, "location");
    if answer.header("location") != location {
        return Err(format!("Location is {:?} instead of {location:?}", answer.header("location")));
    }
    let Some(expected) = case.get("answer") else {
        return if answer.text.is_empty() { Ok(()) } else { Err(format!("a body where none is due: {}", answer.text)) };
    };
    if !answer.header("content-type").starts_with("application/json") {
        return Err(format!("the content type is {:?}", answer.header("content-type")));
    }
    let mut actual = answer.json;
    if case.get("unordered") == Some(&Value::Bool(true))
        && let Some(items) = actual.as_array_mut()
    {
        let order: Vec<&Value> = expected.as_array().into_iter().flatten().collect();
        items.sort_by_key(|item| order.iter().position(|expected| *expected == item));
    }
    compare("$", expected, &actual)
}

fn compare(path: &str, expected: &Value, actual: &Value) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (key, value) in expected {
                let Some(found) = actual.get(key) else { return Err(format!("{path}.{key} is missing")) };
                compare(&format!("{path}.{key}"), value, found)?;
            }
            match actual.keys().find(|key| !expected.contains_key(*key)) {
                Some(key) => Err(format!("{path}.{key} should not be there")),
                None => Ok(()),
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            let mut pairs = expected.iter().zip(actual).enumerate();
            pairs.try_for_each(|(at, (expected, actual))| compare(&format!("{path}[{at}]"), expected, actual))
        }
        (Value::String(expected), Value::String(actual)) if matches(expected, actual) => Ok(()),
        (expected, actual) if expected == actual => Ok(()),
        _ => Err(format!("{path} is {actual} instead of {expected}")),
    }
}

fn matches(expected: &str, actual: &str) -> bool {
    match expected.strip_prefix("<contains>") {
        Some(part) => actual.contains(part),
        None => expected == actual || (expected == "<any>" && !actual.is_empty()),
    }
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case.get(key).and_then(Value::as_str).unwrap_or_default()
}
