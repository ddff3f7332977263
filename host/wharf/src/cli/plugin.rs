//! `wharf plugin …`

mod change;
mod check;
mod inspect;
mod keys;

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::Value;
use wharf_core::plugin::Kind;

use super::args::PluginCommand;
use super::client::Client;
use super::output::{Output, bytes};
use super::plugin_test;

pub(crate) fn run(command: PluginCommand, client: &Client, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        PluginCommand::Test(args) => return plugin_test::run(&args, output),
        PluginCommand::List => list(client, output)?,
        PluginCommand::Inspect { what } => inspect::inspect(&what, client, output)?,
        PluginCommand::Install(args) => change::install(args, client, output)?,
        PluginCommand::Uninstall { plugin, force } => change::uninstall(&plugin, force, client, output)?,
        PluginCommand::Approve { plugin, sha256 } => change::approve(&plugin, sha256, client, output)?,
        PluginCommand::Config { plugin } => keys::config(&plugin, client, output)?,
        PluginCommand::Validate(args) => return keys::validate(args, client, output),
        PluginCommand::Verify => return check::check("/plugins/verify", client, output),
        PluginCommand::Audit => return check::check("/plugins/audit", client, output),
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Deserialize)]
struct Plugins {
    plugins: Vec<Found>,
    broken: Vec<Broken>,
}

#[derive(Deserialize)]
struct Found {
    name: String,
    version: String,
    kind: Kind,
    sha256: String,
    summary: String,
    size: u64,
    #[serde(default)]
    signature: Value,
    approved_at: Option<i64>,
    used_by: Vec<String>,
}

#[derive(Deserialize)]
struct Broken {
    file: String,
    code: String,
    message: String,
    plugin: Option<String>,
    sha256: Option<String>,
}

fn list(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get("/plugins")?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let Plugins { plugins, broken } = serde_json::from_value(answer).context("read the worker's list of plugins")?;
    if plugins.is_empty() {
        output.line("no plugins; put .wasm files into the worker's plugins directory, or install them")?;
    } else {
        let rows = plugins.into_iter().map(|found| {
            vec![
                found.name,
                found.version,
                found.kind.as_str().to_owned(),
                short(&found.sha256),
                bytes(found.size),
                signature(&found.signature),
                if found.approved_at.is_some() { "yes" } else { "-" }.to_owned(),
                found.used_by.join(","),
                found.summary,
            ]
        });
        let header = ["NAME", "VERSION", "TYPE", "SHA256", "SIZE", "SIGNATURE", "APPROVED", "USED BY", "SUMMARY"];
        output.table(&header, rows.collect())?;
    }
    for Broken { file, code, message, plugin, sha256 } in broken {
        let what = match (plugin, sha256) {
            (Some(plugin), Some(sha256)) => format!("{file} ({plugin}, sha256 {}) is not run", short(&sha256)),
            (None, Some(sha256)) => format!("{file} (sha256 {}) is not run", short(&sha256)),
            _ => format!("{file} is no plugin"),
        };
        output.line(&format!("\n{what}: {code}: {message}"))?;
    }
    Ok(())
}

fn short(sha256: &str) -> String {
    sha256.get(..12).unwrap_or(sha256).to_owned()
}

/// A signature's state in a few words.
fn signature(state: &Value) -> String {
    let text = |key: &str| state[key].as_str().unwrap_or_default();
    match text("state") {
        "verified" => format!("signed by {}", text("publisher")),
        "unknown-key" => format!("signed by unknown key {}", text("key")),
        "not-verified" => format!("signed by key {}, not verified here", text("key")),
        "bad" => "bad signature".to_owned(),
        "unsigned" => "unsigned".to_owned(),
        _ => String::new(),
    }
}
