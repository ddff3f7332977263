//! What a worker is told: flags and environment over `wharf.toml` over defaults.
//!
//! [`raw::File`] is what stands in the file, every key optional. [`Settings`] is what the worker acts on, checked and
//! complete; only [`Settings::load`] makes one. Flags and environment variables come merged from the command line.
//!
//! | key of `wharf.toml` | flag, environment | default |
//! |---|---|---|
//! | `data-dir` | `--data-dir`, `WHARF_DATA_DIR` | `./wharf-data` |
//! | `plugins-dir` | `--plugins-dir`, `WHARF_PLUGINS_DIR` | `./plugins` |
//! | `connectors-dir` | `--connectors-dir`, `WHARF_CONNECTORS_DIR` | `./connectors.d` if it is there |
//! | `listen` | `--listen`, `WHARF_LISTEN` | `127.0.0.1:8083` |
//! | `allowed-paths` | | anything but Wharf's own directories, `/proc`, `/sys`, `/dev` |
//! | `shutdown-timeout-ms` | | 5000 |
//! | `[log]` `[limits]` `[plugins]` `[restart]` `[tasks]` | | see [`raw`] |
//! | `[egress]` | | see [`egress::Raw`] |
//! | `[ingest]` | | see [`ingest`](mod@ingest) |
//! | `[secrets]` | | see [`secrets`](mod@secrets) |
//! | `[connectors]` | | see [`connectors`](mod@connectors) |
//! | `[rest]` `[topics]` | | see [`rest`](mod@rest), [`topics`](mod@topics) |
//! | `[telemetry]` | `OTEL_EXPORTER_OTLP_ENDPOINT`, … | see [`telemetry`](mod@telemetry) |
//! | `[logs]` `[inspect]` | | see [`watching`](mod@watching) |
//! | `[http]` `[tls]` `[access]` | | see [`http`](mod@http), [`tls`](mod@tls), [`access`](mod@access) |
//!
//! [`table`] has every key with its type, default and meaning; `wharf config show` and the documentation come from it.
//!
//! Relative paths in the file are relative to the file; those of flags and defaults to the working directory.

mod access;
pub(crate) mod check;
mod connectors;
mod egress;
mod http;
mod ingest;
pub(crate) mod keys;
mod plugins;
pub(crate) mod raw;
mod rest;
mod secrets;
pub(crate) mod table;
mod telemetry;
mod tls;
mod topics;
mod watching;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use wharf_api::InspectOptions;
use wharf_api::listen::TlsFiles;
use wharf_core::limits::TaskLimits;
use wharf_core::policy::RestartPolicy;
use wharf_drivers::log::{LogOptions, SyncPolicy};
use wharf_runtime::WorkerOptions;
use wharf_sandbox::{EgressPolicy, Limits};

use crate::access::Door;
use crate::cli::RunArgs;
use crate::follow::Sources;
use crate::logging;
pub(crate) use ingest::Ingest;
pub(crate) use rest::Rest;
pub(crate) use secrets::Secrets;
pub(crate) use telemetry::Telemetry;

/// The settings file that is read where none is named.
pub(crate) const DEFAULT_FILE: &str = "wharf.toml";
/// The folder of connectors that is followed where none is named and it is there.
const DEFAULT_CONNECTORS: &str = "connectors.d";
const DEFAULT_DATA_DIR: &str = "wharf-data";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8083);

