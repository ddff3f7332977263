//! What commands ask a worker for: method, path and body, against a server that keeps what it is asked. What they print
//! of the answers is told by the shapes that Kafka Connect and docs give them.

#![expect(clippy::unwrap_used, reason = "a test may")]

use serde_json::{Value, json};
use wharf_integration::{HttpServer, Seen, Setup, Worker};

fn json_answer(body: &Value) -> String {
    format!("200 OK\r\nContent-Type: application/json\r\n\r\n{body}")
}

/// Runs `wharf` against a server that answers this, and gives back what it was asked and what was printed.
fn ask(worker: &Worker, answer: String, args: &[&str]) -> (Seen, String) {
    let server = HttpServer::start(move |_, _| answer.clone());
    let said = worker.wharf(&[&["--url", &server.url()], args].concat()).ok();
    (server.seen().first().unwrap().clone(), said.text())
}

#[test]
fn offsets_are_asked_for_set_and_reset() {
    let worker = Setup::bare().prepare();
    let offsets = json!({"offsets": [{"partition": {"filename": "/in"}, "offset": {"position": 7}}]});
    let (seen, said) = ask(&worker, json_answer(&offsets), &["connector", "offsets", "get", "a/b"]);
    assert_eq!(seen.line, "GET /connectors/a%2Fb/offsets");
    assert!(said.contains("{\"filename\":\"/in\"}") && said.contains("{\"position\":7}"), "{said}");

    let done = json_answer(&json!({"message": "altered"}));
    let set = ["connector", "offsets", "set", "c", "--partition", "{\"p\":1}", "--offset", "{\"o\":2}"];
    let (seen, said) = ask(&worker, done.clone(), &set);
    assert_eq!((seen.line.as_str(), said.as_str()), ("PATCH /connectors/c/offsets", "altered\n"));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body, json!({"offsets": [{"partition": {"p": 1}, "offset": {"o": 2}}]}));

    let file = worker.path("offsets.json");
    wharf_integration::write(&file, offsets.to_string());
    let file = file.to_string_lossy().into_owned();
    let (seen, _) = ask(&worker, done.clone(), &["connector", "offsets", "set", "c", "-f", &file]);
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), offsets);

    let (seen, _) = ask(&worker, done.clone(), &["connector", "offsets", "reset", "c"]);
    assert_eq!(seen.line, "DELETE /connectors/c/offsets");
    let (seen, _) = ask(&worker, done, &["connector", "offsets", "reset", "c", "--partition", "{\"p\":1}"]);
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body, json!({"offsets": [{"partition": {"p": 1}, "offset": null}]}));
    assert_eq!(worker.wharf(&["connector", "offsets", "reset", "c", "--partition", "[1]"]).code, Some(2));
}

#[test]
fn configurations_are_patched_listed_and_rolled_back() {
    let worker = Setup::bare().prepare();
    let info = json_answer(&json!({"name": "c", "config": {}, "tasks": [], "type": "source"}));
    let (seen, _) = ask(&worker, info.clone(), &["connector", "patch", "c", "a=1", "b-"]);
    assert_eq!(seen.line, "PATCH /connectors/c/config");
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), json!({"a": "1", "b": null}));
    let (seen, _) = ask(&worker, info, &["connector", "rollback", "c", "2"]);
    assert_eq!((seen.line.as_str(), seen.body.as_str()), ("POST /connectors/c/config/rollback", "{\"version\":2}"));
    let versions = json!({"connector": "c", "current": 2, "versions": [
        {"version": 2, "at": "2026-01-02T00:00:00Z", "by": "ann", "config": {"a": "2"}},
        {"version": 1, "at": "2026-01-01T00:00:00Z", "by": "", "config": {"a": "1"}}]});
    let (seen, said) = ask(&worker, json_answer(&versions), &["connector", "versions", "c"]);
    assert_eq!(seen.line, "GET /connectors/c/config/versions");
    assert!(said.contains("ann") && said.contains("~a"), "{said}");
}

