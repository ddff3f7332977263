//! `wharf connector edit`: a configuration in the user's own editor.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};
use serde_json::json;
use ureq::http::Method;
use wharf_core::Config;

use super::super::client::Client;
use super::super::output::Output;
use super::path;
use crate::connector_file;

pub(super) fn edit(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let before: Config =
        serde_json::from_value(client.get(&path(name, "/config"))?).context("read the worker's answer")?;
    let file = write(&before)?;
    let edited = in_editor(&file).and_then(|()| Ok(connector_file::read_one(&file.to_string_lossy())?.0));
    let kept = || format!("what you wrote is kept in `{}`", file.display());
    let mut after = edited.with_context(kept)?;
    after.insert("name".to_owned(), name.to_owned());
    let is_changed = before.iter().filter(|(key, _)| *key != "name").ne(after.iter().filter(|(key, _)| *key != "name"));
    if !is_changed {
        fs::remove_file(&file).ok();
        return if output.json {
            Ok(output.json(&json!({"name": name, "done": "nothing"}))?)
        } else {
            Ok(output.line("nothing was changed")?)
        };
    }
    let sent = client.call(&Method::PUT, &path(name, "/config"), Some(&json!(after)));
    let answer = sent.with_context(kept)?;
    fs::remove_file(&file).ok();
    if output.json {
        return Ok(output.json(&answer)?);
    }
    Ok(output.line(&format!("connector {name} is configured"))?)
}

/// For its owner only: a configuration may hold secrets.
fn write(config: &Config) -> anyhow::Result<PathBuf> {
    let text = serde_json::to_string_pretty(config).context("write the configuration")?;
    let file = std::env::temp_dir().join(format!("wharf-{}.json", std::process::id()));
    let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    let written = open.and_then(|mut opened| writeln!(opened, "{text}"));
    written.with_context(|| format!("write the configuration to `{}`", file.display()))?;
    Ok(file)
}

/// `$VISUAL` and `$EDITOR` are commands of the shell, with arguments where the user likes.
fn in_editor(file: &Path) -> anyhow::Result<()> {
    let set = ["VISUAL", "EDITOR"].into_iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()));
    let editor = set.unwrap_or_else(|| "vi".to_owned());
    let ended = Command::new("sh").arg("-c").arg(format!("{editor} \"$1\"")).arg("sh").arg(file).status();
    let ended = ended.with_context(|| format!("start the editor `{editor}`"))?;
    if !ended.success() {
        bail!("the editor `{editor}` ended with {ended}: set EDITOR to another one");
    }
    Ok(())
}
