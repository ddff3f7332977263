//! Puts the parts of a worker together, runs it, and takes it apart again.
//!
//! The order is: lock the data directory; listen, and answer `starting`; open queue, store and plugins at the same
//! time; start the worker; answer for it. Stopping: stop listening, drain and stop the tasks, close the queue.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use wharf_api::ApiOptions;
use wharf_api::listen::{RestServer, Tls, serve_rest};
use wharf_core::access::Gatekeeper as _;
use wharf_core::audit::Auditor;
use wharf_core::plugin::{Catalog as _, Loader, Plugin};
use wharf_drivers::log::LogDriver;
use wharf_registry::{Registry, RegistryOptions, Watch};
use wharf_runtime::{Health, Parts, Redactors, SecretParts, Tracing, Worker, WorkerOptions};
use wharf_sandbox::{Limits, PathPolicy, Sandbox, SandboxOptions};
use wharf_store::{Bucket, Change, Condition, SledStore, Store, StoreError};

use crate::access::Keeper;
use crate::audit::AuditLog;
use crate::fetch::Downloads;
use crate::follow;
use crate::ingest;
use crate::lock;
use crate::logging::{self, Logging};
use crate::secrets::{self, Providers};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::telemetry::Telemetry;

/// How often the plugins directory is looked at; a plugin dropped in is there within a second.
const WATCH: Duration = Duration::from_millis(500);
/// How long requests that are under way may take when the worker stops.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Runs a worker until a signal asks it to stop.
pub(crate) async fn run(settings: Settings, mut signals: Signals, log: Logging) -> anyhow::Result<()> {
    let began = Instant::now();
    log.book.limit(settings.logs);
    raise_file_limit();
    make_directory(&settings.data_dir)?;
    make_directory(&settings.plugins_dir)?;
    settings.connectors.check()?;
    let _lock = lock::take(&settings.data_dir)?;
    let tls = settings.tls.clone().map(Tls::read).transpose().context("set up TLS of `[tls]`")?;
    let listener = bind(settings.listen, "--listen").await?;
    let address = listener.local_addr().context("find out the port")?;
    // Taken early, so that what is wrong with it is said early. Who calls before the worker is ready waits.
    let entrance = ingest::open(settings.ingest.as_ref()).await?;

    let closing = CancellationToken::new();
    let (routes, door) = wharf_api::starting();
    let bounds = RestServer { tls, ..settings.http.server.clone() };
    let mut server = tokio::spawn(serve_rest(listener, routes, bounds, closing.clone()));

    let audit = AuditLog::start(&settings.data_dir)?;
    let telemetry = settings.telemetry.as_ref().map(|it| Telemetry::new(it, &settings.egress)).transpose()?;
    let tracing = Tracing(telemetry.as_ref().map(Telemetry::tracer));
    let redactors = Arc::new(Redactors::default());
    let knows = redactors.clone();
    log.redact_by(Arc::new(move |connector, text| knows.redact(connector, text)));
    let (worker, sandbox, store, _watch) = tokio::select! {
        started = start(&settings, address, &audit, tracing, redactors) => started?,
        signal = signals.next() => {
            tracing::info!(signal, "stopped before it was ready");
            return Ok(());
        }
    };
    let keeper = Arc::new(Keeper::new(settings.door.clone()).context("find out who may come in")?);
    tell_how_open(&settings, &keeper);
    let following = tokio::spawn(keeper.clone().follow(audit.clone()));
    let options = ApiOptions {
        access: Some(keeper),
        auditor: Some(audit.clone()),
        body_limit: settings.http.max_body_bytes,
        requests_per_second: settings.http.requests_per_second,
        cors: settings.http.cors.clone(),
        commit: option_env!("WHARF_COMMIT").unwrap_or("unknown").to_owned(),
        audit: Some(audit.clone()),
        metrics: Some(sandbox),
        openmessaging_legacy: settings.rest.openmessaging_legacy,
        logs: Some(Arc::new(log.book.clone())),
        loggers: Some(log.levels.clone()),
        inspect: settings.inspect.clone(),
        ..ApiOptions::default()
    };
    let exporting = telemetry.map(|it| it.start(worker.clone(), options.clone()));
    door.open(wharf_api::router(worker.clone(), options));
    // Ends with the runtime: it holds nothing that must be closed.
    drop(tokio::spawn(logging::sweep(log.book, worker.clone())));

    let connectors = follow::start(settings.connectors.clone(), worker.clone(), store, audit.clone()).await?;

    let mut entrance = entrance.map(|entrance| tokio::spawn(entrance.serve(worker.clone(), closing.clone())));

    let signal = tokio::select! {
        signal = async { announce(&worker, &settings, address, began).await; signals.next().await } => signal,
        ended = &mut server => return Err(anyhow!("the REST API stopped: {ended:?}")),
    };
    tracing::info!(signal, "stopping; a second signal stops at once");
    tokio::spawn(signals.end_at_once());
    closing.cancel();
    following.abort();
    drop(connectors);
    worker.shutdown().await;
    if let Some(exporting) = exporting {
        exporting.close().await;
    }
    // It waits for the disk, a moment.
    tokio::task::spawn_blocking(move || audit.close()).await.context("close the audit trail")?;
    let closed = worker.driver().close().await;
    if tokio::time::timeout(LAST_REQUESTS, &mut server).await.is_err() {
        server.abort();
    }
    if let Some(entrance) = &mut entrance
        && tokio::time::timeout(LAST_REQUESTS, &mut *entrance).await.is_err()
    {
        entrance.abort();
    }
    closed.context("close the queue")?;
    tracing::info!("stopped");
    Ok(())
}

