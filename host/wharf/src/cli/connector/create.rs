//! `wharf connector create` and `apply`.

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use ureq::http::Method;
use wharf_core::Config;

use super::super::args::CreateArgs;
use super::super::client::Client;
use super::super::exit::{Answered, Usage};
use super::super::output::Output;
use super::path;
use crate::connector_file::{self, Declared};

pub(super) fn create(args: CreateArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let Some(name) = args.name else {
        return each(read_all(&args.file)?, args.replace, client, output);
    };
    let mut config = match args.config.as_deref() {
        Some(file) => of_file(&name, file)?,
        None => Config::new(),
    };
    config.extend(args.keys);
    if config.is_empty() {
        let hint = "add connector.class=… and the keys of its plugin, --config FILE, or -f FILE";
        return Err(Usage(format!("a connector needs a configuration: {hint}")).into());
    }
    let connector = Declared { name, config, initial_state: None };
    let answer = send(&connector, args.replace, client)?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    said(&connector.name, output)
}

pub(super) fn apply(files: &[String], client: &Client, output: &mut Output) -> anyhow::Result<()> {
    each(read_all(files)?, true, client, output)
}

/// All files are read before the first connector is created, so that a slip in one of them changes nothing.
fn read_all(files: &[String]) -> anyhow::Result<Vec<Declared>> {
    let mut found: Vec<Declared> = Vec::new();
    for file in files {
        for connector in connector_file::read(file)? {
            if found.iter().any(|known| known.name == connector.name) {
                return Err(anyhow!("{file}: the connector `{}` is in an earlier file too", connector.name));
            }
            found.push(connector);
        }
    }
    Ok(found)
}

/// `replace`: a connector that exists is changed.
fn each(connectors: Vec<Declared>, replace: bool, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    for connector in connectors {
        // What came before it is done, and stays so.
        let sent = send(&connector, replace, client);
        let answer = sent.with_context(|| format!("connector `{}`", connector.name))?;
        if output.json {
            output.json(&answer)?;
        } else {
            said(&connector.name, output)?;
        }
        // Whoever waits sees how far it has come.
        output.flush()?;
    }
    Ok(())
}

fn said(name: &str, output: &mut Output) -> anyhow::Result<()> {
    Ok(output.line(&format!("connector {name} is configured; `wharf connector status {name}` shows what it does"))?)
}

fn send(connector: &Declared, replace: bool, client: &Client) -> anyhow::Result<Value> {
    // Only creating knows a state to begin with.
    if replace && (connector.initial_state.is_none() || exists(&connector.name, client)?) {
        let body = json!(connector.config);
        return client.call(&Method::PUT, &path(&connector.name, "/config"), Some(&body));
    }
    let mut body = json!({"name": connector.name, "config": connector.config});
    if let (Some(state), Some(body)) = (connector.initial_state, body.as_object_mut()) {
        body.insert("initial_state".to_owned(), state.as_str().into());
    }
    client.call(&Method::POST, "/connectors", Some(&body)).map_err(|error| match error.downcast::<Answered>() {
        Ok(Answered { status: 409, message }) if message.ends_with("already exists") => {
            Answered { status: 409, message: format!("{message}: to change it, add --replace") }.into()
        }
        Ok(answered) => answered.into(),
        Err(error) => error,
    })
}

fn exists(name: &str, client: &Client) -> anyhow::Result<bool> {
    match client.get(&path(name, "")) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.downcast_ref(), Some(Answered { status: 404, .. })) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The configuration itself, or what `POST /connectors` takes; the file's own name does not matter.
fn of_file(name: &str, file: &str) -> anyhow::Result<Config> {
    let (found, named) = connector_file::read_one(file)?;
    match named {
        Some(other) if other != name => Err(anyhow!("`{file}` is the configuration of `{other}`, not of `{name}`")),
        _ => Ok(found),
    }
}
