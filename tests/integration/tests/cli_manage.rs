//! Contexts, exit codes, completions, the manual, and the settings that a worker is told.

#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use serde_json::json;
use wharf_integration::{HttpServer, Said, Setup, Worker, write};

/// `wharf` with a home of its own and without `WHARF_URL`.
fn wharf(worker: &Worker, args: &[&str]) -> Said {
    wharf_with(worker, args, &[])
}

fn wharf_with(worker: &Worker, args: &[&str], env: &[(&str, &str)]) -> Said {
    let mut command = worker.command(args);
    command.env_remove("WHARF_URL").env("XDG_CONFIG_HOME", worker.path("home")).envs(env.iter().copied());
    let output = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Said { code: output.status.code(), stdout: output.stdout, stderr }
}

#[test]
fn a_context_names_a_worker() {
    let worker = Worker::start();
    let url = worker.rest().base().to_owned();
    assert!(wharf(&worker, &["context", "list"]).ok().text().contains("no contexts"));
    wharf(&worker, &["context", "set", "here", "--url", &url, "--token", "wharf_secret", "--use"]).ok();
    wharf(&worker, &["context", "set", "gone", "--url", "http://127.0.0.1:1"]).ok();
    wharf(&worker, &["connector", "list"]).ok();
    assert_eq!(wharf(&worker, &["context", "current"]).ok().text(), "here\n");
    let list = wharf(&worker, &["context", "list"]).ok().text();
    assert!(list.contains("here") && list.contains("token") && !list.contains("wharf_secret"), "{list}");
    assert_eq!(wharf(&worker, &["--context", "gone", "connector", "list"]).code, Some(5));
    assert_eq!(wharf_with(&worker, &["connector", "list"], &[("WHARF_CONTEXT", "gone")]).code, Some(5));
    let both = [("WHARF_CONTEXT", "gone"), ("WHARF_URL", url.as_str())];
    wharf_with(&worker, &["connector", "list"], &both).ok();
    let unknown = wharf(&worker, &["--context", "nope", "connector", "list"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("there are gone, here"), "{}", unknown.stderr);
    wharf(&worker, &["context", "use", "gone"]).ok();
    assert_eq!(wharf(&worker, &["connector", "list"]).code, Some(5));
    wharf(&worker, &["context", "delete", "gone"]).ok();
    assert_eq!(wharf(&worker, &["context", "current"]).code, Some(1));
    let contexts = worker.path("home").join("wharf").join("contexts.toml");
    let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(contexts).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_token_is_sent_to_the_worker_of_its_context_only() {
    let worker = Setup::bare().prepare();
    let server = HttpServer::start(|_, _| "200 OK\r\nContent-Type: application/json\r\n\r\n{}".to_owned());
    let url = server.url();
    wharf(&worker, &["context", "set", "a", "--url", &url, "--token", "wharf_secret", "--use"]).ok();
    wharf(&worker, &["connector", "list", "--json"]).ok();
    wharf(&worker, &["connector", "list", "--json", "--url", &url]).ok();
    let sent: Vec<bool> = server
        .seen()
        .iter()
        .map(|seen| seen.headers.iter().any(|(name, value)| name == "authorization" && value.contains("wharf_secret")))
        .collect();
    assert_eq!(sent, [true, false]);
}

#[test]
fn exit_codes_say_what_kind_of_failure_it_was() {
    let mut worker = Worker::start();
    assert_eq!(worker.wharf(&["connector", "list"]).code, Some(0));
    assert_eq!(worker.wharf(&["connector", "create", "c", "connector.class=file-source"]).code, Some(1));
    assert_eq!(worker.wharf(&["connector", "create", "c"]).code, Some(2));
    assert_eq!(worker.wharf(&["connector", "nonsense"]).code, Some(2));
    assert_eq!(worker.wharf(&["connector", "status", "nope"]).code, Some(3));
    assert_eq!(worker.wharf(&["connector", "delete", "nope"]).code, Some(3));
    worker.kill();
    assert_eq!(worker.wharf(&["connector", "list"]).code, Some(5));
    for (status, code) in [("401 Unauthorized", 4), ("403 Forbidden", 4), ("500 Internal Server Error", 1)] {
        let body = format!("{{\"error_code\":{},\"message\":\"no\"}}", status.split_once(' ').unwrap().0);
        let server = HttpServer::start(move |_, _| format!("{status}\r\n\r\n{body}"));
        let said = worker.wharf(&["--url", &server.url(), "connector", "list"]);
        assert_eq!((said.code, said.stderr.as_str()), (Some(code), "error: no\n"), "{status}");
    }
}

#[test]
fn a_worker_on_this_machine_is_asked_without_a_proxy() {
    let worker = Worker::start();
    // A proxy that accepts and never answers would be waited for.
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", proxy.local_addr().unwrap());
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let url = worker.rest().base().to_owned();
        wharf_with(&worker, &["--url", &url, "connector", "list"], &[(name, &proxy)]).ok();
        let url = url.replace("127.0.0.1", "localhost");
        wharf_with(&worker, &["--url", &url, "connector", "list"], &[(name, &proxy)]).ok();
    }
}

#[test]
fn another_worker_is_asked_through_the_proxy_that_is_set() {
    let worker = Setup::bare().prepare();
    let proxy = HttpServer::start(|_, _| "502 Bad Gateway\r\n\r\n".to_owned());
    let said = wharf_with(&worker, &["--url", "http://wharf.example:8083", "cluster"], &[("HTTP_PROXY", &proxy.url())]);
    assert_ne!(said.code, Some(0));
    let asked = proxy.seen();
    assert!(asked.iter().any(|seen| seen.line.contains("wharf.example:8083")), "{asked:?}");
}

#[test]
fn completions_are_taken_by_their_shells() {
    let worker = Setup::bare().prepare();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let text = worker.wharf(&["completions", shell]).ok().text();
        assert!(text.contains("wharf") && text.contains("rollback"), "{shell}: {text}");
    }
    let script = worker.path("wharf.bash");
    write(&script, worker.wharf(&["completions", "bash"]).ok().stdout);
    assert!(Command::new("bash").arg("-n").arg(&script).status().unwrap().success());
    // And they complete.
    let ask = "source \"$1\"; COMP_WORDS=(wharf connector roll); COMP_CWORD=2; _wharf wharf roll connector; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["--norc", "-c", ask, "bash"]).arg(&script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), "rollback", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_manual_has_a_page_for_every_command() {
    let worker = Setup::bare().prepare();
    let dir = worker.path("man");
    worker.wharf(&["man", &dir.to_string_lossy()]).ok();
    for page in ["wharf.1", "wharf-connector-offsets-set.1", "wharf-config-show.1"] {
        let text = fs::read_to_string(dir.join(page)).unwrap();
        assert!(text.contains(".SH SYNOPSIS"), "{page}: {text}");
    }
    assert!(worker.wharf(&["man"]).ok().text().contains("Exit codes"));
    let synopsis = fs::read_to_string(dir.join("wharf-connector-offsets-set.1")).unwrap();
    assert!(synopsis.contains("wharf connector offsets set") || synopsis.contains("wharf\\-connector\\-offsets\\-set"));
}

