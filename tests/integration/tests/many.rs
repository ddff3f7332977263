//! A thousand connectors on one worker.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "this is a test")]

use std::thread;

use serde_json::{Value, json};
use wharf_integration::{Rest, Setup};

const CONNECTORS: usize = 1000;
const CLIENTS: usize = 16;

fn name(number: usize) -> String {
    format!("c{number:04}")
}

/// Does something for each connector, by some clients at once.
fn each(rest: &Rest, what: fn(&Rest, usize)) {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let rest = rest.clone();
            thread::spawn(move || (client..CONNECTORS).step_by(CLIENTS).for_each(|number| what(&rest, number)))
        })
        .collect();
    clients.into_iter().for_each(|client| client.join().unwrap());
}

fn create(rest: &Rest, number: usize) {
    let config = json!({"connector.class": "generator-source", "topic": "many", "rows.per.second": 1, "size": 1});
    rest.post("/connectors", &json!({"name": name(number), "config": config})).expect(201);
}

fn is_whole(number: usize, shown: &Value) -> bool {
    let (status, info) = (&shown["status"], &shown["info"]);
    let name = name(number);
    status["name"] == name.as_str()
        && status["connector"]["state"] == "RUNNING"
        && status["tasks"].as_array().is_some_and(|tasks| tasks.len() == 1)
        && status["tasks"][0]["state"] == "RUNNING"
        && info["name"] == name.as_str()
        && info["type"] == "source"
        && info["config"]["connector.class"] == "generator-source"
        && info["tasks"] == json!([{"connector": name, "task": 0}])
}

#[test]
fn a_thousand_connectors_are_shown_in_one_answer_and_all_of_them_go() {
    let worker = Setup::bare().plugin("generator-source").start();
    each(worker.rest(), create);
    worker.wait_until("one answer shows all of them at work", || {
        let all = worker.rest().get("/connectors?expand=status&expand=info").expect(200).json;
        let shown = all.as_object().unwrap();
        shown.len() == CONNECTORS && (0..CONNECTORS).all(|number| is_whole(number, &shown[&name(number)]))
    });
    let names: Vec<String> = (0..CONNECTORS).map(name).collect();
    assert_eq!(worker.rest().get("/connectors").json, json!(names));
    each(worker.rest(), |rest, number| drop(rest.delete(&format!("/connectors/{}", name(number))).expect(204)));
    assert_eq!(worker.rest().get("/connectors?expand=status&expand=info").json, json!({}));
}
