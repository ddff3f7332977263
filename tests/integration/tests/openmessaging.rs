//! OpenMessaging Connect's verbs: those of its REST API, and its quick start.

use serde_json::{Value, json};
use wharf_integration::{Setup, Worker, read, wait_until, write};

fn lines(worker: &Worker, name: &str) -> usize {
    String::from_utf8_lossy(&read(&worker.path(name))).lines().count()
}

#[test]
fn a_connector_lives_by_openmessaging_s_verbs() {
    let worker = Worker::start();
    let rest = worker.rest();
    write(&worker.path("in.txt"), "one\ntwo\n");
    let config = json!({"connector-class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
        "oms-driver-url": "oms:log:", "task-parallelism": "1", "file": worker.path("in.txt"), "topic": "t",
        "source-record-converter": "org.apache.kafka.connect.converters.ByteArrayConverter"});
    let created = rest.post("/connectors/c", &config).expect(201);
    assert_eq!((&created.json["name"], &created.json["type"]), (&json!("c"), &json!("source")));
    let sink = json!({"connector-class": "file-sink", "topics": "t", "file": worker.path("out.txt")});
    rest.post("/connectors/s", &sink).expect(201);
    wait_until("the rows are there", || worker.path("out.txt").is_file() && lines(&worker, "out.txt") == 2);
    assert_eq!(rest.get("/connectors/c").expect(200).json["config"]["connector-class"], config["connector-class"]);
    rest.put_empty("/connectors/c/pause").expect(202);
    wait_until("it is paused", || rest.get("/connectors/c/status").json["connector"]["state"] == "PAUSED");
    rest.put_empty("/connectors/c/resume").expect(202);
    rest.post_empty("/connectors/c/restart").expect(204);
    rest.delete("/connectors/c").expect(204);
    rest.get("/connectors/c").expect(404);
}

#[test]
fn the_workers_that_are_alive_are_listed_with_their_last_heartbeat() {
    let worker = Worker::start();
    let answer = worker.rest().get("/getClusterInfo").expect(200).json;
    let heartbeat = answer[worker.listen()].as_i64();
    assert!(heartbeat.is_some_and(|at| at > 1_700_000_000_000), "{answer}");
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(1));
}

/// `GET` with a configuration in the query, as the quick start writes it.
fn by_get(worker: &Worker, config: &Value) -> String {
    let encoded: String = config.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
    format!("/connectors/c?config={encoded}&worker={}", worker.listen())
}

#[test]
fn a_get_creates_nothing_unless_the_operator_asks_for_it() {
    let worker = Worker::start();
    let config = json!({"connector-class": "file-source", "file": worker.path("in.txt"), "topic": "t"});
    let answer = worker.rest().get(&by_get(&worker, &config)).expect(404);
    assert_eq!(answer.message(), "Connector c not found");
    assert_eq!(worker.rest().get("/connectors").json, json!([]));
}

#[test]
fn a_get_creates_a_connector_where_the_operator_asks_for_it_but_a_head_does_not() {
    let worker = Setup::new().config("[rest]\nopenmessaging-legacy = true\n").start();
    let rest = worker.rest();
    let config = json!({"connector-class": "file-source", "file": worker.path("in.txt"), "topic": "t"});
    rest.send("HEAD", &by_get(&worker, &config), None).expect(404);
    assert_eq!(rest.get(&by_get(&worker, &config)).expect(201).json["name"], "c");
    rest.get(&by_get(&worker, &config)).expect(409);
    assert_eq!(rest.get("/connectors/c").expect(200).json["config"]["topic"], "t");
}

#[test]
fn a_java_class_that_no_plugin_stands_in_for_is_told_which_plugins_there_are() {
    let worker = Worker::start();
    let config = json!({"connector-class": "io.openmessaging.mysql.connector.MysqlConnector",
        "oms-driver-url": "oms:rocketmq://localhost:9876/default:default", "mysqlPassword": "hunter2"});
    let answer = worker.rest().post("/connectors/m", &config).expect(400);
    for part in ["io.openmessaging.mysql.connector.MysqlConnector", "name='file-source'", "name='file-sink'"] {
        assert!(answer.message().contains(part), "{}", answer.message());
    }
    let answer = worker.rest().post("/connectors/m", &json!({"mysqlPassword": "hunter2"})).expect(400);
    assert!(!answer.message().contains("hunter2"), "{}", answer.message());
}

#[test]
fn topics_are_remembered_over_a_restart_and_may_be_reset_where_the_operator_lets_them() {
    let mut worker = Worker::start();
    write(&worker.path("in.txt"), "one\n");
    let config = json!({"connector.class": "file-source", "file": worker.path("in.txt"), "topic": "t"});
    worker.rest().post("/connectors", &json!({"name": "c", "config": config})).expect(201);
    let topics = |worker: &Worker| worker.rest().get("/connectors/c/topics").expect(200).json;
    wait_until("the topic is known", || topics(&worker) == json!({"c": {"topics": ["t"]}}));
    worker.rest().put_empty("/connectors/c/stop").expect(204);
    worker.terminate();
    worker.set_config("[topics]\nallow-reset = false\n");
    worker.start_again();
    assert_eq!(topics(&worker), json!({"c": {"topics": ["t"]}}));
    let refused = worker.rest().put_empty("/connectors/c/topics/reset").expect(403);
    assert_eq!(refused.message(), "Topic tracking reset is disabled.");
    worker.terminate();
    worker.set_config("[topics]\ntracking = false\n");
    worker.start_again();
    let refused = worker.rest().get("/connectors/c/topics").expect(403);
    assert_eq!(refused.message(), "Topic tracking is disabled.");
    worker.terminate();
    worker.set_config("");
    worker.start_again();
    worker.rest().put_empty("/connectors/c/topics/reset").expect(202);
    assert_eq!(topics(&worker), json!({"c": {"topics": []}}));
}