#[test]
fn settings_are_shown_with_where_they_come_from() {
    let worker = Setup::bare().config("listen = \"127.0.0.1:1\"\n[log]\nsegment-bytes = 2097152\n").prepare();
    let file = worker.path("../wharf.toml").to_string_lossy().into_owned();
    let env = [("WHARF_PLUGINS_DIR", "/env")];
    let said = wharf_with(&worker, &["config", "show", "--json", "--config", &file, "--data-dir", "/flag"], &env).ok();
    let all = said.json();
    let find = |key: &str| all.as_array().unwrap().iter().find(|row| row["key"] == key).unwrap().clone();
    assert_eq!(
        (find("data-dir")["value"].clone(), find("data-dir")["from"].clone()),
        (json!("/flag"), json!("--data-dir"))
    );
    assert_eq!(find("plugins-dir")["from"], "WHARF_PLUGINS_DIR");
    assert_eq!(
        (find("log.segment-bytes")["value"].clone(), find("log.segment-bytes")["unit"].clone()),
        (json!(2097152), json!("bytes"))
    );
    assert_eq!(find("log.segment-bytes")["from"], json!(file));
    assert_eq!(find("tasks.max-in-flight")["from"], "default");
    let text = worker.wharf(&["config", "show", "log", "--config", &file]).ok().text();
    assert!(text.contains("log.segment-bytes") && !text.contains("tasks."), "{text}");
    assert!(worker.wharf(&["config", "show", "--markdown"]).ok().text().contains("| `max-in-flight` |"));
}

#[test]
fn settings_are_checked_without_a_worker() {
    let worker = Setup::bare().prepare();
    let file = worker.path("w.toml");
    write(&file, "lisen = 1\n[log]\nsegment-bytes = 1\n[tasks]\nmax-in-flight = 0\n");
    let said = worker.wharf(&["config", "check", &file.to_string_lossy()]);
    assert_eq!(said.code, Some(1));
    for expected in ["`listen`", "`log.segment-bytes` is 1", "`tasks.max-in-flight` is 0"] {
        assert!(said.text().contains(expected), "{}", said.text());
    }
    write(&file, "[tasks]\nmax-in-flight = 1\n");
    worker.wharf(&["config", "check", &file.to_string_lossy()]).ok();
}
