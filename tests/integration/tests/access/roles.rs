//! Roles, and connectors by name.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wharf_integration::{Binary, Rest, Setup, Worker, wait_until};

use crate::caller::{bearer, token, with};

fn source(worker: &Worker) -> Value {
    json!({"connector.class": "file-source", "file": worker.path("in.txt"), "topic": "lines"})
}

/// `wharf run` of this worker on another address.
fn elsewhere(worker: &Worker, listen: &str) -> Command {
    let mut command = Command::new(Binary::Wharf.path());
    command.arg("run").arg("--data-dir").arg(worker.data_dir()).arg("--plugins-dir").arg(worker.plugins_dir());
    command.args(["--listen", listen]).env_remove("WHARF_CONFIG").env_remove("WHARF_LISTEN").stdin(Stdio::null());
    command
}

#[test]
fn without_an_entry_loopback_is_open_and_other_addresses_are_refused() {
    let mut worker = Setup::bare().start();
    worker.rest().get("/connectors").expect(200);
    assert!(worker.terminate().success());

    let refused = elsewhere(&worker, "0.0.0.0:0").output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("wharf token create") && said.contains("--insecure"), "{said}");

    let token = token(&worker, "ann", "read", "*");
    let port = worker.listen().rsplit(':').next().unwrap().to_owned();
    let mut child = elsewhere(&worker, &format!("0.0.0.0:{port}")).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let child = child.as_mut().unwrap();
    let rest = Rest::new(&format!("http://127.0.0.1:{port}"));
    wait_until("it is ready", || rest.try_send("GET", "/health", None).is_ok_and(|answer| answer.status == 200));
    let answers = [rest.get("/connectors").status, with(&worker, &bearer(&token), "GET", "/connectors", None).status];
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(answers, [401, 200]);
}

#[test]
fn each_role_may_what_it_is_for() {
    let worker = Worker::start();
    worker.create("c", source(&worker));
    let [reader, operator, admin] =
        ["read", "operate", "admin"].map(|role| bearer(&token(&worker, &format!("the-{role}"), role, "*")));

    let nobody = with(&worker, "", "GET", "/connectors", None).expect(401);
    assert_eq!(nobody.json["error_code"], 401);
    let schemes: Vec<_> = nobody.headers.get_all("www-authenticate").iter().map(|it| it.to_str().unwrap()).collect();
    assert_eq!(schemes, ["Bearer realm=\"wharf\"", "Basic realm=\"wharf\", charset=\"UTF-8\""]);
    with(&worker, "", "GET", "/health", None).expect(200);
    with(&worker, "", "GET", "/nosuch", None).expect(401);
    with(&worker, "Bearer wharf_x", "GET", "/", None).expect(401);

    with(&worker, &reader, "GET", "/connectors/c/status", None).expect(200);
    with(&worker, &reader, "GET", "/nosuch", None).expect(404);
    let refused = with(&worker, &reader, "PUT", "/connectors/c/pause", None).expect(403);
    assert_eq!(refused.message(), "this needs the role `operate`, and `the-read` has the role `read`");
    assert_eq!(worker.wharf(&["connector", "list"]).code, Some(4), "the CLI is nobody without a token");

    with(&worker, &operator, "PUT", "/connectors/c/pause", None).expect(202);
    with(&worker, &operator, "PUT", "/connectors/c/resume", None).expect(202);
    with(&worker, &operator, "POST", "/connectors/c/tasks/0/restart", None).expect(204);
    let config = source(&worker);
    let refused = with(&worker, &operator, "PUT", "/connectors/c/config", Some(&config)).expect(403);
    assert!(refused.message().contains("the role `admin`"), "{}", refused.message());
    with(&worker, &operator, "DELETE", "/connectors/c", None).expect(403);
    with(&worker, &operator, "DELETE", "/topics/lines", None).expect(403);

    with(&worker, &admin, "PUT", "/connectors/c/config", Some(&config)).expect(200);
    let listed = worker.wharf(&["connector", "list", "--token", admin.strip_prefix("Bearer ").unwrap()]).ok();
    assert!(listed.text().contains("file-source") || listed.text().contains('c'), "{}", listed.text());
    with(&worker, &admin, "DELETE", "/connectors/c", None).expect(204);
}

#[test]
fn a_principal_with_patterns_sees_and_touches_its_own_connectors_alone() {
    let worker = Worker::start();
    for name in ["pg-1", "other"] {
        worker.create(name, source(&worker));
    }
    let limited = bearer(&token(&worker, "pg", "admin", "pg-*,exact"));
    let ask = |method: &str, path: &str, body: Option<&Value>| with(&worker, &limited, method, path, body);

    assert_eq!(ask("GET", "/connectors", None).json, json!(["pg-1"]));
    let expanded = ask("GET", "/connectors?expand=status&expand=info", None).json;
    assert_eq!(expanded.as_object().unwrap().keys().collect::<Vec<_>>(), ["pg-1"]);
    ask("GET", "/connectors/pg-1", None).expect(200);
    for path in ["/connectors/other", "/connectors/other/config", "/connectors/no-such", "/connectors/%6Fther/status"] {
        let refused = ask("GET", path, None).expect(403);
        assert!(refused.message().contains("it may touch pg-*, exact"), "{}", refused.message());
    }
    ask("DELETE", "/connectors/other", None).expect(403);
    ask("PUT", "/connectors/new/config", Some(&source(&worker))).expect(403);
    let create = |name: &str| ask("POST", "/connectors", Some(&json!({"name": name, "config": source(&worker)})));
    create("new").expect(403);
    create(" other2 ").expect(403);
    create("pg-2").expect(201);
    create("exact").expect(201);
    for path in ["/topics", "/topics/lines/partitions/0/records", "/audit", "/metrics", "/plugins"] {
        let refused = ask("GET", path, None).expect(403);
        assert!(refused.message().contains("tells of all connectors"), "{path}: {}", refused.message());
    }
    ask("GET", "/connector-plugins", None).expect(200);
    assert_eq!(
        worker.status("other"),
        json!({"error_code": 401, "message": "this worker wants to know who you are: send a token (`Authorization: Bearer …`), or a name and password"})
    );
}

#[test]
fn a_token_that_is_revoked_is_nobodys_and_a_broken_file_changes_nothing() {
    let worker = Setup::bare().start();
    let (one, other) = (token(&worker, "one", "read", "*"), token(&worker, "other", "read", "*"));
    let file = worker.data_dir().join("access.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.contains(&one) && !text.contains(&other), "tokens are kept hashed");
    let data = worker.data_dir();
    let listed = worker.wharf(&["token", "list", "--data-dir", &data.to_string_lossy()]).ok().text();
    assert!(listed.contains("one") && listed.contains("other") && !listed.contains("wharf_"), "{listed}");

    worker.wharf(&["token", "revoke", "one", "--data-dir", &data.to_string_lossy()]).ok();
    worker.wait_until("the token is nobody's", || with(&worker, &bearer(&one), "GET", "/", None).status == 401);
    std::fs::write(&file, "[[entry]]\nname = 7").unwrap();
    worker.wait_until("the worker complains", || worker.log().contains("the file of tokens is wrong"));
    with(&worker, &bearer(&other), "GET", "/", None).expect(200);
    std::fs::remove_file(&file).unwrap();
    worker.wait_until("the worker complains again", || worker.log().contains("the file of tokens is gone"));
    with(&worker, &bearer(&other), "GET", "/", None).expect(200);
    with(&worker, "", "GET", "/", None).expect(401);
}