/// What a worker acts on.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The file they come from, where there was one.
    pub(crate) file: Option<PathBuf>,
    /// Absolute.
    pub(crate) data_dir: PathBuf,
    /// Absolute.
    pub(crate) plugins_dir: PathBuf,
    /// Connectors that come from files.
    pub(crate) connectors: Sources,
    pub(crate) listen: SocketAddr,
    /// What connectors may name as paths; `None`: anything that is not forbidden to all.
    pub(crate) allowed_paths: Option<Vec<PathBuf>>,
    pub(crate) log: LogOptions,
    pub(crate) limits: Limits,
    /// The most that a connector may set for itself.
    pub(crate) ceiling: TaskLimits,
    /// What connectors may reach over the network.
    pub(crate) egress: EgressPolicy,
    /// Which plugins may run.
    pub(crate) plugins: plugins::Plugins,
    /// But for the id and the cluster's, which are known only later.
    pub(crate) worker: WorkerOptions,
    /// The listener for requests from outside; `None`: there is none.
    pub(crate) ingest: Option<Ingest>,
    /// What placeholders may stand for, and the key that seals what is stored.
    pub(crate) secrets: Secrets,
    /// How the REST API answers.
    pub(crate) rest: Rest,
    /// Where traces and metrics go; `None`: nowhere.
    pub(crate) telemetry: Option<Telemetry>,
    /// What is kept of each connector's log lines.
    pub(crate) logs: logging::Limits,
    /// Whether records may be looked at, and what is hidden then.
    pub(crate) inspect: InspectOptions,
    /// What bounds the REST API's listener.
    pub(crate) http: http::Http,
    /// Its certificate; `None`: it speaks no TLS.
    pub(crate) tls: Option<TlsFiles>,
    /// Who may use it.
    pub(crate) door: Door,
}

impl Settings {
    /// Reads the file, puts flags and environment over it, and checks the whole.
    pub(crate) fn load(args: &RunArgs) -> anyhow::Result<Self> {
        let (file, raw) = read_file(args.config.as_deref())?;
        let settings = Self::resolve(args, raw, file.as_deref());
        match file {
            Some(file) => settings.with_context(|| format!("take the settings from `{}`", file.display())),
            None => settings,
        }
    }

    fn resolve(args: &RunArgs, raw: raw::File, file: Option<&Path>) -> anyhow::Result<Self> {
        let beside_file = |path: PathBuf| match file.and_then(Path::parent) {
            Some(folder) => folder.join(path),
            None => path,
        };
        let pick = |flag: &Option<PathBuf>, key: Option<PathBuf>, default: &str| {
            let path = flag.clone().or_else(|| key.map(beside_file)).unwrap_or_else(|| default.into());
            std::path::absolute(&path).with_context(|| format!("find out where `{}` is", path.display()))
        };
        let here =
            |path: &Path| std::path::absolute(path).with_context(|| format!("find out where `{}` is", path.display()));
        let connectors_dir = args.connectors_dir.clone().or_else(|| raw.connectors_dir.map(beside_file));
        let connectors_dir =
            connectors_dir.or_else(|| Some(DEFAULT_CONNECTORS.into()).filter(|path: &PathBuf| path.is_dir()));
        let connectors = Sources {
            files: args.connector.iter().map(|path| here(path)).collect::<anyhow::Result<_>>()?,
            folder: connectors_dir.map(|path| here(&path)).transpose()?,
        };
        let listen = match (args.listen, &raw.listen) {
            (Some(listen), _) => listen,
            (None, Some(text)) => parse_listen(text).map_err(|hint| anyhow::anyhow!("`listen` is `{text}`: {hint}"))?,
            (None, None) => DEFAULT_LISTEN,
        };
        let absolute = |paths: Vec<PathBuf>| {
            paths.into_iter().map(|path| std::path::absolute(beside_file(path))).collect::<Result<Vec<_>, _>>()
        };
        let limits = limits(&raw.limits)?;
        let ceiling = ceiling(&raw.limits, &limits)?;
        let egress = egress::policy(&raw.egress, &ceiling, listen.ip().is_loopback(), beside_file)?;
        let ingest = ingest::resolve(&raw.ingest, beside_file)?;
        let data_dir = pick(&args.data_dir, raw.data_dir, DEFAULT_DATA_DIR)?;
        let tls = tls::resolve(&raw.tls, beside_file)?;
        let tokens = access::file(&raw.access, &data_dir, beside_file);
        let door = access::resolve(&raw.access, tokens, listen, tls.as_ref(), args.insecure)?;
        let mut worker = worker(raw.shutdown_timeout_ms, &raw.restart, &raw.tasks)?;
        worker.history = connectors::history(&raw.connectors, worker.history)?;
        worker.topics = topics::resolve(&raw.topics);
        worker.ingest = ingest.as_ref().map(|ingest| ingest.options.clone());
        let secrets = secrets::resolve(&raw.secrets, &data_dir, beside_file)?;
        Ok(Self {
            file: file.map(Path::to_owned),
            data_dir,
            secrets,
            plugins_dir: pick(&args.plugins_dir, raw.plugins_dir, "plugins")?,
            connectors,
            listen,
            allowed_paths: raw.allowed_paths.map(absolute).transpose().context("find out where `allowed-paths` are")?,
            log: log(&raw.log)?,
            egress,
            limits,
            ceiling,
            plugins: plugins::Plugins::resolve(raw.plugins)?,
            worker,
            ingest,
            rest: rest::resolve(&raw.rest),
            telemetry: telemetry::resolve(&raw.telemetry, |name| std::env::var(name).ok())?,
            logs: watching::logs(&raw.logs)?,
            inspect: watching::inspect(&raw.inspect)?,
            http: http::resolve(&raw.http)?,
            tls,
            door,
        })
    }

