//! What the audit tells of changes.

use serde_json::{Value, json};
use wharf_integration::{Worker, read};

use crate::caller::{bearer, token, with};

#[test]
fn every_change_is_told_with_who_what_before_and_after_and_no_secret() {
    let worker = Worker::start();
    let (plain, input) = (token(&worker, "ann", "admin", "*"), worker.path("in.txt"));
    let ann = bearer(&plain);
    let mut config = json!({"connector.class": "file-source", "file": input, "topic": "lines",
        "db.password": "hunter2-is-secret"});
    with(&worker, &ann, "POST", "/connectors", Some(&json!({"name": "c", "config": config}))).expect(201);
    config["topic"] = json!("rows");
    config["db.password"] = json!("hunter3-is-secret");
    with(&worker, &ann, "PUT", "/connectors/c/config", Some(&config)).expect(200);
    with(&worker, &ann, "PUT", "/connectors/c/pause", None).expect(202);
    with(&worker, &ann, "POST", "/connectors/c/restart?includeTasks=true", None).expect(202);
    with(&worker, &ann, "PUT", "/connectors/nosuch/pause", None).expect(404);
    with(&worker, &ann, "DELETE", "/connectors/c", None).expect(204);

    let told = with(&worker, &ann, "GET", "/audit?code=change", None).json;
    let told: Vec<Value> = told.as_array().unwrap().clone();
    let codes: Vec<_> = told.iter().map(|it| (it["code"].as_str().unwrap(), it["status"].as_u64().unwrap())).collect();
    let expected = [
        ("change.access.reload", 0),
        ("change.connector.create", 201),
        ("change.connector.config", 200),
        ("change.connector.pause", 202),
        ("change.connector.restart", 202),
        ("change.connector.pause", 404),
        ("change.connector.delete", 204),
    ];
    assert_eq!(codes, expected);
    assert_eq!(told[0]["after"]["ann"]["role"], "admin");
    for record in &told[1..] {
        assert_eq!(record["who"], "ann");
        assert!(record["from"].as_str().unwrap().starts_with("127.0.0.1:"), "{record}");
    }
    assert_eq!((&told[1]["connector"], &told[1]["after"]["topic"]), (&json!("c"), &json!("lines")));
    assert_eq!(told[1].get("before"), None);
    let (before, after) = (&told[2]["before"], &told[2]["after"]);
    assert_eq!((&before["topic"], &after["topic"]), (&json!("lines"), &json!("rows")));
    assert_eq!(after.get("file"), None, "what has not changed is not told");
    assert_eq!((told[2]["method"].as_str(), told[2]["path"].as_str()), (Some("PUT"), Some("/connectors/c/config")));
    assert_eq!(told[4]["path"], "/connectors/c/restart", "without its query");
    assert_eq!(told[6]["before"]["topic"], "rows");

    let printed = worker.wharf(&["audit", "--code", "change", "--token", &plain]).ok().text();
    assert!(printed.contains("change.connector.config c: PUT /connectors/c/config by ann: 200"), "{printed}");
    let file = worker.data_dir().join("audit.log");
    worker.wait_until("the file has them too", || {
        String::from_utf8_lossy(&read(&file)).contains("change.connector.delete")
    });
    let texts = [String::from_utf8_lossy(&read(&file)).into_owned(), worker.log(), printed, json!(told).to_string()];
    for secret in ["hunter2", "hunter3", plain.as_str()] {
        assert!(texts.iter().all(|text| !text.contains(secret)), "{secret} is told");
    }
}

#[test]
fn many_changes_in_a_moment_are_all_told() {
    let worker = Worker::start();
    worker.create("c", json!({"connector.class": "file-source", "file": worker.path("in.txt"), "topic": "lines"}));
    for _ in 0..30 {
        worker.rest().put_empty("/connectors/c/pause").expect(202);
    }
    let told = worker.rest().get("/audit?code=change.connector.pause&limit=1000").json;
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 30);
    assert!(told.iter().all(|record| record["who"] == "anonymous"));
}
