//! A secret is known to the plugin that it is given to, and seen nowhere else.

#![expect(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "this is a test")]

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use wharf_integration::{Setup, Worker, write};

const SETTINGS: &str = "\
[secrets]
file-roots = [\"{files}/secrets\"]
dir-roots = [\"{files}/secrets\"]
env-allow = [\"WHARF_TEST_*\"]
[connectors]
history = 3
[restart]
backoff-initial-ms = 1
backoff-max-ms = 20
max-failures = 3
";

const LITERAL: &str = "l1teral/Pass&w\u{f6}rd";
const FILE: &str = "from-the-f1le";
const ENV: &str = "from-the-env1ronment";
const DIR: &str = "from-the-d1rectory";
const URL: &str = "in-the-url-pa55";

/// What must not be found: the secrets, and the forms in which the fixture tells them.
const NOWHERE: &[&str] = &[
    LITERAL,
    "l1teral%2FPass%26w%C3%B6rd",
    FILE,
    ENV,
    DIR,
    URL,
    // In base64, as they stand behind the `me:` of basic authentication.
    "bDF0ZXJhbC9QYXNz",
    "ZnJvbS10aGUtZjFs",
];

fn worker() -> Worker {
    let setup = Setup::bare().plugin("hostile-source").plugin("file-source").config(SETTINGS);
    let mut worker = setup.env("WHARF_TEST_SECRET", ENV).env("WHARF_LOG", "debug").prepare();
    fs::create_dir(worker.path("secrets")).unwrap();
    write(&worker.path("secrets/db.properties"), format!("# a comment\npassword={FILE}\nport=8x\n"));
    write(&worker.path("secrets/token"), DIR);
    worker.start_again();
    worker
}

fn secrets(worker: &Worker) -> String {
    worker.path("secrets").display().to_string()
}

/// A connector that tells its secrets `when`, with one of each kind.
fn telling(worker: &Worker, when: &str) -> Value {
    let dir = secrets(worker);
    json!({
        "connector.class": "hostile-source", "mode": "tell", "where": when, "topic": format!("told-{when}"),
        "secret": LITERAL,
        "secret.text": format!("${{file:{dir}/db.properties:password}}+${{env:WHARF_TEST_SECRET}}+${{dir:{dir}:token}}"),
        "ops": format!("https://me:{URL}@example.com/"),
        "my.api.key": LITERAL,
    })
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

/// What the plugin can only write if it had them.
fn written(secret: &str) -> String {
    format!("{}\n{}\n", backwards(secret), backwards(&format!("{FILE}+{ENV}+{DIR}")))
}

fn wait_for_rows(worker: &Worker, topic: &str, rows: &str) {
    let exists = || worker.rest().get(&format!("/topics/{topic}")).status == 200;
    worker.wait_until("the plugin has shown that it knows its secrets", || {
        exists() && String::from_utf8_lossy(&worker.topic(topic)).contains(rows)
    });
}

#[track_caller]
fn assert_silent(place: &str, text: &[u8]) {
    for secret in NOWHERE {
        let found = text.windows(secret.len()).position(|window| window == secret.as_bytes());
        if let Some(at) = found {
            let around = &text[at.saturating_sub(200)..text.len().min(at + secret.len() + 50)];
            panic!("{place} shows {secret}: {}", String::from_utf8_lossy(around));
        }
    }
}

fn assert_files_silent(path: &Path, seen: &mut usize) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_files_silent(&path, seen);
        } else {
            // What is being replaced may be gone.
            let Ok(bytes) = fs::read(&path) else { continue };
            *seen += 1;
            assert_silent(&path.display().to_string(), &bytes);
        }
    }
}

/// Looks at everything that a worker shows or keeps.
#[track_caller]
fn assert_nowhere(worker: &Worker, connectors: &[String]) {
    let mut paths: Vec<String> = [
        "/",
        "/connectors",
        "/connectors?expand=info&expand=status",
        "/connector-plugins",
        "/metrics",
        "/audit?limit=1000",
        "/health",
        "/topics",
        "/openapi.json",
        "/admin/loggers",
        "/getClusterInfo",
    ]
    .map(str::to_owned)
    .into();
    for name in connectors {
        for part in [
            "",
            "/config",
            "/status",
            "/status?expand=details",
            "/tasks",
            "/tasks-config",
            "/tasks/0/status",
            "/tasks/0/status?expand=details",
            "/topics",
            "/offsets",
            "/progress",
            "/usage",
            "/config/versions",
            "/logs?limit=1000&level=trace",
        ] {
            paths.push(format!("/connectors/{name}{part}"));
        }
    }
    for path in paths {
        let answer = worker.rest().get(&path);
        let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}\n")).collect();
        assert_silent(&path, (headers + &answer.text).as_bytes());
    }
    assert_silent("the worker's log", worker.log().as_bytes());
    let mut files = 0;
    assert_files_silent(&worker.data_dir(), &mut files);
    assert!(files > 5, "the data directory was looked at");
}