/// Opens the parts at the same time and starts the worker over them.
async fn start(
    settings: &Settings,
    address: SocketAddr,
    audit: &Arc<AuditLog>,
    tracing: Tracing,
    redactors: Arc<Redactors>,
) -> anyhow::Result<(Worker, Arc<Sandbox>, Arc<dyn Store>, Watch)> {
    let data = &settings.data_dir;
    let (driver, store, (sandbox, registry)) = tokio::try_join!(
        log(settings),
        async { SledStore::open(data.join("store")).await.context("open the store") },
        plugins(settings, audit.clone()),
    )?;
    let cluster_id = cluster_id(store.as_ref()).await.context("read the cluster's id")?;
    let (id, ceiling) = (address.to_string(), settings.ceiling.clone());
    let options = WorkerOptions { id, cluster_id, ceiling, tracing, ..settings.worker.clone() };
    let watch = registry.watch(WATCH);
    let secrets = SecretParts {
        resolver: Arc::new(Providers::new(settings.secrets.allowed.clone())),
        sealer: Some(secrets::sealer(&settings.secrets.key_file)?),
        redactors,
    };
    let kept: Arc<dyn Store> = store.clone();
    let parts = Parts { catalog: registry, driver, store, audit: audit.clone(), secrets };
    Ok((Worker::start(parts, options).await.context("start the worker")?, sandbox, kept, watch))
}

async fn log(settings: &Settings) -> anyhow::Result<Arc<LogDriver>> {
    let (dir, options) = (settings.data_dir.join("log"), settings.log.clone());
    // It looks at the tail of each partition, which takes a while after a crash.
    let opened = tokio::task::spawn_blocking(move || LogDriver::open(dir, options)).await;
    opened.context("open the log")?.context("open the log")
}

