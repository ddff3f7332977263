//! What callers send: anything, CloudEvents, GitHub.

use serde_json::json;

use crate::scene::{Scene, header};

#[test]
fn anything_is_a_row_with_the_key_and_the_headers_that_were_chosen() {
    let scene = Scene::new();
    scene.create("hook", "webhook-source", json!({"key.pointer": "/order/id", "headers": "X-Request-Id"}));
    let body = r#"{"order":{"id":42}}"#;
    scene.send("POST", "/ingest/hook/any/path?a=b", &[("X-Request-Id", "r-1")], body.as_bytes()).expect(204);
    let records = scene.records("hook", 0);
    assert_eq!((&records[0]["key"], &records[0]["value"]), (&json!("42"), &json!(body)));
    assert_eq!(header(&records[0], "x-request-id"), "r-1");
    let wrong = scene.post("/ingest/hook", "{}").expect(400);
    assert!(wrong.text.contains("/order/id"), "{}", wrong.text);
    scene.send("DELETE", "/ingest/hook", &[], b"").expect(405);
    assert_eq!(scene.records("hook", 0).len(), 1);
}

#[test]
fn cloudevents_come_in_three_forms() {
    let scene = Scene::new();
    scene.create("events", "webhook-source", json!({"format": "cloudevents"}));
    let post = |headers: &[(&str, &str)], body: &str| scene.send("POST", "/ingest/events", headers, body.as_bytes());

    let binary = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("content-type", "text/csv"),
    ];
    post(&binary, "a,b").expect(204);
    let event = |id: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{{}}}}"#);
    post(&[("content-type", "application/cloudevents+json")], &event("2")).expect(204);
    let batch = format!("[{},{}]", event("3"), event("4"));
    post(&[("content-type", "application/cloudevents-batch+json")], &batch).expect(204);

    let records = scene.records("events", 0);
    let keys: Vec<_> = records.iter().map(|record| record["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["1", "2", "3", "4"]);
    let values: Vec<_> = records.iter().map(|record| record["value"].as_str().unwrap().to_owned()).collect();
    assert_eq!(values, ["a,b".to_owned(), event("2"), event("3"), event("4")]);
    assert_eq!((header(&records[0], "ce_type"), header(&records[0], "content-type")), ("t".into(), "text/csv".into()));
    assert_eq!(header(&records[3], "ce_id"), "4");

    post(&binary[..3], "a").expect(400);
    let half = format!("[{},{{}}]", event("5"));
    let refused = post(&[("content-type", "application/cloudevents-batch+json")], &half).expect(400);
    assert!(refused.text.contains("event 1"), "{}", refused.text);
    assert_eq!(scene.records("events", 0).len(), 4, "of a batch with a bad event nothing is stored");
}

#[test]
fn a_delivery_of_github_is_stored_only_with_the_right_signature() {
    const BODY: &str = r#"{"action":"opened"}"#;
    /// HMAC-SHA256 of `BODY` with the secret below.
    const TAG: &str = "5ccdd8275f57d608741ad8390e42e8696ebfcd85607d9c2ef890769dda8f7568";
    let scene = Scene::new();
    let config = json!({"format": "github", "secret": "It's a Secret to Everybody", "ingest.auth": "none"});
    scene.create("github", "webhook-source", config);
    let deliver = |signature: &str, event: &str, body: &str| {
        let headers = [
            ("X-Hub-Signature-256", signature),
            ("X-GitHub-Event", event),
            ("X-GitHub-Delivery", "d-1"),
            ("Content-Type", "application/json"),
        ];
        scene.send("POST", "/ingest/github", &headers, body.as_bytes()).status
    };
    let right = format!("sha256={TAG}");
    assert_eq!(deliver(&right, "issues", BODY), 204);
    assert_eq!(deliver(&right, "ping", BODY), 200);
    assert_eq!(deliver(&right, "issues", r#"{"action":"closed"}"#), 401);
    assert_eq!(deliver(&format!("sha256={}", TAG.replace('5', "6")), "issues", BODY), 401);
    assert_eq!(deliver("", "issues", BODY), 401);
    scene.post("/ingest/github", BODY).expect(401);
    let records = scene.records("github", 0);
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!((&records[0]["key"], &records[0]["value"]), (&json!("d-1"), &json!(BODY)));
    assert_eq!(header(&records[0], "x-github-event"), "issues");
    assert!(!scene.worker.log().contains("Secret to Everybody"), "the secret is in the log");
}
