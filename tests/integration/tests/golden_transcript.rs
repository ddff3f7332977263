//! All exchanges that were recorded with a Kafka Connect worker, against a live Wharf worker.
//!
//! `golden/record.py` makes the requests and compares the answers. What differs must be what `golden/differences.tsv` lists,
//! no more and no less; `golden/README.md` says how the list is kept.

#![expect(clippy::indexing_slicing, clippy::panic, reason = "this is a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;
use wharf_integration::{Worker, write};

/// Of the exchanges that need nothing Wharf does not ship at least so many in a hundred pass.
const LEAST_PERCENT: usize = 95;

#[test]
fn what_kafka_connect_answered_is_answered_but_for_the_listed_differences() {
    let worker = Worker::start();
    let exchanges = exchanges();
    let listed = listed();
    let transcript = worker.path("transcript.jsonl");
    write(&transcript, without_waits(&exchanges, &listed));
    let (passed, failed) = replay(&worker, &transcript);
    assert_eq!(passed.len() + failed.len(), exchanges.len(), "every exchange was made");

    let unlisted = failed.iter().filter(|(id, _)| !listed.contains_key(id));
    let unlisted: Vec<&str> = unlisted.map(|(_, how)| how.as_str()).collect();
    let gone: Vec<&u64> = listed.keys().filter(|id| passed.contains(*id)).collect();
    if env::var_os("WHARF_GOLDEN_WRITE").is_some() {
        rewrite(&exchanges, &failed, &listed);
    }
    assert!(unlisted.is_empty(), "{} answers differ and are not listed:\n{}", unlisted.len(), unlisted.join("\n"));
    assert!(gone.is_empty(), "these are listed as different and are not; take them off the list: {gone:?}");
}

#[test]
fn of_what_wharf_ships_nearly_all_is_alike_and_every_difference_has_its_reason() {
    let exchanges = exchanges();
    let listed = listed();
    for (id, reason) in &listed {
        assert!(exchanges.iter().any(|exchange| exchange["id"].as_u64() == Some(*id)), "there is no exchange {id}");
        assert!(reason.len() > 1, "exchange {id} has no reason");
    }
    let kind = |prefix: &str| listed.values().filter(|reason| reason.starts_with(prefix)).count();
    let alike = exchanges.len() - listed.len();
    let of = exchanges.len() - kind("not shipped:");
    assert!(alike * 100 >= of * LEAST_PERCENT, "only {alike} of {of} exchanges are alike");
}

fn golden(name: &str) -> PathBuf {
    let root = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    root.join("golden").join(name)
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

fn exchanges() -> Vec<Value> {
    let lines = text(&golden("kafka-connect-4.3.1.jsonl"));
    lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"))).collect()
}

/// The reason of each listed exchange, by id.
fn listed() -> BTreeMap<u64, String> {
    let list = text(&golden("differences.tsv"));
    let lines = list.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [id, _, _, reason] = fields.as_slice() else { panic!("not four fields in {line:?}") };
        (id.parse().unwrap_or_else(|_| panic!("no number in {line:?}")), (*reason).to_owned())
    });
    lines.collect()
}

/// An answer that is known to differ is not waited for.
fn without_waits(exchanges: &[Value], listed: &BTreeMap<u64, String>) -> String {
    let mut lines = String::new();
    for exchange in exchanges {
        let mut exchange = exchange.clone();
        let is_listed = exchange["id"].as_u64().is_some_and(|id| listed.contains_key(&id));
        if let Some(fields) = exchange.as_object_mut().filter(|_| is_listed) {
            fields.remove("poll");
        }
        lines.push_str(&exchange.to_string());
        lines.push('\n');
    }
    lines
}

/// The ids that passed, and those that failed with what differs.
fn replay(worker: &Worker, transcript: &Path) -> (BTreeSet<u64>, BTreeMap<u64, String>) {
    let dir = worker.path("golden");
    fs::create_dir_all(&dir).unwrap_or_else(|error| panic!("create {}: {error}", dir.display()));
    let mut command = Command::new("python3");
    command.arg(golden("record.py")).args(["compare", "-v", "--max-lines", "3", "--base-url", worker.rest().base()]);
    command.arg("--golden").arg(transcript).arg("--dir").arg(&dir).stdin(Stdio::null());
    // What the script remembers of itself does not belong beside it.
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
    let output = command.output().unwrap_or_else(|error| panic!("python3 is needed to replay the transcript: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (mut passed, mut failed) = (BTreeSet::new(), BTreeMap::new());
    let mut last = None;
    for line in said.lines() {
        if let Some(id) = line.strip_prefix("ok   #").and_then(number) {
            passed.insert(id);
        } else if let Some(id) = line.strip_prefix("FAIL #").and_then(number) {
            failed.insert(id, line.to_owned());
            last = Some(id);
        } else if let Some(how) = last.filter(|_| line.starts_with("     ")).and_then(|id| failed.get_mut(&id)) {
            *how = format!("{how}\n{line}");
        }
    }
    assert!(!passed.is_empty(), "nothing passed: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    (passed, failed)
}

fn number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

fn rewrite(exchanges: &[Value], failed: &BTreeMap<u64, String>, listed: &BTreeMap<u64, String>) {
    let mut list = String::from("id\tgroup\tstep\treason\n");
    for exchange in exchanges {
        let id = exchange["id"].as_u64().unwrap_or_default();
        if failed.contains_key(&id) {
            let field = |name: &str| exchange[name].as_str().unwrap_or_default().replace(['\t', '\n'], " ");
            let reason = listed.get(&id).map_or("?", String::as_str);
            list.push_str(&format!("{id}\t{}\t{}\t{reason}\n", field("group"), field("step")));
        }
    }
    write(&golden("differences.tsv"), list);
}
