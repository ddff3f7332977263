//! `wharf plugin verify` and `audit`.

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Deserialize;
use wharf_core::plugin::{Finding, Severity};

use super::super::client::Client;
use super::super::output::Output;

#[derive(Deserialize)]
struct Report {
    ok: bool,
    findings: Vec<Finding>,
}

/// Prints what the worker found; fails where it is more than a warning.
pub(super) fn check(path: &str, client: &Client, output: &mut Output) -> anyhow::Result<ExitCode> {
    let answer = client.get(path)?;
    let report: Report = serde_json::from_value(answer.clone()).context("read the worker's report")?;
    let code = if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if output.json {
        output.json(&answer)?;
        return Ok(code);
    }
    for Finding { severity, code, plugin, file, connectors, message } in report.findings {
        let severity = if severity == Severity::Error { "error" } else { "warning" };
        let place = if plugin.is_empty() { file } else { plugin };
        let used = if connectors.is_empty() { String::new() } else { format!(" (used by {})", connectors.join(", ")) };
        output.line(&format!("{severity}: {place}{used}: {code}: {message}"))?;
    }
    output.line(if report.ok { "all is as it should be" } else { "not all is as it should be" })?;
    Ok(code)
}