#[test]
fn a_secret_is_told_to_the_plugin_and_to_nobody_else() {
    let mut worker = worker();
    let mut names = Vec::new();
    for (when, state) in [
        ("never", "RUNNING"),
        ("retry", "RUNNING"),
        ("fatal", "FAILED"),
        ("panic", "FAILED"),
        ("exit", "FAILED"),
        ("start", "FAILED"),
        ("tasks", ""),
    ] {
        let config = telling(&worker, when);
        let created = worker.rest().post("/connectors", &json!({"name": when, "config": config})).expect(201);
        assert_silent("the answer to a creation", created.text.as_bytes());
        assert_eq!(created.json["config"]["secret"], "[hidden]");
        if state.is_empty() {
            worker.wait_until("its work cannot be split", || worker.status(when)["connector"]["state"] == "FAILED");
        } else {
            let task = || worker.status(when).pointer("/tasks/0/state").cloned();
            worker.wait_until("it is where it should be", || task() == Some(json!(state)));
        }
        names.push(when.to_owned());
    }
    wait_for_rows(&worker, "told-never", &written(LITERAL));

    let retried = || worker.status("retry").pointer("/tasks/0/last_failure/message").cloned().unwrap_or_default();
    worker.wait_until("it has told it as a passing failure", || retried().is_string());
    assert_eq!(retried(), "I know [hidden], I know [hidden]+[hidden]+[hidden], ");
    for failed in ["fatal", "panic", "exit", "start"] {
        let trace = worker.status(failed).pointer("/tasks/0/trace").cloned().unwrap_or_default();
        assert!(trace.as_str().is_some_and(|it| it.contains("I know [hidden]")), "{failed}: {trace}");
    }
    let log = worker.log();
    assert!(log.contains("Authorization: Basic") && log.contains("I know [hidden]"), "the plugin did log");
    assert!(worker.rest().get("/metrics").text.contains("level_of"), "the plugin did count");

    // What is shown is what was written, but for what is hidden.
    let config = worker.rest().get("/connectors/never/config").json;
    let posted = telling(&worker, "never");
    assert_eq!(config["secret.text"], posted["secret.text"]);
    assert_eq!(config["ops"], "https://[hidden]@example.com/");
    assert_eq!((&config["my.api.key"], &config["secret"]), (&json!("[hidden]"), &json!("[hidden]")));
    let task = worker.rest().get("/connectors/never/tasks").json[0]["config"].clone();
    assert_eq!((&task["secret.text"], &task["secret"]), (&posted["secret.text"], &json!("[hidden]")));
    assert_eq!(task["derived"], "I know [hidden], I know [hidden]+[hidden]+[hidden], ");

    // Whatever is refused is refused without showing it.
    let dir = secrets(&worker);
    let mut wrong = telling(&worker, "validate");
    wrong["secret.number"] = json!(format!("${{file:{dir}/db.properties:port}}"));
    for (method, path, body) in [
        ("POST", "/connectors", json!({"name": "refused", "config": wrong})),
        ("PUT", "/connectors/never/config", wrong.clone()),
        ("PUT", "/connector-plugins/hostile-source/config/validate", wrong.clone()),
        ("PATCH", "/connectors/never/config", json!({"where": "validate"})),
        ("POST", "/connectors", json!({"name": "classless", "config": {"password": LITERAL, "aws.secret.key": FILE}})),
        ("POST", "/connectors", json!({"name": "stranger", "config": {"connector.class": "no", "password": LITERAL}})),
    ] {
        let answer = worker.rest().send(method, path, Some(body.to_string().as_bytes()));
        assert_silent(path, answer.text.as_bytes());
    }
    let refused = worker.rest().post("/connectors", &json!({"name": "refused", "config": wrong})).expect(400);
    assert!(refused.message().contains("I know [hidden]"), "{}", refused.message());
    let number = "Invalid value [hidden] for configuration secret.number: Not a number of type INT";
    assert!(refused.message().contains(number), "{}", refused.message());

    assert_nowhere(&worker, &names);
    // Nor after a crash, where all is read back from the disk.
    worker.kill();
    worker.start_again();
    worker.rest().put("/connectors/never/config", &telling(&worker, "again")).expect(200);
    wait_for_rows(&worker, "told-again", &written(LITERAL));
    assert_nowhere(&worker, &names);
    for name in &names {
        worker.rest().delete(&format!("/connectors/{name}")).expect(204);
    }
    worker.terminate();
    assert_silent("the worker's log", worker.log().as_bytes());
    assert_files_silent(&worker.data_dir(), &mut 0);
}

