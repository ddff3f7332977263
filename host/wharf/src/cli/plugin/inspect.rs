//! `wharf plugin inspect`: what a plugin is, what it can ask for, and what it can be told.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::{Value, json};
use wharf_core::plugin::{ConfigKey, Kind, ValueType};

use super::super::client::Client;
use super::super::output::{Output, bytes};
use crate::wire;

/// A plugin, from a file or from a worker.
#[derive(Debug, Deserialize)]
struct Shown {
    name: String,
    version: String,
    kind: Kind,
    size: u64,
    sha256: String,
    summary: String,
    documentation: String,
    aliases: Vec<String>,
    keys: Vec<ConfigKey>,
    imports: Vec<String>,
    #[serde(default)]
    signature: Value,
}

pub(super) fn inspect(what: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let path = Path::new(what);
    // A plugin's name has neither dots nor slashes.
    let is_file = path.components().count() > 1 || path.extension().is_some_and(|it| it == "wasm") || path.is_file();
    let shown = if is_file { of_file(path)? } else { of_worker(what, client)? };
    show(&shown, output)
}

fn of_file(path: &Path) -> anyhow::Result<Shown> {
    let wasm = std::fs::read(path).with_context(|| format!("read `{}`", path.display()))?;
    let size = wasm.len() as u64;
    let plugin = wire::inspect(wasm).with_context(|| format!("`{}` is no plugin", path.display()))?;
    let (id, descriptor, facts) = (plugin.id(), plugin.descriptor().clone(), plugin.facts());
    Ok(Shown {
        name: id.name.clone(),
        version: id.version.clone(),
        kind: descriptor.kind,
        size,
        sha256: id.sha256.clone(),
        summary: descriptor.summary,
        documentation: descriptor.documentation,
        aliases: descriptor.aliases,
        keys: descriptor.keys,
        imports: facts.imports,
        signature: beside(path),
    })
}

/// The signature beside a file. Only a worker knows which keys are pinned, so nothing is verified here.
fn beside(path: &Path) -> Value {
    let mut name = path.as_os_str().to_owned();
    name.push(".minisig");
    match std::fs::read_to_string(Path::new(&name)).ok().map(|text| wharf_registry::signature_key_id(&text)) {
        None => json!({"state": "unsigned"}),
        Some(None) => json!({"state": "bad", "reason": "it is no minisign signature"}),
        Some(Some(key)) => json!({"state": "not-verified", "key": key}),
    }
}

fn of_worker(what: &str, client: &Client) -> anyhow::Result<Shown> {
    let (name, version) = match what.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (what, None),
    };
    let answer = client.get("/plugins")?;
    let is_it = |plugin: &&Value| plugin["name"] == name && version.is_none_or(|version| plugin["version"] == version);
    // Sorted by version: the last is the highest.
    if let Some(found) = answer.get("plugins").and_then(Value::as_array).into_iter().flatten().rfind(is_it) {
        return serde_json::from_value(found.clone()).context("read the worker's list of plugins");
    }
    let starts = format!("{name}@{}", version.unwrap_or_default());
    let broken = answer.get("broken").and_then(Value::as_array).into_iter().flatten();
    let refused = broken.into_iter().find(|it| it["plugin"].as_str().is_some_and(|id| id.starts_with(&starts)));
    match refused {
        Some(it) => {
            let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
            bail!("{} ({}) may not run: {}: {}", text("plugin"), text("file"), text("code"), text("message"))
        }
        None => bail!("the worker has no plugin `{what}`: see `wharf plugin list`, or name a .wasm file"),
    }
}

fn show(plugin: &Shown, output: &mut Output) -> anyhow::Result<()> {
    let Shown { name, version, kind, size, sha256, summary, documentation, aliases, keys, imports, signature } = plugin;
    let capabilities = capabilities(*kind, keys);
    if output.json {
        let value = json!({
            "name": name, "version": version, "kind": kind, "size": size, "sha256": sha256, "summary": summary,
            "documentation": documentation, "aliases": aliases, "keys": keys, "imports": imports,
            "capabilities": capabilities, "signature": signature,
        });
        return Ok(output.json(&value)?);
    }
    output.line(&format!("{name} {version} ({}): {summary}", kind.as_str()))?;
    output.line(&format!("{}, sha256 {sha256}, {}", bytes(*size), super::signature(signature)))?;
    if !aliases.is_empty() {
        output.line(&format!("also known as {}", aliases.join(", ")))?;
    }
    output.line("")?;
    output.line("It can ask for:")?;
    for capability in &capabilities {
        output.line(&format!("  {capability}"))?;
    }
    if !imports.is_empty() {
        output.line(&format!("It imports {}", imports.join(", ")))?;
    }
    output.line("")?;
    let rows = keys.iter().map(|key| {
        let default = match &key.default {
            Some(default) => default.clone(),
            None if key.required => "(required)".to_owned(),
            None => String::new(),
        };
        vec![key.name.clone(), kebab(&key.value_type), default, key.documentation.clone()]
    });
    Ok(output.table(&["KEY", "TYPE", "DEFAULT", "MEANING"], rows.collect())?)
}

/// What it can ask for, in plain words: exactly what its keys can name.
fn capabilities(kind: Kind, keys: &[ConfigKey]) -> Vec<String> {
    use ValueType::{Endpoint, EndpointList, FileRead, FileWrite, PathRead, PathWrite};
    let named = |types: &[ValueType]| {
        let names: Vec<String> =
            keys.iter().filter(|key| types.contains(&key.value_type)).map(|key| format!("`{}`", key.name)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    let mut capabilities = Vec::new();
    capabilities.extend(
        named(&[Endpoint, EndpointList])
            .map(|names| format!("network: connecting to what {names} names, nothing else")),
    );
    capabilities.extend(named(&[FileRead, PathRead]).map(|names| format!("files: reading what {names} names")));
    capabilities
        .extend(named(&[FileWrite, PathWrite]).map(|names| format!("files: reading and writing what {names} names")));
    if kind == Kind::WebhookSource {
        capabilities.push("inbound HTTP: requests that the worker hands on to it".to_owned());
    }
    if capabilities.is_empty() {
        capabilities.push("nothing: no network, no files".to_owned());
    }
    capabilities
}

/// The name of a value type as the contract writes it: `path-read`.
fn kebab(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use wharf_core::plugin::{Importance, Width};

    use super::*;

    fn key(name: &str, value_type: ValueType) -> ConfigKey {
        ConfigKey {
            name: name.to_owned(),
            value_type,
            required: false,
            default: None,
            importance: Importance::High,
            documentation: String::new(),
            group: String::new(),
            order: 0,
            width: Width::None,
            display_name: String::new(),
            dependents: Vec::new(),
            allowed: Vec::new(),
        }
    }

    #[test]
    fn capabilities_are_what_the_keys_can_name() {
        let keys = [key("url", ValueType::Endpoint), key("out", ValueType::FileWrite), key("n", ValueType::Int)];
        let expected =
            ["network: connecting to what `url` names, nothing else", "files: reading and writing what `out` names"];
        assert_eq!(capabilities(Kind::Sink, &keys), expected);
        assert_eq!(capabilities(Kind::Source, &keys[2..]), ["nothing: no network, no files"]);
        assert!(capabilities(Kind::WebhookSource, &[])[0].starts_with("inbound HTTP"));
    }
}
