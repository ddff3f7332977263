//! What the worker took down.

use serde_json::Value;
use wharf_integration::{Worker, read};

/// The records of a connector with this code, newest last: `{time, code, connector, task, plugin, detail}`.
///
/// # Panics
/// When the worker has no audit.
#[track_caller]
pub fn of(worker: &Worker, connector: &str, code: &str) -> Vec<Value> {
    let answer = worker.rest().get(&format!("/audit?connector={connector}&code={code}&limit=1000")).expect(200);
    answer.json.as_array().cloned().unwrap_or_default()
}

/// Waits for a record of a connector with this code whose `detail` has all of `words`, in the answer of `GET /audit` and
/// in the file. Gives it back.
///
/// # Panics
/// When none comes.
#[track_caller]
pub fn wait_for(worker: &Worker, connector: &str, code: &str, words: &[&str]) -> Value {
    let mut found = Value::Null;
    worker.wait_until(&format!("{code} {words:?} of {connector:?} is in the audit"), || {
        let records = if connector.is_empty() { all(worker, code) } else { of(worker, connector, code) };
        let fits = |record: &Value| has(record, &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        found = records.into_iter().find(fits).unwrap_or_default();
        !found.is_null()
    });
    assert!(found.get("time").is_some_and(Value::is_string), "a record without a time: {found}");
    let wanted = [code.to_owned(), connector.to_owned()];
    worker.wait_until(&format!("{code} {words:?} of {connector:?} is in audit.log"), || {
        let text = String::from_utf8_lossy(&read(&worker.data_dir().join("audit.log"))).into_owned();
        text.lines()
            .any(|line| wanted.iter().map(String::as_str).chain(words.iter().copied()).all(|word| line.contains(word)))
    });
    found
}

/// All records with this code, of whatever connector.
#[track_caller]
pub fn all(worker: &Worker, code: &str) -> Vec<Value> {
    let answer = worker.rest().get(&format!("/audit?code={code}&limit=1000")).expect(200);
    answer.json.as_array().cloned().unwrap_or_default()
}

fn has(record: &Value, words: &[String]) -> bool {
    let detail = record.get("detail").and_then(Value::as_str).unwrap_or_default();
    words.iter().all(|word| detail.contains(word.as_str()))
}