#[test]
fn a_configuration_that_was_shown_may_be_sent_back() {
    let worker = worker();
    worker.create("c", telling(&worker, "never"));
    wait_for_rows(&worker, "told-never", &written(LITERAL));
    let mut shown = worker.rest().get("/connectors/c/config").json;
    shown["topic"] = json!("moved");
    worker.rest().put("/connectors/c/config", &shown).expect(200);
    wait_for_rows(&worker, "moved", &written(LITERAL));
    let config = shown.clone();
    let refused = worker.rest().post("/connectors", &json!({"name": "c", "config": config}));
    assert_eq!(refused.status, 409, "{}", refused.text);
    shown["name"] = json!("new");
    let refused = worker.rest().post("/connectors", &json!({"name": "new", "config": shown})).expect(400);
    for key in ["secret", "my.api.key", "ops"] {
        let told = format!("{key}: [hidden] stands for the value that is stored, and none is stored");
        assert!(refused.message().contains(&told), "{}", refused.message());
    }
}

#[test]
fn placeholders_that_give_nothing_are_refused_with_key_and_placeholder() {
    let worker = worker();
    let dir = secrets(&worker);
    write(&worker.path("outside"), "password=x\n");
    for (placeholder, told) in [
        (format!("${{file:{dir}/none.properties:password}}"), "the file cannot be read"),
        (format!("${{file:{dir}/db.properties:none}}"), "the file has no key `none`"),
        (format!("${{file:{dir}/../outside:password}}"), "not below what `file-roots`"),
        (format!("${{dir:{}:store}}", worker.data_dir().display()), "the worker's own files"),
        ("${env:HOME}".to_owned(), "`env-allow` of [secrets]"),
        ("${vault:a:b}".to_owned(), "there is no config provider `vault`: there are file, dir and env"),
    ] {
        let config = json!({"connector.class": "hostile-source", "mode": "tell", "topic": "t", "secret": placeholder});
        let refused = worker.rest().post("/connectors", &json!({"name": "c", "config": config})).expect(400);
        let expected = format!("secret: {placeholder}: ");
        assert!(refused.message().contains(&expected) && refused.message().contains(told), "{}", refused.message());
    }
    worker.rest().get("/connectors/c").expect(404);
}

#[test]
fn a_value_that_changes_restarts_the_tasks_unless_told_not_to() {
    let worker = worker();
    let dir = secrets(&worker);
    let config = |topic: &str, reload: &str| {
        json!({"connector.class": "hostile-source", "mode": "tell", "topic": topic, "config.action.reload": reload,
            "secret": format!("${{dir:{dir}:token}}")})
    };
    worker.create("follows", config("follows", "restart"));
    worker.create("stays", config("stays", "none"));
    for topic in ["follows", "stays"] {
        wait_for_rows(&worker, topic, &format!("{}\n", backwards(DIR)));
    }
    // As Kubernetes does it: another file takes its place.
    write(&worker.path("secrets/next"), "r0tated-value");
    fs::rename(worker.path("secrets/next"), worker.path("secrets/token")).unwrap();
    wait_for_rows(&worker, "follows", &format!("{}\n", backwards("r0tated-value")));
    assert_eq!(worker.topic("stays"), format!("{}\n", backwards(DIR)).as_bytes());
    assert!(!worker.log().contains("r0tated-value"));
    // A restart of the connector takes what is there.
    worker.rest().post_empty("/connectors/stays/restart?includeTasks=true").expect(202);
    wait_for_rows(&worker, "stays", &format!("{}\n", backwards("r0tated-value")));
}

