//! `wharf plugin …`

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use wharf_core::plugin::{Kind, Plugin};

use super::args::PluginCommand;
use super::client::Client;
use super::output::{Output, bytes};
use super::plugin_test;
use crate::wire;

pub(crate) fn run(command: PluginCommand, client: &Client, output: &mut Output) -> anyhow::Result<ExitCode> {
    match command {
        PluginCommand::Test(args) => return plugin_test::run(&args, output),
        PluginCommand::List => list(client, output)?,
        PluginCommand::Inspect { file } => inspect(&file, output)?,
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
}

#[derive(Deserialize)]
struct Broken {
    file: String,
    code: String,
    message: String,
}

fn list(client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get("/plugins")?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let Plugins { plugins, broken } = serde_json::from_value(answer).context("read the worker's list of plugins")?;
    if plugins.is_empty() {
        output.line("no plugins; put .wasm files into the worker's plugins directory")?;
    } else {
        let rows = plugins.into_iter().map(|found| {
            let digest = found.sha256.get(..12).unwrap_or(&found.sha256).to_owned();
            vec![found.name, found.version, found.kind.as_str().to_owned(), digest, found.summary]
        });
        output.table(&["NAME", "VERSION", "TYPE", "SHA256", "SUMMARY"], rows.collect())?;
    }
    for Broken { file, code, message } in broken {
        output.line(&format!("\n{file} is no plugin: {code}: {message}"))?;
    }
    Ok(())
}

fn inspect(file: &Path, output: &mut Output) -> anyhow::Result<()> {
    let wasm = std::fs::read(file).with_context(|| format!("read `{}`", file.display()))?;
    let size = wasm.len() as u64;
    let plugin = wire::inspect(wasm).with_context(|| format!("`{}` is no plugin", file.display()))?;
    show(plugin.as_ref(), size, output)
}

fn show(plugin: &dyn Plugin, size: u64, output: &mut Output) -> anyhow::Result<()> {
    let (id, descriptor) = (plugin.id(), plugin.descriptor());
    if output.json {
        let value = json!({
            "name": id.name, "version": id.version, "kind": descriptor.kind, "size": size, "sha256": id.sha256,
            "summary": descriptor.summary, "documentation": descriptor.documentation,
            "aliases": descriptor.aliases, "keys": descriptor.keys,
        });
        return Ok(output.json(&value)?);
    }
    output.line(&format!("{} {} ({}): {}", id.name, id.version, descriptor.kind.as_str(), descriptor.summary))?;
    output.line(&format!("{}, sha256 {}", bytes(size), id.sha256))?;
    if !descriptor.aliases.is_empty() {
        output.line(&format!("also known as {}", descriptor.aliases.join(", ")))?;
    }
    output.line("")?;
    let rows = descriptor.keys.iter().map(|key| {
        let default = match &key.default {
            Some(default) => default.clone(),
            None if key.required => "(required)".to_owned(),
            None => String::new(),
        };
        vec![key.name.clone(), kebab(&key.value_type), default, key.documentation.clone()]
    });
    Ok(output.table(&["KEY", "TYPE", "DEFAULT", "MEANING"], rows.collect())?)
}

/// The name of a value type as the contract writes it: `path-read`.
fn kebab(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
