//! A guest that fails, dies or answers what it must not.

use serde_json::{Value, json};

use crate::scene::Scene;

fn task(scene: &Scene) -> Value {
    scene.worker.status("hook")["tasks"][0].clone()
}

fn scene() -> Scene {
    let scene = Scene::with("", "[limits]\ncall-deadline-ms = 300\nmemory-mb = 64\noutput-mb = 16\n");
    scene.create("hook", "picky-webhook", json!({"restart.backoff.initial.ms": "10"}));
    scene
}

/// The request ends the instance with this class; a new one takes the next.
fn dies(scene: &Scene, path: &str, class: &str) {
    let answer = scene.post(&format!("/ingest/hook{path}"), "x").expect(500);
    assert!(!answer.text.contains("told to"), "strangers are told nothing of the inside: {}", answer.text);
    scene.worker.wait_until("it is noted", || task(scene)["last_failure"]["class"] == class);
    scene.wait_until_it_takes_requests("hook");
    scene.post("/ingest/hook/rows/2", "alive").expect(200);
}

#[test]
fn a_guest_that_dies_is_replaced_and_its_caller_told() {
    let scene = scene();
    dies(&scene, "/trap", "trap");
    dies(&scene, "/spin", "deadline-exceeded");
    dies(&scene, "/large/100000000", "memory-limit");
    dies(&scene, "/large/20000000", "output-limit");
    for status in ["/status/99", "/status/101", "/status/600"] {
        dies(&scene, status, "contract-violation");
    }
    assert_eq!(scene.values("hook"), vec!["alive"; 14]);
}

#[test]
fn headers_that_are_not_the_guests_to_set_are_left_out() {
    let scene = scene();
    let answer = scene.post("/ingest/hook/headers", "").expect(200);
    assert_eq!((answer.header("x-good"), answer.text.as_str()), ("yes", "hello"));
    for name in ["x-split", "x-injected", "transfer-encoding"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.header("content-length"), "5");
}

#[test]
fn any_final_status_goes_out_as_it_is() {
    let scene = scene();
    for status in [200_u16, 204, 302, 404, 418, 503, 599] {
        let answer = scene.post(&format!("/ingest/hook/status/{status}"), "");
        assert_eq!((answer.status, answer.text.as_str()), (status, ""));
    }
    assert_eq!(task(&scene)["last_failure"], Value::Null);
}

#[test]
fn a_guest_that_asks_for_patience_sends_its_caller_away_for_so_long() {
    let scene = scene();
    let answer = scene.post("/ingest/hook/retry", "").expect(503);
    assert_eq!(answer.header("retry-after"), "7");
    assert_eq!(task(&scene)["state"], "RUNNING");
    scene.post("/ingest/hook/rows/1", "x").expect(200);
}

#[test]
fn a_fatal_failure_ends_the_task_until_somebody_restarts_it() {
    let scene = scene();
    scene.post("/ingest/hook/fatal", "").expect(500);
    scene.worker.wait_until("it has failed", || task(&scene)["state"] == "FAILED");
    scene.post("/ingest/hook/rows/1", "x").expect(503);
    scene.worker.rest().post_empty("/connectors/hook/tasks/0/restart").expect(204);
    scene.wait_until_it_takes_requests("hook");
    scene.post("/ingest/hook/rows/1", "x").expect(200);
}
