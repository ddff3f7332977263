//! Who is let in, and where.

use serde_json::json;
use wharf_integration::Setup;

use crate::scene::Scene;

#[test]
fn without_a_listener_a_webhook_connector_is_refused_with_what_to_write() {
    let worker = Setup::bare().plugin("webhook-source").start();
    let config = json!({"connector.class": "webhook-source", "topic": "t"});
    let answer = worker.rest().post("/connectors", &json!({"name": "hook", "config": config})).expect(400);
    assert!(answer.message().contains("listen = \"127.0.0.1:8090\""), "{}", answer.text);
    assert!(answer.message().contains("[ingest]"), "{}", answer.text);
}

#[test]
fn what_does_not_fit_together_is_refused_by_key() {
    let scene = Scene::with("max-body-bytes = 1000\nrequests-per-second = 10", "");
    let refused = |more: serde_json::Value| {
        let mut config = json!({"connector.class": "webhook-source", "topic": "t"});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        let body = json!({"name": "hook", "config": config});
        scene.worker.rest().post("/connectors", &body).expect(400).message().to_owned()
    };
    assert!(refused(json!({"ingest.auth": "bearer"})).contains("ingest.auth.token"));
    assert!(refused(json!({"ingest.auth.token": "hunter2"})).contains("write bearer or header"));
    let header = json!({"ingest.auth": "header", "ingest.auth.token": "hunter2"});
    assert!(refused(header.clone()).contains("ingest.auth.header"));
    assert!(!refused(header).contains("hunter2"));
    assert!(refused(json!({"ingest.auth": "basic"})).contains("none, bearer, header"));
    assert!(refused(json!({"ingest.max.body.bytes": "1001"})).contains("the worker allows 1000"));
    assert!(refused(json!({"ingest.requests.per.second": "11"})).contains("the worker allows 10"));
    assert!(refused(json!({"ingest.max.in.flight": "0"})).contains("at least 1"));
    assert!(refused(json!({"format": "github"})).contains("secret"));
}

#[test]
fn only_webhook_connectors_are_found_and_they_are_found_only_there() {
    let scene = Scene::new();
    scene.create("hook", "picky-webhook", json!({}));
    scene.worker.create_source("file", &scene.worker.path("in.txt"), "t");
    let unknown = scene.post("/ingest/nobody", "").expect(404);
    for path in ["/ingest/file", "/ingest/", "/ingest", "/", "/connectors", "/ingest/hook%ff"] {
        assert_eq!(scene.post(path, "").expect(404).text, unknown.text, "{path}");
    }
    scene.worker.rest().post("/ingest/hook", &json!({})).expect(404);
    let answer = scene.send("PROPFIND", "/ingest/hook", &[], b"").expect(405);
    assert_eq!(answer.header("allow"), "GET,HEAD,POST,PUT,PATCH,DELETE,OPTIONS");
}

#[test]
fn a_guest_sees_the_request_as_it_came_but_for_the_token_and_the_connection() {
    let scene = Scene::new();
    scene.create("hook", "picky-webhook", json!({"ingest.auth": "bearer", "ingest.auth.token": "hunter2"}));
    let headers = [("Authorization", "Bearer hunter2"), ("X-Some", "thing"), ("Connection", "close")];
    let path = "/ingest/hook/echo/a%2Fb?x=1&y=%20";
    let text = scene.send("PATCH", path, &headers, b"").expect(200).text;
    assert!(text.starts_with("PATCH /echo/a%2Fb x=1&y=%20 127.0.0.1:"), "{text}");
    assert!(text.contains("\nx-some: thing"), "{text}");
    assert!(!text.contains("hunter2") && !text.contains("connection"), "{text}");
}

#[test]
fn a_token_is_asked_for_and_stays_out_of_the_log() {
    let scene = Scene::with("", "");
    scene.create("bearer", "webhook-source", json!({"ingest.auth": "bearer", "ingest.auth.token": "hunter2"}));
    let config = json!({"ingest.auth": "header", "ingest.auth.header": "X-Token", "ingest.auth.token": "hunter3"});
    scene.create("header", "webhook-source", config);

    let refused = scene.post("/ingest/bearer", "no").expect(401);
    assert_eq!((refused.header("www-authenticate"), &refused.json["error_code"]), ("Bearer", &json!(401)));
    for value in ["Bearer hunter", "Bearer hunter22", "Basic hunter2", "hunter2", ""] {
        assert_eq!(scene.send("POST", "/ingest/bearer", &[("Authorization", value)], b"no").status, 401, "{value}");
    }
    scene.send("POST", "/ingest/bearer", &[("Authorization", "Bearer hunter2")], b"yes").expect(204);

    scene.send("POST", "/ingest/header", &[("Authorization", "Bearer hunter3")], b"no").expect(401);
    scene.send("POST", "/ingest/header", &[("X-Token", "hunter2")], b"no").expect(401);
    scene.send("POST", "/ingest/header", &[("x-token", "hunter3")], b"yes").expect(204);

    assert_eq!((scene.values("bearer"), scene.values("header")), (vec!["yes".to_owned()], vec!["yes".to_owned()]));
    assert!(!scene.worker.log().contains("hunter"), "a token is in the log");
}
