//! `wharf plugin install`, `uninstall` and `approve`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::{Value, json};
use ureq::http::Method;

use super::super::args::{InstallArgs, PluginRef};
use super::super::client::{Client, segment};
use super::super::output::Output;

pub(super) fn install(args: InstallArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let InstallArgs { what, sha256, signature, replace } = args;
    let signature = match (&signature, is_url(&what)) {
        (Some(path), _) => Some(text(path)?),
        (None, true) => None,
        (None, false) => beside(&what).filter(|path| path.exists()).map(|path| text(&path)).transpose()?,
    };
    let installed = if is_url(&what) {
        let mut body = json!({"url": what, "replace": replace});
        for (key, value) in [("sha256", sha256), ("signature", signature)] {
            if let (Some(value), Some(body)) = (value, body.as_object_mut()) {
                body.insert(key.to_owned(), value.into());
            }
        }
        client.call(&Method::POST, "/plugins", Some(&body))?
    } else {
        let bytes = std::fs::read(&what).with_context(|| format!("read `{what}`"))?;
        let mut path = format!("/plugins?replace={replace}");
        for (key, value) in [("sha256", sha256), ("signature", signature)] {
            if let Some(value) = value {
                path.push_str(&format!("&{key}={}", segment(&value)));
            }
        }
        client.upload(&path, &bytes)?
    };
    say(&installed, "installed", output)
}

fn is_url(what: &str) -> bool {
    what.starts_with("https://") || what.starts_with("http://")
}

fn beside(file: &str) -> Option<PathBuf> {
    Some(PathBuf::from(format!("{file}.minisig"))).filter(|_| !file.is_empty())
}

fn text(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("read the signature `{}`", path.display()))
}

pub(super) fn approve(
    plugin: &PluginRef,
    sha256: Option<String>,
    client: &Client,
    output: &mut Output,
) -> anyhow::Result<()> {
    let query = sha256.map(|digest| format!("?sha256={}", segment(&digest))).unwrap_or_default();
    let approved = client.call(&Method::POST, &format!("{}/approve{query}", path(plugin)), None)?;
    say(&approved, "approved", output)
}

pub(super) fn uninstall(plugin: &PluginRef, force: bool, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let gone = client.call(&Method::DELETE, &format!("{}?force={force}", path(plugin)), None)?;
    if output.json {
        return Ok(output.json(&gone)?);
    }
    let PluginRef { name, version } = plugin;
    output.line(&format!("uninstalled {name}@{version}"))?;
    let used: Vec<&str> =
        gone.get("used_by").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if !used.is_empty() {
        output.line(&format!("still running it, until they are restarted: {}", used.join(", ")))?;
    }
    Ok(())
}

fn path(PluginRef { name, version }: &PluginRef) -> String {
    format!("/plugins/{}/{}", segment(name), segment(version))
}

fn say(plugin: &Value, done: &str, output: &mut Output) -> anyhow::Result<()> {
    if output.json {
        return Ok(output.json(plugin)?);
    }
    let text = |key: &str| plugin[key].as_str().unwrap_or_default();
    let signature = super::signature(&plugin["signature"]);
    output.line(&format!("{done} {}@{} as {}", text("name"), text("version"), text("file")))?;
    Ok(output.line(&format!("sha256 {}, {signature}", text("sha256")))?)
}