    /// Where the file of tokens is for a worker that is started with this settings file and this data directory.
    pub(crate) fn tokens_file(config: Option<&Path>, data_dir: Option<&Path>) -> anyhow::Result<PathBuf> {
        let (file, raw) = read_file(config)?;
        let beside_file = |path: PathBuf| match file.as_deref().and_then(Path::parent) {
            Some(folder) => folder.join(path),
            None => path,
        };
        let named = data_dir.map(Path::to_owned).or_else(|| raw.data_dir.clone().map(beside_file));
        Ok(access::file(&raw.access, &named.unwrap_or_else(|| DEFAULT_DATA_DIR.into()), beside_file))
    }
}

/// The settings file and what stands in it: the one that is named, or else `wharf.toml` where it is there.
fn read_file(named: Option<&Path>) -> anyhow::Result<(Option<PathBuf>, raw::File)> {
    match named {
        Some(path) => Ok((Some(path.to_owned()), raw::File::read(path)?)),
        None if Path::new(DEFAULT_FILE).exists() => {
            Ok((Some(DEFAULT_FILE.into()), raw::File::read(Path::new(DEFAULT_FILE))?))
        }
        None => Ok((None, raw::File::default())),
    }
}

/// `127.0.0.1:8083`, `[::1]:8083`, `localhost:8083` or `:8083`, which means the same machine too.
pub(crate) fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let local = text.strip_prefix("localhost:").or_else(|| text.strip_prefix(':'));
    let parsed = match local {
        Some(port) => port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| "write an address and a port, such as 127.0.0.1:8083".to_owned())
}

fn at_least<T: PartialOrd + std::fmt::Display>(key: &str, value: T, least: T) -> anyhow::Result<T> {
    if value < least {
        bail!("`{key}` is {value}: write at least {least}");
    }
    Ok(value)
}

fn log(raw: &raw::Log) -> anyhow::Result<LogOptions> {
    let default = LogOptions::default();
    let window = raw.sync_window_ms.map(Duration::from_millis);
    let interval = raw.sync_interval_ms.map(Duration::from_millis);
    let sync = match raw.sync {
        None | Some(raw::Sync::Group) if interval.is_some() => {
            bail!("`log.sync-interval-ms` has no effect here: write `sync = \"interval\"` beside it")
        }
        Some(raw::Sync::Interval | raw::Sync::None) if window.is_some() => {
            bail!("`log.sync-window-ms` has no effect here: write `sync = \"group\"` beside it")
        }
        Some(raw::Sync::None) if interval.is_some() => {
            bail!("`log.sync-interval-ms` has no effect here: write `sync = \"interval\"` beside it")
        }
        None if window.is_none() => default.sync,
        None | Some(raw::Sync::Group) => SyncPolicy::Group { window: window.unwrap_or_default() },
        Some(raw::Sync::Interval) => SyncPolicy::Interval(interval.unwrap_or(Duration::from_millis(50))),
        Some(raw::Sync::None) => SyncPolicy::None,
    };
    Ok(LogOptions {
        sync,
        segment_bytes: at_least("log.segment-bytes", raw.segment_bytes.unwrap_or(default.segment_bytes), 1 << 20)?,
        default_partitions: at_least(
            "log.default-partitions",
            raw.default_partitions.unwrap_or(default.default_partitions),
            1,
        )?,
        retention_bytes: raw.retention_bytes.or(default.retention_bytes),
        retention_age: raw.retention_ms.map(Duration::from_millis).or(default.retention_age),
        ..default
    })
}