#[test]
fn configurations_are_remembered_and_come_back() {
    let mut worker = worker();
    worker.create("c", telling(&worker, "never"));
    let with = |secret: &str, topic: &str| {
        let mut config = telling(&worker, "never");
        config["secret"] = json!(secret);
        config["topic"] = json!(topic);
        config
    };
    let (second, third) = (with("another-s3cret", "second"), with("a-third-s3cret", "third"));
    worker.rest().put("/connectors/c/config", &second).expect(200);
    worker.rest().put("/connectors/c/config", &second).expect(200);
    worker.rest().put("/connectors/c/config", &third).expect(200);
    wait_for_rows(&worker, "third", &written("a-third-s3cret"));

    let history = worker.rest().get("/connectors/c/config/versions").expect(200).json;
    assert_eq!((&history["connector"], &history["current"]), (&json!("c"), &json!(3)));
    let versions = history["versions"].as_array().unwrap();
    let shown: Vec<_> = versions.iter().map(|it| (it["version"].clone(), it["config"]["topic"].clone())).collect();
    assert_eq!(shown, [(json!(3), json!("third")), (json!(2), json!("second")), (json!(1), json!("told-never"))]);
    assert!(versions.iter().all(|it| it["config"]["secret"] == "[hidden]" && it["by"] == ""));
    assert!(versions.iter().all(|it| it["at"].as_str().is_some_and(|at| at.ends_with('Z') && at.len() == 24)));

    worker.kill();
    worker.start_again();
    let back = worker.rest().post("/connectors/c/config/rollback", &json!({"version": 2})).expect(200).json;
    assert_eq!((&back["name"], &back["config"]["topic"]), (&json!("c"), &json!("second")));
    wait_for_rows(&worker, "second", &written("another-s3cret"));
    let history = worker.rest().get("/connectors/c/config/versions").json;
    let kept: Vec<_> = history["versions"].as_array().unwrap().iter().map(|it| it["version"].clone()).collect();
    assert_eq!((&history["current"], kept), (&json!(4), vec![json!(4), json!(3), json!(2)]));

    let unknown = worker.rest().post("/connectors/c/config/rollback", &json!({"version": 1})).expect(404);
    assert_eq!(unknown.message(), "Connector c has no version 1 of its configuration, only 4, 3, 2");
    worker.rest().get("/connectors/none/config/versions").expect(404);
    worker.rest().post("/connectors/none/config/rollback", &json!({"version": 1})).expect(404);
    worker.rest().post("/connectors/c/config/rollback", &json!({"version": "x"})).expect(400);

    worker.rest().delete("/connectors/c").expect(204);
    worker.create("c", telling(&worker, "never"));
    let history = worker.rest().get("/connectors/c/config/versions").json;
    assert_eq!((&history["current"], history["versions"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    assert_files_silent(&worker.data_dir(), &mut 0);
}

#[test]
fn without_its_key_a_connector_says_so_and_the_others_run() {
    let mut worker = worker();
    write(&worker.path("in"), "one\n");
    worker.create_source("open", &worker.path("in"), "lines");
    worker.create("sealed", telling(&worker, "never"));
    wait_for_rows(&worker, "told-never", &written(LITERAL));
    worker.kill();
    let key = worker.data_dir().join("secret.key");
    let kept = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    worker.start_again();
    worker.wait_for_state("open", "RUNNING");
    let status = worker.status("sealed");
    assert_eq!(status["connector"]["state"], "FAILED");
    let trace = status["connector"]["trace"].as_str().unwrap().to_owned();
    assert!(trace.contains("my.api.key, ops, secret cannot be opened") && trace.contains("`key-file`"), "{trace}");
    // It can be stopped and told its secrets anew; what was shown is not enough.
    let shown = worker.rest().get("/connectors/sealed/config").json;
    worker.rest().put("/connectors/sealed/config", &shown).expect(400);
    worker.rest().put_empty("/connectors/sealed/stop").expect(204);
    let mut mended = telling(&worker, "never");
    mended["topic"] = json!("mended");
    worker.rest().put("/connectors/sealed/config", &mended).expect(200);
    worker.rest().put_empty("/connectors/sealed/resume").expect(202);
    wait_for_rows(&worker, "mended", &written(LITERAL));
    // The version that only the old key opens cannot come back before that key does.
    worker.rest().post("/connectors/sealed/config/rollback", &json!({"version": 1})).expect(409);
    worker.kill();
    let other = fs::read(&key).unwrap();
    assert_ne!(kept, other);
    fs::write(&key, kept).unwrap();
    worker.start_again();
    worker.rest().post("/connectors/sealed/config/rollback", &json!({"version": 1})).expect(200);
    worker.wait_for_state("sealed", "RUNNING");
}
