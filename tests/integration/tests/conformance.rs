//! The conformance kit on real components: what ships with Wharf passes, what misbehaves fails where it does.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail like a test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wharf_integration::{Binary, component, write};

/// How `wharf plugin test` ended: exit code, and the report where there is one.
fn test(file: &Path, config: Option<&Value>, more: &[&str]) -> (i32, Value, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(Binary::Wharf.path());
    command.args(["plugin", "test", "--json"]).arg(file).args(more).stdin(Stdio::null());
    if let Some(config) = config {
        let path = dir.path().join("config.json");
        write(&path, config.to_string());
        command.arg("--config").arg(path);
    }
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (output.status.code().unwrap(), report, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The checks of a report that ended so.
fn ids(report: &Value, status: &str) -> BTreeSet<String> {
    let checks = report.get("checks").and_then(Value::as_array).unwrap_or_else(|| panic!("no report: {report}"));
    let ended = checks.iter().filter(|check| check.get("status").unwrap() == status);
    ended.map(|check| check.get("id").unwrap().as_str().unwrap().to_owned()).collect()
}

/// A configuration with which each plugin that ships with Wharf can be tested on any machine. `None`: it wants a server that
/// is not there, and only what needs no configuration is checked here; its own tests do the rest.
fn first_party(name: &str, dir: &Path, url: &str) -> Option<Value> {
    let file = |name: &str| dir.join(name).to_string_lossy().into_owned();
    match name {
        "file-source" => {
            let lines: String = (0..2000).map(|line| format!("line {line}\n")).collect();
            write(&dir.join("in.txt"), lines + "a last line without an end");
            Some(json!({"file": file("in.txt"), "topic": "t"}))
        }
        "file-sink" => Some(json!({"file": file("out.txt")})),
        "generator-source" => Some(json!({"topic": "t", "count": 500, "key.space": 3, "headers": 2})),
        "blackhole-sink" => Some(json!({})),
        "http-sink" => Some(json!({"http.url": format!("{url}/rows"), "batch.format": "json-array"})),
        "webhook-source" => Some(json!({"topic": "t"})),
        "redis-source" | "redis-sink" => None,
        other => panic!("{other} has no configuration here: add one to `first_party`"),
    }
}

/// Answers every request with 200, as long as the test runs.
fn server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut reader, mut to) = (BufReader::new(stream.try_clone().unwrap()), stream);
                loop {
                    let (mut line, mut length) = (String::new(), 0_u64);
                    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                        let lower = line.to_ascii_lowercase();
                        length = lower.strip_prefix("content-length:").map_or(length, |it| it.trim().parse().unwrap());
                        line.clear();
                    }
                    let body = std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink());
                    let answer = to.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                    if line.is_empty() || body.is_err() || answer.is_err() {
                        break;
                    }
                }
            });
        }
    });
    url
}

#[test]
fn all_plugins_that_ship_with_wharf_pass() {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/dist");
    let (mut tested, url) = (0, server());
    for entry in
        fs::read_dir(&dist).unwrap_or_else(|error| panic!("{}: {error}: run `cargo xtask plugins`", dist.display()))
    {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let dir = tempfile::tempdir().unwrap();
        let config = first_party(&name, dir.path(), &url);
        let (code, report, stderr) = test(&file, config.as_ref(), &["--deadline-ms", "20000"]);
        assert_eq!((code, ids(&report, "failed")), (0, BTreeSet::new()), "{name}: {report:#} {stderr}");
        assert_eq!(report.pointer("/plugin/name").unwrap(), name.as_str());
        let resumed = report.get("checks").unwrap().as_array().unwrap().iter().find(|it| it["id"] == "source.resume");
        assert!(config.is_none() || resumed.is_none_or(|it| it["status"] == "passed"), "{name}: {resumed:#?}");
        tested += 1;
    }
    assert!(tested >= 4, "run `cargo xtask plugins`");
}

