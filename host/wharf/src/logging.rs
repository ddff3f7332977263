//! The worker's own log, on stderr.

use std::io::IsTerminal as _;

use anyhow::{Context as _, anyhow};
use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Starts the log. Which lines: `WHARF_LOG`, else `RUST_LOG`, else `info`.
pub(crate) fn start(format: LogFormat, color: anstream::ColorChoice) -> anyhow::Result<()> {
    let set = ["WHARF_LOG", "RUST_LOG"].into_iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
    let filter = match set.filter(|(_, directives)| !directives.is_empty()) {
        Some((name, directives)) => EnvFilter::try_new(&directives).with_context(|| {
            format!("{name}={directives} is no log filter: write info, or wharf_runtime=debug,info")
        })?,
        None => EnvFilter::new("info"),
    };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
        LogFormat::Text => {
            let color = color != anstream::ColorChoice::Never && std::io::stderr().is_terminal();
            lines.with_ansi(color).with_target(false).try_init()
        }
    };
    started.map_err(|error| anyhow!("start the log: {error}"))
}