async fn plugins(settings: &Settings, audit: Arc<dyn Auditor>) -> anyhow::Result<(Arc<Sandbox>, Arc<Registry>)> {
    let plugins = settings.plugins.clone();
    let limits = settings.limits.clone();
    // The registry looks at the size first, and says which setting it is.
    let component_bytes = limits.component_bytes.max(usize::try_from(plugins.max_bytes).unwrap_or(usize::MAX));
    let options = SandboxOptions {
        cache_dir: Some(settings.data_dir.join("cache")),
        limits: Limits { component_bytes, compile_deadline: plugins.compile_deadline, ..limits },
        paths: PathPolicy {
            allowed: settings.allowed_paths.clone(),
            denied: vec![settings.data_dir.clone(), settings.plugins_dir.clone(), settings.secrets.key_file.clone()],
        },
        egress: settings.egress.clone(),
        ..SandboxOptions::default()
    };
    let sandbox = sandbox(options).await?;
    // Where hosts are listed, what comes from another one is not what was allowed.
    let downloads = Downloads::new(&settings.egress, plugins.policy.allowed_hosts.is_none())?;
    let options = RegistryOptions {
        max_file_bytes: plugins.max_bytes,
        policy: plugins.policy,
        records_dir: Some(settings.data_dir.join("plugins")),
        audit,
        fetch: Some(Arc::new(downloads)),
        ..RegistryOptions::default()
    };
    let registry = Registry::open_with(settings.plugins_dir.clone(), sandbox.clone(), options)?;
    registry.refresh().await;
    Ok((sandbox, registry))
}

async fn sandbox(options: SandboxOptions) -> anyhow::Result<Arc<Sandbox>> {
    let started = tokio::task::spawn_blocking(move || Sandbox::new(options)).await;
    started.context("start the sandbox")?.context("start the sandbox")
}

/// Loads a plugin that no worker runs, to look at it.
pub(crate) fn inspect(wasm: Vec<u8>) -> anyhow::Result<Arc<dyn Plugin>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    runtime.block_on(async {
        let sandbox = sandbox(SandboxOptions::default()).await?;
        sandbox.load(wasm.into()).await.map_err(|error| anyhow!("{}: {}", error.code, error.message))
    })
}

/// Waits until the connectors are loaded and says so, on stdout for scripts and in the log for people.
async fn announce(worker: &Worker, settings: &Settings, address: SocketAddr, began: Instant) {
    while matches!(worker.health(), Health::Starting) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    if let Health::Unhealthy(reason) = worker.health() {
        tracing::error!(reason, "the worker has started but is not well");
    }
    tracing::info!(
        url = format!("{scheme}://{address}"),
        connectors = worker.connectors().await.len(),
        plugins = worker.catalog().list().len(),
        data = %settings.data_dir.display(),
        settings = settings.file.as_ref().map(|file| file.display().to_string()),
        ms = began.elapsed().as_millis() as u64,
        "ready"
    );
    // Nobody may read stdout; the worker runs on.
    writeln!(std::io::stdout(), "wharf is ready at {scheme}://{address}").ok();
}

/// Says what strangers could do, where that may not be what was meant.
fn tell_how_open(settings: &Settings, keeper: &Keeper) {
    if settings.listen.ip().is_loopback() {
        return;
    }
    let listen = settings.listen;
    if keeper.is_open() {
        tracing::warn!(%listen, "nobody is asked who they are: whoever reaches this address can do everything");
    } else if settings.tls.is_none() {
        tracing::warn!(%listen, "without TLS, whoever is on the way reads tokens and passwords: see [tls]");
    }
}

/// Made once for each data directory, so that tools can tell workers apart.
async fn cluster_id(store: &dyn Store) -> Result<String, StoreError> {
    const KEY: &str = "cluster-id";
    if let Some(stored) = store.get(Bucket::Meta, KEY).await? {
        return Ok(String::from_utf8_lossy(&stored.value).into_owned());
    }
    let id = new_id();
    let value = Some(id.clone().into_bytes());
    store
        .apply(vec![Change { bucket: Bucket::Meta, key: KEY.to_owned(), condition: Condition::Absent, value }])
        .await?;
    Ok(id)
}

/// Different each time: a hasher is seeded by the system.
fn new_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    format!("{:016x}{:08x}", RandomState::new().hash_one(0), std::process::id())
}

/// Takes a port; `key` is how to ask for another one.
pub(crate) async fn bind(listen: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow!("{listen} is in use: stop what listens there, or name another address with {key}")
        }
        std::io::ErrorKind::PermissionDenied => {
            anyhow!("{listen} may not be listened on: name a port above 1023 with {key}")
        }
        _ => anyhow!("listen on {listen}: {error}"),
    })
}

fn make_directory(path: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("create the directory `{}`", path.display()))
}

/// Each partition and each connection holds files open; the system's default is low, what it allows is not.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}
