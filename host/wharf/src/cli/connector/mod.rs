//! `wharf connector …`

mod create;
mod edit;
mod offsets;
mod versions;
mod watch;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use ureq::http::Method;
use wharf_core::Config;
use wharf_core::status::{ConnectorInfo, ConnectorStatus, TaskInfo};
use wharf_runtime::{ConnectorProgress, ConnectorUsage};

use super::args::{ConnectorCommand, PatchArgs, RestartArgs};
use super::client::{Client, segment};
use super::output::{Output, bytes, count};

pub(crate) fn run(command: ConnectorCommand, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    match command {
        ConnectorCommand::Create(args) => create::create(args, client, output),
        ConnectorCommand::Apply(args) => create::apply(&args.file, client, output),
        ConnectorCommand::Edit(one) => edit::edit(&one.name, client, output),
        ConnectorCommand::List => list(client, output),
        ConnectorCommand::Show(one) => show(&one.name, client, output),
        ConnectorCommand::Status(one) => status(&one.name, client, output),
        ConnectorCommand::Pause(one) => tell(&Method::PUT, &one.name, "/pause", "paused", client, output),
        ConnectorCommand::Resume(one) => tell(&Method::PUT, &one.name, "/resume", "resumed", client, output),
        ConnectorCommand::Stop(one) => tell(&Method::PUT, &one.name, "/stop", "stopped", client, output),
        ConnectorCommand::Restart(args) => restart(&args, client, output),
        ConnectorCommand::Delete(one) => tell(&Method::DELETE, &one.name, "", "deleted", client, output),
        ConnectorCommand::Config(one) => config(&one.name, client, output),
        ConnectorCommand::Patch(args) => patch(args, client, output),
        ConnectorCommand::Offsets(command) => offsets::run(command, client, output),
        ConnectorCommand::Logs(args) => watch::logs(&args, client, output),
        ConnectorCommand::Inspect(args) => watch::inspect(&args, client, output),
        ConnectorCommand::Versions(one) => versions::list(&one.name, client, output),
        ConnectorCommand::Rollback { name, version } => versions::rollback(&name, version, client, output),
        ConnectorCommand::Tasks(one) => tasks(&one.name, client, output),
        ConnectorCommand::Topics { name, reset } => topics(&name, reset, client, output),
    }
}

fn path(name: &str, rest: &str) -> String {
    format!("/connectors/{}{rest}", segment(name))
}

fn list(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    #[derive(serde::Deserialize)]
    struct Both {
        status: ConnectorStatus,
        info: ConnectorInfo,
    }
    let answer = client.get("/connectors?expand=status&expand=info&expand=details")?;
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

/// `2 RUNNING, 1 stalled, 1 FAILED`
fn task_states(status: &ConnectorStatus) -> String {
    let mut states: Vec<(String, usize)> = Vec::new();
    for task in &status.tasks {
        let state = if task.stalled.is_some() { "stalled".to_owned() } else { task.state.to_string() };
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

fn config(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&path(name, "/config"))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let config: Config = serde_json::from_value(answer).context("read the worker's answer")?;
    Ok(output.table(&["KEY", "VALUE"], config.into_iter().map(|(key, value)| vec![key, value]).collect())?)
}

fn patch(args: PatchArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let PatchArgs { name, changes } = args;
    let body: Map<String, Value> = changes.into_iter().map(|(key, value)| (key, value.into())).collect();
    let answer = client.call(&Method::PATCH, &path(&name, "/config"), Some(&Value::Object(body)))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    Ok(output.line(&format!("connector {name} is configured"))?)
}

fn tasks(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&path(name, "/tasks"))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let tasks: Vec<TaskInfo> = serde_json::from_value(answer).context("read the worker's answer")?;
    if tasks.is_empty() {
        return Ok(output.line("it has no tasks")?);
    }
    let rows = tasks.into_iter().flat_map(|task| {
        let id = task.id.task.to_string();
        task.config.into_iter().map(move |(key, value)| vec![id.clone(), key, value])
    });
    Ok(output.table(&["TASK", "KEY", "VALUE"], rows.collect())?)
}

fn topics(name: &str, reset: bool, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    if reset {
        return tell(&Method::PUT, name, "/topics/reset", "has forgotten its topics", client, output);
    }
    let answer = client.get(&path(name, "/topics"))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let topics = answer.get(name).and_then(|entry| entry.get("topics")).and_then(Value::as_array);
    let topics: Vec<&str> = topics.into_iter().flatten().filter_map(Value::as_str).collect();
    if topics.is_empty() {
        return Ok(output.line("no topics so far")?);
    }
    for topic in topics {
        output.line(topic)?;
    }
    Ok(())
}

fn status(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&path(name, "/status?expand=details"))?;
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
    if let Some(change) = &connector.plugin_change {
        output.line(change)?;
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
        if let Some(stalled) = &task.stalled {
            let seconds = stalled.for_ms / 1000;
            output.line(&format!("\ntask {} has been getting nowhere for {seconds} s: {}", task.id, stalled.reason))?;
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
