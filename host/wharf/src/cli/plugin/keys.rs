//! `wharf plugin config` and `validate`.

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;
use wharf_core::Config;

use super::super::args::ValidateArgs;
use super::super::client::{Client, segment};
use super::super::exit::Exit;
use super::super::output::Output;
use crate::connector_file;

/// Kafka Connect's `ConfigKeyInfo`, as far as a person wants to see it.
#[derive(Deserialize)]
struct Key {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    required: bool,
    default_value: Option<String>,
    #[serde(default)]
    documentation: Option<String>,
}

pub(super) fn config(plugin: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&format!("/connector-plugins/{}/config", segment(plugin)))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let keys: Vec<Key> = serde_json::from_value(answer).context("read the worker's answer")?;
    let rows = keys.into_iter().map(|key| {
        let default = match key.default_value {
            Some(default) => default,
            None if key.required => "(required)".to_owned(),
            None => String::new(),
        };
        vec![key.name, key.kind.to_ascii_lowercase(), default, key.documentation.unwrap_or_default()]
    });
    Ok(output.table(&["KEY", "TYPE", "DEFAULT", "MEANING"], rows.collect())?)
}

#[derive(Deserialize)]
struct Report {
    error_count: u64,
    configs: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    value: Checked,
}

#[derive(Deserialize)]
struct Checked {
    name: String,
    value: Option<Value>,
    #[serde(default)]
    recommended_values: Vec<Value>,
    #[serde(default)]
    errors: Vec<String>,
}

/// Fails where something is wrong.
pub(super) fn validate(args: ValidateArgs, client: &Client, output: &mut Output) -> anyhow::Result<ExitCode> {
    let ValidateArgs { plugin, file, keys } = args;
    let mut config = match &file {
        Some(file) => {
            let (mut config, name) = connector_file::read_one(file)?;
            config.extend(name.map(|name| ("name".to_owned(), name)));
            config
        }
        None => Config::new(),
    };
    config.extend(keys);
    // The route wants it, and who names the plugin has said it.
    config.entry("connector.class".to_owned()).or_insert_with(|| plugin.clone());
    let path = format!("/connector-plugins/{}/config/validate", segment(&plugin));
    let answer = client.call(&Method::PUT, &path, Some(&json!(config)))?;
    let report: Report = Report::deserialize(&answer).context("read the worker's answer")?;
    let code = if report.error_count == 0 { Exit::Done } else { Exit::Failed };
    if output.json {
        output.json(&answer)?;
        return Ok(code.into());
    }
    for Entry { value: Checked { name, value, recommended_values, errors } } in report.configs {
        for error in &errors {
            output.line(&format!("{name}: {error}"))?;
        }
        if !errors.is_empty() && !recommended_values.is_empty() {
            let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let known: Vec<String> = recommended_values.iter().map(text).collect();
            let now = value.as_ref().map(|value| format!(" instead of `{}`", text(value))).unwrap_or_default();
            output.line(&format!("  write{now}: {}", known.join(", ")))?;
        }
    }
    output.line(&match report.error_count {
        0 => "the configuration is valid".to_owned(),
        1 => "1 error".to_owned(),
        errors => format!("{errors} errors"),
    })?;
    Ok(code.into())
}
