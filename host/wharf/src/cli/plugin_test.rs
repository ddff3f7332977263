//! `wharf plugin test`: the conformance kit on the command line.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use wharf_conformance::{Options, Report, checks};
use wharf_core::Config;
use wharf_egress::Ceiling;
use wharf_sandbox::{EgressPolicy, Limits, Sandbox, SandboxOptions};

use super::args::TestArgs;
use super::exit::Exit;
use super::output::Output;
use crate::connector_file;

/// The exit code where there is nothing to judge: no such file, a configuration that cannot be read.
const CANNOT_RUN: Exit = Exit::Usage;

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
            return Ok(CANNOT_RUN.into());
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
        config: args.config.as_deref().map(config).transpose()?,
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

/// In any format, and called anything.
fn config(file: &str) -> anyhow::Result<Config> {
    Ok(connector_file::read_one(file)?.0)
}
