//! `wharf logger …`

use anyhow::Context as _;
use serde_json::{Value, json};
use ureq::http::Method;

use super::args::{LoggerCommand, Scope};
use super::client::{Client, segment};
use super::output::Output;

pub(crate) fn run(command: LoggerCommand, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    match command {
        LoggerCommand::List => list(client, output),
        LoggerCommand::Set { logger, level, scope } => set(&logger, &level, scope, client, output),
    }
}

fn list(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get("/admin/loggers")?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let loggers = answer.as_object().context("read the worker's answer")?;
    let rows = loggers.iter().map(|(name, logger)| {
        let level = logger.get("level").and_then(Value::as_str).unwrap_or("-").to_owned();
        // Milliseconds since 1970; null where it was never set.
        let at = logger.get("last_modified").and_then(Value::as_i64);
        let at = at.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        vec![name.clone(), level, at.map_or("-".to_owned(), |at| at.to_string())]
    });
    Ok(output.table(&["LOGGER", "LEVEL", "SET AT"], rows.collect())?)
}

fn set(logger: &str, level: &str, scope: Scope, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let scope = match scope {
        Scope::Worker => "worker",
        Scope::Cluster => "cluster",
    };
    let path = format!("/admin/loggers/{}?scope={scope}", segment(logger));
    let body = json!({"level": level.to_ascii_uppercase()});
    let answer = client.call(&Method::PUT, &path, Some(&body))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let affected: Vec<&str> = answer.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let what = if affected.is_empty() { logger.to_owned() } else { affected.join(", ") };
    Ok(output.line(&format!("{what}: {}", level.to_ascii_uppercase()))?)
}
