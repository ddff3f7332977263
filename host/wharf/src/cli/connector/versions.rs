//! `wharf connector versions` and `rollback`.

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;
use ureq::http::Method;
use wharf_core::Config;

use super::super::client::Client;
use super::super::output::Output;
use super::path;

#[derive(Deserialize)]
struct Versions {
    current: u64,
    versions: Vec<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
    at: String,
    #[serde(default)]
    by: String,
    #[serde(default)]
    config: Config,
}

pub(super) fn list(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&path(name, "/config/versions"))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let Versions { current, versions } = serde_json::from_value(answer).context("read the worker's answer")?;
    let mut rows = Vec::with_capacity(versions.len());
    for (index, version) in versions.iter().enumerate() {
        let mark = if version.version == current { "*" } else { "" };
        // Newest first: the next one is what it was before.
        let changes = match versions.get(index + 1) {
            Some(before) => difference(&before.config, &version.config),
            None => format!("{} keys", version.config.len()),
        };
        let by = if version.by.is_empty() { "-".to_owned() } else { version.by.clone() };
        rows.push(vec![mark.to_owned(), version.version.to_string(), version.at.clone(), by, changes]);
    }
    Ok(output.table(&["", "VERSION", "AT", "BY", "CHANGES"], rows)?)
}

/// `+added ~changed -removed`
fn difference(before: &Config, after: &Config) -> String {
    let added = after.keys().filter(|key| !before.contains_key(*key)).map(|key| format!("+{key}"));
    let changed = after.iter().filter(|(key, value)| before.get(*key).is_some_and(|old| old != *value));
    let changed = changed.map(|(key, _)| format!("~{key}"));
    let removed = before.keys().filter(|key| !after.contains_key(*key)).map(|key| format!("-{key}"));
    let all: Vec<String> = added.chain(changed).chain(removed).collect();
    if all.is_empty() { "none that can be shown".to_owned() } else { all.join(" ") }
}

pub(super) fn rollback(name: &str, version: u64, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let body = json!({"version": version});
    let answer = client.call(&Method::POST, &path(name, "/config/rollback"), Some(&body))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    Ok(output.line(&format!("connector {name} has the configuration of version {version} again"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart_by_their_keys() {
        let config = |pairs: &[(&str, &str)]| -> Config {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let before = config(&[("same", "1"), ("old", "1"), ("other", "1")]);
        let after = config(&[("same", "1"), ("new", "1"), ("other", "2")]);
        assert_eq!(difference(&before, &after), "+new ~other -old");
        assert_eq!(difference(&before, &before), "none that can be shown");
    }
}
