//! `wharf plugin test`: the conformance kit on the command line.

use std::io::Read as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};
use wharf_conformance::{Options, Report, checks};
use wharf_core::Config;
use wharf_egress::Ceiling;
use wharf_sandbox::{EgressPolicy, Limits, Sandbox, SandboxOptions};

use super::args::TestArgs;
use super::output::Output;

/// The exit code where there is nothing to judge: no such file, a configuration that cannot be read.
const CANNOT_RUN: u8 = 2;

/// Prints the report. 0: all passed; 1: something failed; 2: it cannot be run.
pub(crate) fn run(args: &TestArgs, output: &mut Output) -> anyhow::Result<ExitCode> {
    let report = match &args.file {
        _ if args.list => return list(output).map(|()| ExitCode::SUCCESS),
        Some(file) => test(file, args),
        None => bail!("name the .wasm file to test"),
    };
    let report = match report {
        Ok(report) => report,
        Err(error) => {
            super::report(&error, output.choice());
            return Ok(ExitCode::from(CANNOT_RUN));
        }
    };
    if output.json {
        output.json(&serde_json::to_value(&report).context("write the report")?)?;
    } else {
        output.line(&report.to_string())?;
    }
    Ok(if report.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn list(output: &mut Output) -> anyhow::Result<()> {
    let kind = |only| serde_json::to_value(only).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    if output.json {
        let all = checks().into_iter().map(|check| {
            serde_json::json!({
                "id": check.id, "says": check.says, "only": check.only, "needs-config": check.needs_config
            })
        });
        return Ok(output.json(&all.collect())?);
    }
    let rows = checks().into_iter().map(|check| {
        let config = if check.needs_config { "yes" } else { "" };
        let plugins = check.only.and_then(kind).unwrap_or_else(|| "all".to_owned());
        vec![check.id.to_owned(), plugins, config.to_owned(), check.says.to_owned()]
    });
    Ok(output.table(&["CHECK", "PLUGINS", "NEEDS CONFIG", "WHAT MUST HOLD"], rows.collect())?)
}

fn test(file: &Path, args: &TestArgs) -> anyhow::Result<Report> {
    let wasm = std::fs::read(file).with_context(|| format!("read `{}`", file.display()))?;
    let deadline = Duration::from_millis(args.deadline_ms);
    let limits = Limits { call_deadline: deadline, describe_deadline: deadline, ..Limits::default() };
    let options = Options {
        config: args.config.as_deref().map(read_config).transpose()?,
        strict: args.strict,
        call_deadline: deadline,
        start_deadline: limits.start_deadline,
        describe_deadline: deadline,
        memory_bytes: limits.memory_bytes as u64,
        ..Options::default()
    };
    // Whoever runs this is on this machine, and so is the system that it is tried with.
    let ceiling = Arc::new(Ceiling { loopback: true, ..Ceiling::default() });
    let egress = EgressPolicy { ceiling, ..EgressPolicy::default() };
    let sandbox =
        Sandbox::new(SandboxOptions { limits, egress, ..SandboxOptions::default() }).context("start the sandbox")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let loader: Arc<Sandbox> = sandbox;
    Ok(runtime.block_on(wharf_conformance::run(loader.as_ref(), wasm.into(), options)))
}

fn read_config(file: &str) -> anyhow::Result<Config> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text).context("read the configuration from stdin")?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("read the configuration from `{file}`"))?;
    }
    let parsed = if text.trim_start().starts_with('{') { json(&text) } else { properties(&text) };
    parsed.with_context(|| format!("`{file}` is no configuration"))
}

/// An object of keys and values, or what `POST /connectors` takes.
fn json(text: &str) -> anyhow::Result<Config> {
    let mut object: Map<String, Value> = serde_json::from_str(text).context("it is no JSON object")?;
    if let Some(Value::Object(config)) = object.get_mut("config") {
        object = std::mem::take(config);
    }
    let pair = |(key, value): (String, Value)| match value {
        Value::String(text) => Ok((key, text)),
        Value::Bool(_) | Value::Number(_) => Ok((key, value.to_string())),
        _ => bail!("the value of `{key}` must be text, a number, true or false"),
    };
    object.into_iter().map(pair).collect()
}

/// Lines `key=value`, as Kafka Connect's standalone worker reads them: `#` begins a comment, a backslash at the end of a
/// line goes on with the next, and one before another character makes it plain.
fn properties(text: &str) -> anyhow::Result<Config> {
    let (mut config, mut lines) = (Config::new(), text.lines());
    while let Some(first) = lines.next() {
        let mut line = first.trim_start().to_owned();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        while line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1 {
            line.pop();
            line.push_str(lines.next().unwrap_or_default().trim_start());
        }
        let Some((key, value)) = line.split_once(['=', ':']) else {
            bail!("the line `{line}` has no `=`: write key=value");
        };
        config.insert(plain(key.trim()), plain(value.trim()));
    }
    Ok(config)
}

fn plain(text: &str) -> String {
    let (mut plain, mut chars) = (String::with_capacity(text.len()), text.chars());
    while let Some(char) = chars.next() {
        plain.extend(match char {
            '\\' => match chars.next() {
                Some('n') => Some('\n'),
                Some('t') => Some('\t'),
                Some('r') => Some('\r'),
                other => other,
            },
            char => Some(char),
        });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn properties_are_read_as_kafka_connect_reads_them() {
        let text =
            "# a comment\n\n  file = /tmp/a b\nurl=http://x:1/y=z\ntopic: t\nlist=a,\\\n    b\npath=C\\:\\\\x\n! no\n";
        let expected =
            [("file", "/tmp/a b"), ("list", "a,b"), ("path", "C:\\x"), ("topic", "t"), ("url", "http://x:1/y=z")];
        assert_eq!(properties(text).unwrap(), config(&expected));
        assert!(properties("nonsense").unwrap_err().to_string().contains("write key=value"));
    }

    #[test]
    fn json_may_be_the_configuration_or_what_is_posted() {
        let expected = config(&[("count", "7"), ("on", "true"), ("topic", "t")]);
        assert_eq!(json(r#"{"topic": "t", "count": 7, "on": true}"#).unwrap(), expected);
        assert_eq!(json(r#"{"name": "c", "config": {"topic": "t", "count": 7, "on": true}}"#).unwrap(), expected);
        assert!(json(r#"{"topic": ["t"]}"#).unwrap_err().to_string().contains("`topic` must be text"));
    }
}
