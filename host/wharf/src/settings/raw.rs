//! What can stand in `wharf.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde::Deserialize;

use super::keys;

/// The file as it was written; every key may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct File {
    /// Where the log, offsets and configurations are kept.
    pub(crate) data_dir: Option<PathBuf>,
    /// Where plugins are found.
    pub(crate) plugins_dir: Option<PathBuf>,
    /// Whose files are connectors.
    pub(crate) connectors_dir: Option<PathBuf>,
    /// Where the REST API listens.
    pub(crate) listen: Option<String>,
    /// Files and directories that connectors may name; what lies below a directory is allowed too.
    pub(crate) allowed_paths: Option<Vec<PathBuf>>,
    /// How long tasks may take to drain and stop when the worker is told to stop.
    pub(crate) shutdown_timeout_ms: Option<u64>,
    pub(crate) log: Log,
    pub(crate) limits: Limits,
    pub(crate) egress: super::egress::Raw,
    pub(crate) plugins: Plugins,
    pub(crate) restart: Restart,
    pub(crate) tasks: Tasks,
    pub(crate) ingest: super::ingest::Raw,
    pub(crate) secrets: super::secrets::Raw,
    pub(crate) connectors: super::connectors::Raw,
    pub(crate) rest: super::rest::Raw,
    pub(crate) topics: super::topics::Raw,
    pub(crate) telemetry: super::telemetry::Raw,
    pub(crate) logs: super::watching::RawLogs,
    pub(crate) inspect: super::watching::RawInspect,
    pub(crate) http: super::http::Raw,
    pub(crate) tls: super::tls::Raw,
    pub(crate) access: super::access::Raw,
}

/// `[log]`: the embedded queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Log {
    /// A segment file of this size is closed and the next begun.
    pub(crate) segment_bytes: Option<u64>,
    /// When records are made durable.
    pub(crate) sync: Option<Sync>,
    /// With `sync = "group"`: how long to gather records before they are made durable together.
    pub(crate) sync_window_ms: Option<u64>,
    /// With `sync = "interval"`: how much a power failure may take.
    pub(crate) sync_interval_ms: Option<u64>,
    /// How many partitions a topic gets that is created by its first record.
    pub(crate) default_partitions: Option<u32>,
    /// Old records are deleted while a partition is larger than this.
    pub(crate) retention_bytes: Option<u64>,
    /// Records older than this are deleted.
    pub(crate) retention_ms: Option<u64>,
}

/// When records are made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sync {
    /// Before they are acknowledged.
    Group,
    /// Within an interval after they were acknowledged.
    Interval,
    /// When the operating system sees fit.
    None,
}

/// `[limits]`: what one instance of a plugin may use. Connectors may set less.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Its memory, in MiB.
    pub(crate) memory_mb: Option<usize>,
    /// Its CPU time, in percent of one core.
    pub(crate) cpu_percent: Option<u32>,
    /// How long one call may take.
    pub(crate) call_deadline_ms: Option<u64>,
    /// What one call may hand over, in MiB.
    pub(crate) output_mb: Option<usize>,
    /// Rows that a task moves in a second.
    pub(crate) rows_per_second: Option<u64>,
    /// Bytes that a task moves in a second.
    pub(crate) bytes_per_second: Option<u64>,
    /// Log lines beyond this are counted instead of written.
    pub(crate) log_lines_per_second: Option<u32>,
    /// Sockets open at a time.
    pub(crate) sockets: Option<usize>,
    /// HTTP requests under way at a time.
    pub(crate) http_requests: Option<usize>,
    /// Bytes sent and received in a second.
    pub(crate) network_bytes_per_second: Option<u64>,
}

/// `[plugins]`: which plugins may run, and where they may come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Plugins {
    /// What becomes of a plugin that no pinned key signed.
    pub(crate) unsigned: Option<Unsigned>,
    /// Whose plugins are trusted to be theirs.
    pub(crate) publishers: Vec<Publisher>,
    /// Whether a file that was dropped in waits for `wharf plugin approve`.
    pub(crate) require_approval: Option<bool>,
    /// Digests and `name@version`s that must not run.
    pub(crate) revoked: Vec<String>,
    /// Hosts that plugins may be installed from.
    pub(crate) allowed_hosts: Option<Vec<String>>,
    /// How large a plugin may be.
    pub(crate) max_bytes: Option<u64>,
    /// How long compiling one may take.
    pub(crate) compile_timeout_ms: Option<u64>,
}

/// What becomes of a plugin that no pinned key signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Unsigned {
    /// It runs.
    Allow,
    /// It runs, and the log and every audit say so.
    Warn,
    /// It does not run.
    Deny,
}

/// `[[plugins.publishers]]`: a publisher and the key that its plugins are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Publisher {
    /// What it is called in messages and records.
    pub(crate) name: String,
    /// The text of its minisign public key.
    pub(crate) key: String,
    /// Names of plugins that are its own, `*` standing for anything.
    pub(crate) plugins: Vec<String>,
}

/// `[restart]`: when a failed task is started again without being asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Restart {
    /// Whether it is at all.
    pub(crate) enabled: Option<bool>,
    /// The wait before the first restart; it doubles with each failure.
    pub(crate) backoff_initial_ms: Option<u64>,
    /// The longest wait.
    pub(crate) backoff_max_ms: Option<u64>,
    /// After so many failures within `window-ms` the task is FAILED.
    pub(crate) max_failures: Option<u32>,
    /// See `max-failures`.
    pub(crate) window_ms: Option<u64>,
}

/// `[tasks]`: how tasks move records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Tasks {
    /// How often a sink makes durable what it took, at least.
    pub(crate) flush_interval_ms: Option<u64>,
    /// How many batches of a source may wait for the queue.
    pub(crate) max_in_flight: Option<usize>,
    /// The most records of one poll.
    pub(crate) poll_max_rows: Option<u32>,
    /// The most bytes of one poll.
    pub(crate) poll_max_bytes: Option<u32>,
    /// After how long without progress a task that has something to do is called stalled.
    pub(crate) stalled_after_ms: Option<u64>,
}

impl File {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("read the settings `{}`", path.display()))?;
        Self::parse(&text).with_context(|| format!("read the settings `{}`", path.display()))
    }

    /// Reads the text of a file.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let table: toml::Table = toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))?;
        let wrong = keys::check(&table);
        if !wrong.is_empty() {
            bail!("{}", wrong.join("\n"));
        }
        toml::from_str(text).map_err(|error| anyhow!("{}", error.to_string().trim_end()))
    }
}
