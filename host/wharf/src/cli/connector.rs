//! `wharf connector …`

use std::io::Read as _;

use anyhow::{Context as _, anyhow, bail};
use serde_json::{Map, Value, json};
use ureq::http::Method;
use wharf_core::Config;
use wharf_core::status::{ConnectorInfo, ConnectorStatus};
use wharf_runtime::{ConnectorProgress, ConnectorUsage};

use super::args::{ConnectorCommand, CreateArgs, RestartArgs};
use super::client::{Client, segment};
use super::output::{Output, bytes, count};

pub(crate) fn run(command: ConnectorCommand, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    match command {
        ConnectorCommand::Create(args) => create(&args, client, output),
        ConnectorCommand::List => list(client, output),
        ConnectorCommand::Show(one) => show(&one.name, client, output),
        ConnectorCommand::Status(one) => status(&one.name, client, output),
        ConnectorCommand::Pause(one) => tell(&Method::PUT, &one.name, "/pause", "paused", client, output),
        ConnectorCommand::Resume(one) => tell(&Method::PUT, &one.name, "/resume", "resumed", client, output),
        ConnectorCommand::Stop(one) => tell(&Method::PUT, &one.name, "/stop", "stopped", client, output),
        ConnectorCommand::Restart(args) => restart(&args, client, output),
        ConnectorCommand::Delete(one) => tell(&Method::DELETE, &one.name, "", "deleted", client, output),
    }
}

fn path(name: &str, rest: &str) -> String {
    format!("/connectors/{}{rest}", segment(name))
}

fn create(args: &CreateArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let mut config = match args.config.as_deref() {
        Some(file) => read_config(&args.name, file)?,
        None => Map::new(),
    };
    config.extend(args.keys.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))));
    if config.is_empty() {
        bail!("a connector needs a configuration: add connector.class=… and the keys of its plugin, or --config FILE");
    }
    let name = &args.name;
    let answer = if args.replace {
        client.call(&Method::PUT, &path(name, "/config"), Some(&Value::Object(config)))
    } else {
        let body = json!({"name": name, "config": config});
        let hint = "to change it, add --replace";
        client.call(&Method::POST, "/connectors", Some(&body)).map_err(|error| {
            if error.to_string().ends_with("already exists") { anyhow!("{error}: {hint}") } else { error }
        })
    }?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    output
        .line(&format!("connector {name} is configured; `wharf connector status {name}` shows what it does"))
        .map_err(Into::into)
}

/// The configuration itself, or what `POST /connectors` takes.
fn read_config(name: &str, file: &str) -> anyhow::Result<Map<String, Value>> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).context("read the configuration from stdin")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("read the configuration from `{file}`"))?;
    }
    let mut object: Map<String, Value> =
        serde_json::from_str(&text).with_context(|| format!("`{file}` is no JSON object"))?;
    let Some(Value::Object(config)) = object.get_mut("config") else {
        return Ok(object);
    };
    let config = std::mem::take(config);
    match object.get("name").and_then(Value::as_str) {
        Some(other) if other != name => bail!("`{file}` is the configuration of `{other}`, not of `{name}`"),
        _ => Ok(config),
    }
}

fn list(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    #[derive(serde::Deserialize)]
    struct Both {
        status: ConnectorStatus,
        info: ConnectorInfo,
    }
    let answer = client.get("/connectors?expand=status&expand=info")?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let all: std::collections::BTreeMap<String, Both> =
        serde_json::from_value(answer).context("read the worker's list of connectors")?;
    if all.is_empty() {
        return Ok(output.line("no connectors; create one with `wharf connector create NAME KEY=VALUE …`")?);
    }
    let rows = all.into_iter().map(|(name, Both { status, info })| {
        let class = info.config.get("connector.class").cloned().unwrap_or_default();
        vec![name, status.kind.clone(), status.connector.state.to_string(), task_states(&status), class]
    });
    Ok(output.table(&["NAME", "TYPE", "STATE", "TASKS", "CLASS"], rows.collect())?)
}

/// `2 RUNNING, 1 FAILED`
fn task_states(status: &ConnectorStatus) -> String {
    let mut states: Vec<(String, usize)> = Vec::new();
    for task in &status.tasks {
        let state = task.state.to_string();
        match states.iter_mut().find(|(known, _)| *known == state) {
            Some((_, tasks)) => *tasks += 1,
            None => states.push((state, 1)),
        }
    }
    states.into_iter().map(|(state, tasks)| format!("{tasks} {state}")).collect::<Vec<_>>().join(", ")
}

