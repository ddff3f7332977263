//! A 2xx means that the rows are there, whatever happens next.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::scene::Scene;

#[test]
fn a_post_comes_back_with_2xx_when_its_row_can_be_read() {
    let scene = Scene::new();
    scene.create("hook", "webhook-source", json!({}));
    for number in 0..50 {
        let body = format!("row {number}");
        assert_eq!(scene.post("/ingest/hook", &body).status, 204);
        let records = scene.records("hook", number);
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!((&records[0]["position"], &records[0]["value"]), (&json!(number), &json!(body)));
    }
    let shown = scene.worker.rest().get("/connector-plugins").json;
    let found = shown.as_array().unwrap().iter().find(|it| it["class"] == "webhook-source").unwrap();
    assert_eq!(found["type"], "source");
    assert_eq!(scene.worker.status("hook")["type"], "source");
}

#[test]
fn several_tasks_share_the_requests() {
    let scene = Scene::new();
    scene.create("hook", "picky-webhook", json!({"tasks.max": "3"}));
    assert_eq!(scene.worker.status("hook")["tasks"].as_array().unwrap().len(), 3);
    // Three that take a while at the same time: no task has two of them, or the last would come second.
    thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| scene.post("/ingest/hook/sleep/300", "x").status)).collect();
        assert!(calls.into_iter().all(|call| call.join().unwrap() == 200));
    });
    assert_eq!(scene.records("hook", 0).len(), 3);
}

#[test]
fn a_kill_right_after_2xx_loses_nothing() {
    let mut scene = Scene::new();
    scene.create("hook", "webhook-source", json!({}));
    let (next, acknowledged) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    for round in 1..=5 {
        let (done, wanted) = (AtomicBool::new(false), round * 100);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !done.load(Ordering::Acquire) {
                        let number = next.fetch_add(1, Ordering::Relaxed).to_string();
                        let answer = scene.ingest.try_send("POST", "/ingest/hook", Some(number.as_bytes()));
                        match answer {
                            Ok(answer) if answer.status == 204 => acknowledged.lock().unwrap().push(number),
                            // Killed, or not up yet: the caller would send again.
                            _ => thread::sleep(Duration::from_millis(1)),
                        }
                    }
                });
            }
            let pid = scene.worker.pid().unwrap();
            scene.worker.wait_until("rows were acknowledged", || acknowledged.lock().unwrap().len() >= wanted);
            let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
            done.store(true, Ordering::Release);
        });
        scene.worker.wait_for_end();
        scene.worker.start_again();
        scene.wait_until_it_takes_requests("hook");
    }
    let stored: std::collections::BTreeSet<String> = scene.values("hook").into_iter().collect();
    let acknowledged = acknowledged.into_inner().unwrap();
    assert!(acknowledged.len() >= 500);
    let lost: Vec<_> = acknowledged.iter().filter(|number| !stored.contains(*number)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
}

#[test]
fn a_request_under_way_is_answered_when_the_worker_stops() {
    let mut scene = Scene::new();
    scene.create("hook", "picky-webhook", json!({}));
    let ingest = scene.ingest.clone();
    let calling = thread::spawn(move || ingest.send("POST", "/ingest/hook/sleep/500", Some(b"last")));
    scene.worker.wait_until("it is under way", || scene.worker.log().contains("sleeping"));
    assert!(scene.worker.terminate().success());
    assert_eq!(calling.join().unwrap().status, 200);
    assert_eq!(scene.worker.topic("hook"), b"last\n");
}

#[test]
fn rows_of_a_request_that_took_too_long_may_be_stored_all_the_same() {
    let scene = Scene::new();
    scene.create("hook", "picky-webhook", json!({"ingest.timeout.ms": "100"}));
    let answer = scene.post("/ingest/hook/sleep/600", "late").expect(504);
    assert!(answer.message().contains("may be stored"), "{}", answer.text);
    scene.worker.wait_until("it is stored", || scene.values("hook") == ["late"]);
}

#[test]
fn a_paused_or_stopped_connector_asks_to_come_again() {
    let scene = Scene::new();
    scene.create("hook", "webhook-source", json!({}));
    let rest = scene.worker.rest();
    rest.put_empty("/connectors/hook/pause").expect(202);
    scene.worker.wait_for_state("hook", "PAUSED");
    let answer = scene.post("/ingest/hook", "no").expect(503);
    assert_eq!((answer.header("retry-after"), &answer.json["error_code"]), ("1", &json!(503)));
    rest.put_empty("/connectors/hook/resume").expect(202);
    scene.wait_until_it_takes_requests("hook");
    scene.post("/ingest/hook", "yes").expect(204);
    rest.put_empty("/connectors/hook/stop").expect(204);
    scene.post("/ingest/hook", "no").expect(503);
    rest.put_empty("/connectors/hook/resume").expect(202);
    scene.wait_until_it_takes_requests("hook");
    assert_eq!(scene.values("hook"), ["yes"]);
    rest.delete("/connectors/hook").expect(204);
    scene.post("/ingest/hook", "no").expect(404);
}