#[test]
fn a_fixture_fails_where_it_misbehaves() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.txt").to_string_lossy().into_owned();
    for (fixture, config, expected) in [
        ("misbehaving-source", json!({}), &["keys.texts", "source.checkpoints", "source.resume"][..]),
        ("misbehaving-source", json!({"mode": "trap"}), &["lifecycle.works"]),
        ("misbehaving-source", json!({"mode": "bad-batch"}), &["lifecycle.works"]),
        ("misbehaving-source", json!({"mode": "bad-checkpoint"}), &["lifecycle.works"]),
        ("misbehaving-source", json!({"mode": "exhaust-memory"}), &["lifecycle.works", "limits.memory"]),
        ("misbehaving-source", json!({"mode": "spin"}), &["lifecycle.works", "limits.deadline"]),
        ("misbehaving-source", json!({"mode": "sleep-forever"}), &["lifecycle.works", "limits.deadline"]),
        ("misbehaving-source", json!({"mode": "spin-in-stop"}), &["lifecycle.stops-at-once", "limits.deadline"]),
        ("misbehaving-source", json!({"mode": "fail-in-start"}), &["lifecycle.starts"]),
        ("misbehaving-source", json!({"mode": "no-tasks"}), &["tasks.count"]),
        ("misbehaving-source", json!({"mode": "spin-in-validate"}), &["config.given", "limits.deadline"]),
        ("misbehaving-source", json!({"mode": "bad"}), &["config.given", "tasks.count"]),
        ("misbehaving-source", json!({"in": "/proc/self/environ"}), &["config.given"]),
        ("flaky-source", json!({"topic": "t", "trap.every": 5}), &["source.resume"]),
        ("picky-sink", json!({"file": file, "trap.every": 3}), &["lifecycle.works"]),
        ("echo-sink", json!({}), &["lifecycle.works"]),
    ] {
        let (code, report, stderr) = test(&component(fixture), Some(&config), &["--deadline-ms", "1000"]);
        let failed = ids(&report, "failed");
        assert_eq!(code, 1, "{fixture} {config}: {report:#} {stderr}");
        for id in expected {
            assert!(failed.contains(*id), "{fixture} {config} passes {id}; it fails {failed:?}: {report:#}");
        }
    }
}

#[test]
fn a_plugin_that_fails_only_now_and_then_passes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.txt").to_string_lossy().into_owned();
    for (fixture, config) in [
        ("flaky-source", json!({"topic": "t", "count": 300, "retry.every": 3, "start": "retriable"})),
        ("picky-sink", json!({"file": file, "retry.at.row": 1})),
    ] {
        let (code, report, stderr) = test(&component(fixture), Some(&config), &[]);
        assert_eq!((code, ids(&report, "failed")), (0, BTreeSet::new()), "{fixture}: {report:#} {stderr}");
    }
}

#[test]
fn without_a_configuration_less_is_checked_and_warnings_can_be_made_to_count() {
    let file = component("generator-source");
    let (code, report, _) = test(&file, None, &[]);
    assert_eq!(code, 0, "{report:#}");
    assert!(ids(&report, "skipped").contains("source.resume") && report["hint"].as_str().unwrap().contains("--config"));
    // The fixture has no documentation of its own, which is a warning.
    let file = component("picky-sink");
    assert!(ids(&test(&file, None, &[]).1, "warned").contains("describe.texts"));
    let (code, report, _) = test(&file, None, &["--strict"]);
    assert_eq!((code, ids(&report, "warned")), (1, BTreeSet::new()));
    assert!(ids(&report, "failed").contains("describe.texts"));
}

#[test]
fn a_file_that_is_no_plugin_fails_and_one_that_is_not_there_cannot_be_tested() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text.wasm");
    write(&text, "this is no component");
    let (code, report, _) = test(&text, None, &[]);
    assert_eq!((code, ids(&report, "failed")), (1, BTreeSet::from(["load.loads".to_owned()])));
    assert!(report["checks"][0]["reasons"][0].as_str().unwrap().starts_with("NOT_A_COMPONENT: "), "{report:#}");
    let (code, _, stderr) = test(&dir.path().join("none.wasm"), None, &[]);
    assert!(code == 2 && stderr.contains("none.wasm"), "{stderr}");
    let (code, _, stderr) = test(&component("blackhole-sink"), Some(&json!([1])), &[]);
    assert!(code == 2 && stderr.contains("is a map of keys and values"), "{stderr}");
}

#[test]
fn the_report_is_for_people_where_nobody_asks_for_json() {
    let wharf = || Command::new(Binary::Wharf.path());
    let said = wharf().args(["plugin", "test"]).arg(component("blackhole-sink")).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(
        text.contains("✓ load.loads") && text.contains("- sink.tombstones") && text.contains(" passed, 0 failed"),
        "{text}"
    );
    let said = wharf().args(["plugin", "test", "--list"]).output().unwrap();
    let text = String::from_utf8(said.stdout).unwrap();
    assert!(said.status.success() && text.contains("source.resume") && text.contains("webhook-source"), "{text}");
}
