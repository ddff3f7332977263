//! `wharf connector logs` and `inspect`.

use std::thread::sleep;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::args::{InspectArgs, LogsArgs};
use super::super::client::{Client, segment};
use super::super::output::Output;
use super::super::stream;
use super::path;

/// Before a lost connection is made again.
const AGAIN: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
struct Line {
    time: String,
    level: String,
    task: Option<u32>,
    message: String,
    #[serde(default)]
    fields: Map<String, Value>,
}

pub(super) fn logs(args: &LogsArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let mut query = format!("/logs?limit={}", args.limit);
    if let Some(level) = &args.level {
        query.push_str(&format!("&level={}", segment(level)));
    }
    if let Some(task) = args.task {
        query.push_str(&format!("&task={task}"));
    }
    let path = path(&args.name, &query);
    if !args.follow {
        let answer = client.get(&path)?;
        let lines = answer.get("lines").and_then(Value::as_array).context("read the worker's answer")?;
        return lines.iter().try_for_each(|line| print(line, output));
    }
    let mut last = None;
    loop {
        // A worker that was restarted numbers its lines anew, and knows that by itself.
        last = stream::events(client, &path, last.as_deref(), |event| {
            let line = serde_json::from_str(&event.data).context("read the worker's answer")?;
            print(&line, output)?;
            Ok(output.flush()?)
        })?;
        sleep(AGAIN);
    }
}

/// `2026-01-31T23:59:59.999Z INFO 0 message key=value`
fn print(line: &Value, output: &mut Output) -> anyhow::Result<()> {
    if output.json {
        return Ok(output.json(line)?);
    }
    let Line { time, level, task, message, fields } = Line::deserialize(line).context("read the worker's answer")?;
    let task = task.map_or("-".to_owned(), |task| task.to_string());
    let fields = fields.iter().map(|(key, value)| match value {
        Value::String(text) => format!(" {key}={text}"),
        other => format!(" {key}={other}"),
    });
    Ok(output.line(&format!("{time} {level:<5} {task} {message}{}", fields.collect::<String>()))?)
}

pub(super) fn inspect(args: &InspectArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let mut query = format!("/inspect?limit={}&seconds={}", args.limit, args.seconds);
    if !args.mask.is_empty() {
        query.push_str(&format!("&mask={}", segment(&args.mask.join(","))));
    }
    let mut seen = 0_u64;
    stream::lines(client, &path(&args.name, &query), "application/x-ndjson", |line| {
        let record: Value = serde_json::from_str(line).context("read the worker's answer")?;
        seen += 1;
        if output.json {
            output.json(&record)?
        } else {
            output.line(&shown(&record))?
        }
        Ok(output.flush()?)
    })?;
    if seen == 0 && !output.json {
        output.line(&format!("no record passed within {} s", args.seconds))?;
    }
    Ok(())
}

/// `0 sink topic[0]@17 key → value`
fn shown(record: &Value) -> String {
    let text = |key: &str| match record.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    let place = text("partition").map(|partition| format!("[{partition}]")).unwrap_or_default();
    let at = text("position").or_else(|| text("offset")).map(|at| format!("@{at}")).unwrap_or_default();
    let key = text("key").map(|key| format!("{key} → ")).unwrap_or_default();
    let head = [text("task"), text("direction"), text("topic").map(|topic| format!("{topic}{place}{at}"))];
    let head: Vec<String> = head.into_iter().flatten().collect();
    format!("{} {key}{}", head.join(" "), text("value").unwrap_or_else(|| "null".to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_is_a_line() {
        let record = json!({"task": 0, "direction": "sink", "topic": "t", "partition": 1, "position": 7, "key": "k",
                            "value": {"a": 1}});
        assert_eq!(shown(&record), "0 sink t[1]@7 k → {\"a\":1}");
        assert_eq!(shown(&json!({"task": 0, "direction": "source", "topic": "t", "value": null})), "0 source t null");
    }
}
