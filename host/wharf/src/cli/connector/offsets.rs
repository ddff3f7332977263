//! `wharf connector offsets …`

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};
use ureq::http::Method;

use super::super::args::{OffsetsCommand, SetOffsetsArgs};
use super::super::client::Client;
use super::super::exit::Usage;
use super::super::output::Output;
use super::path;

pub(super) fn run(command: OffsetsCommand, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    match command {
        OffsetsCommand::Get(one) => get(&one.name, client, output),
        OffsetsCommand::Set(args) => set(&args, client, output),
        OffsetsCommand::Reset { name, partition: None } => {
            let answer = client.call(&Method::DELETE, &path(&name, "/offsets"), None)?;
            say(&answer, output)
        }
        OffsetsCommand::Reset { name, partition: Some(partition) } => {
            let entry = json!({"partition": object("--partition", &partition)?, "offset": null});
            alter(&name, vec![entry], client, output)
        }
    }
}

fn get(name: &str, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let answer = client.get(&path(name, "/offsets"))?;
    if output.json {
        return Ok(output.json(&answer)?);
    }
    let offsets = answer.get("offsets").and_then(Value::as_array).context("read the worker's answer")?;
    if offsets.is_empty() {
        return Ok(output.line("no offsets so far")?);
    }
    let text = |entry: &Value, key: &str| entry.get(key).map(Value::to_string).unwrap_or_default();
    let rows = offsets.iter().map(|entry| vec![text(entry, "partition"), text(entry, "offset")]);
    Ok(output.table(&["PARTITION", "OFFSET"], rows.collect())?)
}

fn set(args: &SetOffsetsArgs, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let entries = match (&args.file, &args.partition, &args.offset) {
        (Some(file), ..) => of_file(&file.to_string_lossy())?,
        (None, Some(partition), Some(offset)) => {
            let offset = if offset.trim() == "null" { Value::Null } else { object("--offset", offset)? };
            vec![json!({"partition": object("--partition", partition)?, "offset": offset})]
        }
        _ => return Err(Usage("write --partition and --offset, or --file".to_owned()).into()),
    };
    alter(&args.name, entries, client, output)
}

/// What `offsets get --json` prints, or the list in it.
fn of_file(file: &str) -> anyhow::Result<Vec<Value>> {
    let text = if file == "-" {
        std::io::read_to_string(std::io::stdin()).context("read the offsets from stdin")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("read the offsets from `{file}`"))?
    };
    let value: Value = serde_json::from_str(&text).with_context(|| format!("`{file}` is no JSON"))?;
    let entries = value.get("offsets").unwrap_or(&value).as_array();
    entries.cloned().with_context(|| format!("`{file}` holds no offsets: write {{\"offsets\":[…]}}"))
}

fn object(flag: &str, text: &str) -> anyhow::Result<Value> {
    let wrong =
        || anyhow!(Usage(format!("`{text}` of {flag} is no JSON object: write one such as {{\"key\":\"value\"}}")));
    let value: Value = serde_json::from_str(text).map_err(|_| wrong())?;
    if value.is_object() { Ok(value) } else { Err(wrong()) }
}

fn alter(name: &str, entries: Vec<Value>, client: &Client, output: &mut Output) -> anyhow::Result<()> {
    let body = json!({"offsets": entries});
    let answer = client.call(&Method::PATCH, &path(name, "/offsets"), Some(&body))?;
    say(&answer, output)
}

/// The worker says what became of it.
fn say(answer: &Value, output: &mut Output) -> anyhow::Result<()> {
    if output.json {
        return Ok(output.json(answer)?);
    }
    Ok(output.line(answer.get("message").and_then(Value::as_str).unwrap_or("done"))?)
}