fn limits(raw: &raw::Limits) -> anyhow::Result<Limits> {
    let mut limits = Limits::default();
    if let Some(mib) = raw.memory_mb {
        limits.memory_bytes = at_least("limits.memory-mb", mib, 1)? << 20;
    }
    if let Some(ms) = raw.call_deadline_ms {
        limits.call_deadline = Duration::from_millis(at_least("limits.call-deadline-ms", ms, 10)?);
    }
    if let Some(mib) = raw.output_mb {
        limits.max_output_bytes = at_least("limits.output-mb", mib, 1)? << 20;
    }
    if let Some(lines) = raw.log_lines_per_second {
        limits.log_lines_per_second = lines;
    }
    limits.cpu_percent = raw.cpu_percent;
    Ok(limits)
}

/// The most that connectors may set as `limits.*`; what the sandbox gives to all of them is part of it.
fn ceiling(raw: &raw::Limits, limits: &Limits) -> anyhow::Result<TaskLimits> {
    let from_one = |key: &str, value: Option<u64>| value.map(|value| at_least(key, value, 1)).transpose();
    let percent = match raw.cpu_percent {
        Some(percent) if percent > 100 => {
            bail!("`limits.cpu-percent` is {percent}: write at most 100, which is one core; an instance has no more")
        }
        Some(percent) => Some(at_least("limits.cpu-percent", percent, 1)?),
        None => None,
    };
    Ok(TaskLimits {
        memory_bytes: Some(limits.memory_bytes),
        cpu_percent: percent,
        call_deadline: Some(limits.call_deadline),
        rows_per_second: from_one("limits.rows-per-second", raw.rows_per_second)?,
        bytes_per_second: from_one("limits.bytes-per-second", raw.bytes_per_second)?,
        log_lines_per_second: Some(limits.log_lines_per_second),
        sockets: raw.sockets,
        http_requests: raw.http_requests,
        network_bytes_per_second: from_one("limits.network-bytes-per-second", raw.network_bytes_per_second)?,
    })
}

fn worker(shutdown_ms: Option<u64>, restart: &raw::Restart, tasks: &raw::Tasks) -> anyhow::Result<WorkerOptions> {
    let default = WorkerOptions::default();
    let ms = |value: Option<u64>, default: Duration| value.map_or(default, Duration::from_millis);
    let mut policy = RestartPolicy { enabled: restart.enabled.unwrap_or(default.restart.enabled), ..default.restart };
    policy.backoff.initial = ms(restart.backoff_initial_ms, policy.backoff.initial);
    policy.backoff.max = ms(restart.backoff_max_ms, policy.backoff.max);
    policy.max_failures = at_least("restart.max-failures", restart.max_failures.unwrap_or(policy.max_failures), 1)?;
    policy.window = ms(restart.window_ms, policy.window);
    if policy.backoff.initial > policy.backoff.max {
        bail!("`restart.backoff-initial-ms` is longer than `restart.backoff-max-ms`: write a shorter one");
    }
    let mut poll = default.poll;
    poll.max_rows = at_least("tasks.poll-max-rows", tasks.poll_max_rows.unwrap_or(poll.max_rows), 1)?;
    poll.max_bytes = at_least("tasks.poll-max-bytes", tasks.poll_max_bytes.unwrap_or(poll.max_bytes), 1024)?;
    Ok(WorkerOptions {
        shutdown_timeout: ms(shutdown_ms, default.shutdown_timeout),
        restart: policy,
        flush_interval: ms(tasks.flush_interval_ms, default.flush_interval),
        max_in_flight: at_least("tasks.max-in-flight", tasks.max_in_flight.unwrap_or(default.max_in_flight), 1)?,
        poll,
        stalled_after: Duration::from_millis(at_least(
            "tasks.stalled-after-ms",
            tasks.stalled_after_ms.unwrap_or(default.stalled_after.as_millis() as u64),
            1000,
        )?),
        ..default
    })
}

#[cfg(test)]
mod tests;