#[test]
fn logs_and_records_are_read_as_they_come() {
    let worker = Setup::bare().prepare();
    let line = json!({"number": 7, "time": "T", "level": "WARN", "task": 0, "message": "hello", "fields": {"k": "v"}});
    let answer = json_answer(&json!({"lines": [line]}));
    let (seen, said) = ask(&worker, answer, &["connector", "logs", "c", "--level", "warn", "--task", "0", "-n", "5"]);
    assert_eq!(seen.line, "GET /connectors/c/logs?limit=5&level=warn&task=0");
    assert_eq!(said, "T WARN  0 hello k=v\n");

    // The first answer ends; the second refuses, which ends the command.
    let events = format!("200 OK\r\nContent-Type: text/event-stream\r\n\r\nid: 7\nevent: line\ndata: {line}\n\n");
    let server = HttpServer::start(move |_, before| match before {
        0 => events.clone(),
        _ => "404 Not Found\r\n\r\n{\"error_code\":404,\"message\":\"gone\"}".to_owned(),
    });
    let said = worker.wharf(&["--url", &server.url(), "connector", "logs", "c", "--follow"]);
    assert_eq!((said.code, said.text().as_str()), (Some(3), "T WARN  0 hello k=v\n"));
    let again = server.seen().get(1).unwrap().clone();
    assert!(again.headers.contains(&("last-event-id".to_owned(), "7".to_owned())), "{again:?}");

    let record =
        json!({"task": 0, "direction": "sink", "topic": "t", "partition": 0, "position": 3, "key": null, "value": "v"});
    let answer = format!("200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n{record}\n");
    let (seen, said) = ask(&worker, answer, &["connector", "inspect", "c", "--limit", "1", "--mask", "a,b"]);
    assert_eq!(seen.line, "GET /connectors/c/inspect?limit=1&seconds=30&mask=a%2Cb");
    assert_eq!(said, "0 sink t[0]@3 v\n");
}

#[test]
fn a_configuration_is_validated_by_key() {
    let worker = Setup::bare().prepare();
    let value = |errors: &[&str]| json!({"name": "topic", "value": null, "recommended_values": [], "errors": errors, "visible": true});
    let report = |errors: &[&str]| {
        json_answer(&json!({"name": "p", "error_count": errors.len(), "groups": [],
            "configs": [{"definition": {}, "value": value(errors)}]}))
    };
    let (seen, said) = ask(&worker, report(&[]), &["plugin", "validate", "p", "a=1"]);
    assert_eq!(seen.line, "PUT /connector-plugins/p/config/validate");
    assert_eq!(serde_json::from_str::<Value>(&seen.body).unwrap(), json!({"a": "1", "connector.class": "p"}));
    assert_eq!(said, "the configuration is valid\n");
    let wrong = report(&["it must be set"]);
    let server = HttpServer::start(move |_, _| wrong.clone());
    let said = worker.wharf(&["--url", &server.url(), "plugin", "validate", "p", "a=1"]);
    assert_eq!((said.code, said.text().as_str()), (Some(1), "topic: it must be set\n1 error\n"));
}

#[test]
fn loggers_and_workers_are_shown() {
    let worker = Setup::bare().prepare();
    let loggers = json_answer(&json!({"root": {"level": "INFO", "last_modified": null}}));
    let (seen, said) = ask(&worker, loggers, &["logger", "list"]);
    assert_eq!(seen.line, "GET /admin/loggers");
    assert!(said.contains("root") && said.contains("INFO"), "{said}");
    let (seen, _) = ask(&worker, json_answer(&json!(["a.b"])), &["logger", "set", "a.b", "debug"]);
    assert_eq!(
        (seen.line.as_str(), seen.body.as_str()),
        ("PUT /admin/loggers/a.b?scope=worker".replace("a.b", "a%2Eb").as_str(), "{\"level\":\"DEBUG\"}")
    );
    let (seen, _) = ask(&worker, json_answer(&json!({"workers": [{"id": "w", "heartbeat": "T"}]})), &["cluster"]);
    assert_eq!(seen.line, "GET /getClusterInfo");
    let (seen, said) = ask(&worker, "200 OK\r\n\r\nm 1\n".to_owned(), &["metrics"]);
    assert_eq!((seen.line.as_str(), said.as_str()), ("GET /metrics", "m 1\n"));
    let (seen, _) = ask(&worker, json_answer(&json!([])), &["plugin", "config", "p"]);
    assert_eq!(seen.line, "GET /connector-plugins/p/config");
}
