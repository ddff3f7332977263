//! The worker's own log: lines on stderr, and the last lines of each connector in memory.
//!
//! ```text
//!  event ──▶ filter ──▶ stderr                      what the loggers let through
//!     └────▶ filter ──▶ keeper ──▶ book             the same, and INFO and above whatever they say; of connectors only
//! ```
//!
//! What is let through is set by `WHARF_LOG` at the start and changed by `/admin/loggers` while the worker runs:
//! [`names`] says what a logger's name means, [`levels`] is the table of them, [`filter`] asks it. A line is of the connector
//! that its field `connector` names, or that of the span it was logged in ([`line`](mod@line)); such lines are kept in the [`book`], where
//! `GET /connectors/{name}/logs` looks.

mod book;
mod filter;
mod follow;
mod keeper;
mod levels;
mod line;
mod names;
mod redact;
mod sweep;

use std::io::IsTerminal as _;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, anyhow};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

use crate::cli::LogFormat;
pub(crate) use book::{Book, Limits};
pub(crate) use levels::Levels;
pub(crate) use redact::Redact;
use redact::Redacted;
pub(crate) use sweep::sweep;

/// The log, once it is started. There is one in a process.
#[derive(Clone)]
pub(crate) struct Logging {
    /// The last lines of each connector.
    pub(crate) book: Book,
    /// What is let through.
    pub(crate) levels: Arc<Levels>,
    redact: Arc<OnceLock<Redact>>,
}

impl Logging {
    /// From now on every line of a connector passes `redact`, on stderr and in memory. Only the first call counts.
    pub(crate) fn redact_by(&self, redact: Redact) {
        self.redact.set(redact).ok();
    }
}

/// Starts the log. Which lines: `WHARF_LOG`, else `RUST_LOG`, else `info`.
pub(crate) fn start(format: LogFormat, color: anstream::ColorChoice) -> anyhow::Result<Logging> {
    let set = ["WHARF_LOG", "RUST_LOG"].into_iter().find_map(|name| Some((name, std::env::var(name).ok()?)));
    let directives = match set.filter(|(_, directives)| !directives.is_empty()) {
        Some((name, directives)) => {
            EnvFilter::try_new(&directives).with_context(|| {
                format!("{name}={directives} is no log filter: write info, or wharf_runtime=debug,info")
            })?;
            directives
        }
        None => "info".to_owned(),
    };
    let levels = Arc::new(Levels::new(&directives));
    let redact = Arc::new(OnceLock::new());
    let book = Book::new(Limits::default());
    let keeper = keeper::Keeper::new(book.clone(), redact.clone()).with_filter(filter::Kept(levels.selected()));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let stderr = match format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            let inner = fmt::format().json().flatten_event(true);
            lines
                .event_format(Redacted::new(inner, redact.clone()))
                .with_filter(filter::Shown(levels.selected()))
                .boxed()
        }
        LogFormat::Text => {
            let color = color != anstream::ColorChoice::Never && std::io::stderr().is_terminal();
            let inner = fmt::format().with_ansi(color).with_target(false);
            let lines = lines.with_ansi(color).event_format(Redacted::new(inner, redact.clone()));
            lines.with_filter(filter::Shown(levels.selected())).boxed()
        }
    };
    let started = tracing_subscriber::registry().with(keeper).with(stderr).try_init();
    started.map_err(|error| anyhow!("start the log: {error}"))?;
    Ok(Logging { book, levels, redact })
}