fn show(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&path(name, ""))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let info: ConnectorInfo = serde_json::from_value(answer).context("read the worker's answer")?;
    output.line(&format!("{} ({}), {} task(s)\n", info.name, info.kind, info.tasks.len()))?;
    let config: Config = info.config;
    Ok(output.table(&["KEY", "VALUE"], config.into_iter().map(|(key, value)| vec![key, value]).collect())?)
}

fn status(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&path(name, "/status"))?;
    let progress = client.get(&path(name, "/progress"))?;
    let usage = client.get(&path(name, "/usage"))?;
    if output.json {
        return Ok(output.json(&json!({"status": answer, "progress": progress, "usage": usage}))?);
    }
    let status: ConnectorStatus = serde_json::from_value(answer).context("read the worker's answer")?;
    let progress: ConnectorProgress = serde_json::from_value(progress).context("read the worker's answer")?;
    let usage: ConnectorUsage = serde_json::from_value(usage).context("read the worker's answer")?;
    let connector = &status.connector;
    output.line(&format!("{} ({}) is {} on {}", status.name, status.kind, connector.state, connector.worker_id))?;
    if let Some(trace) = &connector.trace {
        output.line(trace)?;
    }
    if status.tasks.is_empty() {
        return Ok(output.line("it has no tasks")?);
    }
    output.line("")?;
    let rows = status.tasks.iter().map(|task| {
        let progress = progress.tasks.iter().find(|progress| progress.task == task.id);
        let figure = |show: &dyn Fn(&wharf_runtime::TaskProgress) -> String| progress.map_or("-".to_owned(), show);
        let usage = usage.tasks.iter().find(|usage| usage.task == task.id).map(|task| &task.usage);
        let restarts = task.last_failure.as_ref().map_or(0, |failure| failure.restarts);
        vec![
            task.id.to_string(),
            task.state.to_string(),
            figure(&|progress| count(progress.rows)),
            figure(&|progress| bytes(progress.bytes)),
            figure(&|progress| progress.lag.map_or("-".to_owned(), count)),
            usage.map_or("-".to_owned(), |usage| bytes(usage.memory_bytes)),
            usage.map_or("-".to_owned(), |usage| format!("{:.1} s", usage.cpu_seconds)),
            restarts.to_string(),
        ]
    });
    output.table(&["TASK", "STATE", "RECORDS", "BYTES", "LAG", "MEMORY", "CPU", "RESTARTS"], rows.collect())?;
    for task in &status.tasks {
        if let Some(trace) = &task.trace {
            output.line(&format!("\ntask {}: {trace}", task.id))?;
        } else if let Some(failure) = &task.last_failure {
            output.line(&format!("\ntask {} last failed with {}: {}", task.id, failure.class, failure.message))?;
        }
        if let Some(denials) = task.usage.as_ref().map(|usage| &usage.denials).filter(|denials| !denials.is_empty()) {
            let denied: Vec<_> = denials.iter().map(|(code, times)| format!("{code} ({})", count(*times))).collect();
            output.line(&format!("\ntask {} was denied: {}; see `wharf audit`", task.id, denied.join(", ")))?;
        }
    }
    Ok(())
}

fn restart(args: &RestartArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let rest = match args.task {
        Some(task) => format!("/tasks/{task}/restart"),
        None if args.tasks || args.only_failed => {
            format!("/restart?includeTasks={}&onlyFailed={}", args.tasks, args.only_failed)
        }
        None => "/restart".to_owned(),
    };
    tell(&Method::POST, &args.name, &rest, "restarted", client, output)
}

fn tell(
    method: &Method,
    name: &str,
    rest: &str,
    done: &str,
    client: &Client,
    output: &mut Output,
) -> anyhow::Result<()> {
    let answer = client.call(method, &path(name, rest), None)?;
    match (output.json, answer) {
        (true, Value::Null) => output.json(&json!({"name": name, "done": done}))?,
        (true, answer) => output.json(&answer)?,
        (false, _) => output.line(&format!("connector {name} {done}"))?,
    }
    Ok(())
}
