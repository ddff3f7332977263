//! The worker, as the REST API sees it.
//!
//! Questions are asynchronous although a single worker answers them from memory: in a cluster others are asked.

mod connect;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wharf_core::SourceOffset;
use wharf_core::config::Config;
use wharf_core::figures::Figure;
use wharf_core::history::{ConfigHistory, ShownVersion};
use wharf_core::plugin::{Catalog, PluginUse, WebhookRequest, WebhookResponse};
use wharf_core::state::TargetState;
use wharf_core::status::{ConnectorInfo, ConnectorStatus, TaskInfo, TaskStatus};
use wharf_drivers::Driver;
use wharf_store::{ConfigVersion, StoreError};

use crate::connector::Connector;
use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::figures::{ConnectorFigures, WorkerFigures};
use crate::ingest::{IngestError, Ingress};
use crate::inspect::{InspectQuery, Inspection};
use crate::offsets::{self, Alteration, Consent, OffsetChange};
use crate::options::{Parts, WorkerOptions};
use crate::plugin_use;
use crate::progress::ConnectorProgress;
use crate::secrets::lost;
use crate::stalls;
use crate::status::{ConnectorView, lock};
use crate::usage::ConnectorUsage;
use crate::validate::validate;

/// How often a configuration is put again because somebody else created or deleted the connector meanwhile.
const PUT_TRIES: u32 = 3;

/// A process that runs connectors. Cheap to clone; all clones are the same worker.
#[derive(Debug, Clone)]
pub struct Worker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    env: Arc<Env>,
    connectors: Mutex<BTreeMap<String, Connector>>,
    health: Mutex<Health>,
}

/// How a worker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Stored connectors are being started.
    Starting,
    /// Everything that was stored was started; single connectors may have failed.
    Healthy,
    /// The worker cannot do its work, and why.
    Unhealthy(String),
}

impl Inner {
    /// Cancelled when the worker begins to shut down.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.env.gate.closing().clone()
    }

    /// Says in the log which tasks stand still, and which move on.
    pub(crate) fn tell_of_stalls(&self) {
        let connectors: Vec<_> = lock(&self.connectors).values().cloned().collect();
        connectors.iter().for_each(|connector| connector.view().tell_of_stalls());
    }
}

impl Worker {
    /// Starts a worker: loads the stored connectors and starts them in the background. It needs a tokio runtime and
    /// runs until [`Worker::shutdown`].
    ///
    /// # Errors
    /// When the stored connectors cannot be listed.
    pub async fn start(parts: Parts, options: WorkerOptions) -> Result<Self, WorkerError> {
        let env = Arc::new(Env::new(parts, options));
        let stored = env.connectors.list().await?;
        env.topics.load().await?;
        let (connectors, health) = (Mutex::default(), Mutex::new(Health::Starting));
        let worker = Self { inner: Arc::new(Inner { env, connectors, health }) };
        let mut starting = Vec::new();
        for entry in stored {
            match entry {
                Ok(stored) => {
                    let view = ConnectorView::new(&worker.inner.env, &stored.name, stored.config, stored.target);
                    view.loaded(stored.sealed, stored.lost);
                    starting.push(worker.supervise(view, None));
                }
                Err(unreadable) => error!(%unreadable, "a stored connector is left alone"),
            }
        }
        info!(connectors = starting.len(), "the worker starts");
        let env = &worker.inner.env;
        drop(env.gate.spawn(stalls::tell(Arc::downgrade(&worker.inner), env.options.stalled_after)));
        let starter = worker.clone();
        drop(worker.inner.env.gate.spawn(async move {
            for started in starting {
                // A supervisor that ended early does not keep the others waiting.
                started.await.ok();
            }
            starter.set_health(Health::Healthy);
        }));
        Ok(worker)
    }

    /// Makes a connector known and starts its supervisor. The receiver hears when its tasks were started.
    fn supervise(&self, view: ConnectorView, job: Option<Job>) -> oneshot::Receiver<()> {
        let env = &self.inner.env;
        let (started, has_started) = oneshot::channel();
        let name = view.name().to_owned();
        let (inner, key) = (Arc::downgrade(&self.inner), name.clone());
        let forget = move |gone: &ConnectorView| {
            let Some(inner) = inner.upgrade() else { return };
            let mut connectors = lock(&inner.connectors);
            // Another of the same name may have been created since this one left the store.
            if connectors.get(&key).is_some_and(|known| std::ptr::eq(known.view(), gone)) {
                connectors.remove(&key);
                inner.env.redactors.forget(&key);
            }
        };
        // The lock is held over the start, so that a connector that ends at once is not made known after its end.
        let mut connectors = lock(&self.inner.connectors);
        let connector = Connector::start(env, view, job, started, forget);
        connectors.insert(name, connector);
        has_started
    }

    fn set_health(&self, health: Health) {
        *lock(&self.inner.health) = health;
    }

    fn find(&self, name: &str) -> Option<Connector> {
        lock(&self.inner.connectors).get(name).cloned()
    }

    fn get(&self, name: &str) -> Result<Connector, WorkerError> {
        self.find(name).ok_or_else(|| WorkerError::not_found(name))
    }

    /// Names of all connectors, sorted.
    pub async fn connectors(&self) -> Vec<String> {
        lock(&self.inner.connectors).keys().cloned().collect()
    }

    /// Validates and stores a connector, and starts it in the background: it is RUNNING a few milliseconds later. The
    /// answer names no task yet, as in Kafka Connect.
    ///
    /// # Errors
    /// [`WorkerError::BadRequest`] when the name in the configuration is another or the plugin is not known,
    /// [`WorkerError::Invalid`] with everything that is wrong with the configuration, [`WorkerError::AlreadyExists`].
    pub async fn create(
        &self,
        name: String,
        config: Config,
        target: TargetState,
    ) -> Result<ConnectorInfo, WorkerError> {
        self.create_by(name, config, target, None).await
    }

    /// As [`Worker::create`], with who asked for it, for the history.
    ///
    /// # Errors
    /// As [`Worker::create`].
    pub async fn create_by(
        &self,
        name: String,
        config: Config,
        target: TargetState,
        by: Option<String>,
    ) -> Result<ConnectorInfo, WorkerError> {
        let (name, config, job) = self.validated(&name, config).await?;
        if self.find(&name).is_some() {
            return Err(WorkerError::exists(&name));
        }
        self.store_and_start(name, config, target, job, by).await
    }

    /// Trims the name, puts it into the configuration, and validates.
    async fn validated(&self, name: &str, mut config: Config) -> Result<(String, Config, Job), WorkerError> {
        if self.inner.env.gate.closing().is_cancelled() {
            return Err(WorkerError::shutting_down());
        }
        let name = name.trim().to_owned();
        let written = config.entry("name".to_owned()).or_insert_with(|| name.clone());
        if *written != name {
            return Err(WorkerError::BadRequest(format!(
                "Connector name configuration ({written}) doesn't match connector name in the URL ({name})"
            )));
        }
        let config = self.restored(&name, config);
        let job = validate(&self.inner.env, &name, &config).await?;
        Ok((name, config, job))
    }

    /// A configuration that was shown and is sent back: `[hidden]` stands for what is stored.
    pub(crate) fn restored(&self, name: &str, config: Config) -> Config {
        match self.find(name) {
            Some(connector) => connector.view().hidden().restored(config, &connector.view().config()),
            None => config,
        }
    }

    /// Stored first, then started; carried out to the end also when the caller goes away in between.
    async fn store_and_start(
        &self,
        name: String,
        config: Config,
        target: TargetState,
        job: Job,
        by: Option<String>,
    ) -> Result<ConnectorInfo, WorkerError> {
        let worker = self.clone();
        let (reply, answer) = oneshot::channel();
        drop(self.inner.env.gate.spawn(async move {
            let accepted = job.hidden.accepted(config.clone(), by, false);
            let stored = worker.inner.env.connectors.create(&name, accepted, target).await;
            let result = match stored {
                Ok(_) => {
                    wharf_faults::reach("connector.stored");
                    let kind = job.spec.kind.as_str().to_owned();
                    let shown = job.hidden.shown(&config);
                    let info = ConnectorInfo { name: name.clone(), config: shown, tasks: Vec::new(), kind };
                    info!(connector = %name, plugin = %job.plugin.id(), %target, "a connector is created");
                    // Nobody waits for its tasks: the status shows them.
                    let view = ConnectorView::new(&worker.inner.env, &name, config, target);
                    drop(worker.supervise(view, Some(job)));
                    Ok(info)
                }
                Err(StoreError::Conflict { .. }) => Err(WorkerError::exists(&name)),
                Err(error) => Err(error.into()),
            };
            // The caller may have gone away.
            reply.send(result).ok();
        }));
        answer.await.unwrap_or_else(|_| Err(WorkerError::shutting_down()))
    }

    /// Creates a connector, or gives it another configuration, and says which. Its tasks are restarted unless nothing
    /// changed. A target state is kept.
    ///
    /// # Errors
    /// As [`Worker::create`], but that the connector may exist.
    pub async fn put_config(&self, name: String, config: Config) -> Result<(bool, ConnectorInfo), WorkerError> {
        self.put_config_by(name, config, None).await
    }

    /// As [`Worker::put_config`], with who asked for it, for the history.
    ///
    /// # Errors
    /// As [`Worker::put_config`].
    pub async fn put_config_by(
        &self,
        name: String,
        config: Config,
        by: Option<String>,
    ) -> Result<(bool, ConnectorInfo), WorkerError> {
        let mut tries = 0;
        loop {
            let (name, config, job) = self.validated(&name, config.clone()).await?;
            let by = by.clone();
            let done = match self.find(&name) {
                Some(connector) => {
                    let accepted = job.hidden.accepted(config, by, false);
                    connector.configure(accepted, job).await.map(|info| (false, info))
                }
                None => {
                    self.store_and_start(name, config, TargetState::Running, job, by).await.map(|info| (true, info))
                }
            };
            match done {
                // It was created or deleted by somebody else between the two steps: what is asked for is the other one.
                Err(WorkerError::AlreadyExists(_) | WorkerError::Conflict(_)) if tries < PUT_TRIES => tries += 1,
                done => return done,
            }
        }
    }

    /// The configurations that a connector has and had, newest first; secrets are masked.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn config_versions(&self, name: &str) -> Result<ConfigHistory, WorkerError> {
        let connector = self.get(name)?;
        let versions = self.inner.env.connectors.versions(name).await?;
        let versions = versions.ok_or_else(|| WorkerError::not_found(name))?;
        let hidden = connector.view().hidden();
        let shown = |it: ConfigVersion| ShownVersion {
            version: it.version,
            at: it.at,
            by: it.by,
            config: hidden.shown_with(&it.config, &it.sealed),
        };
        let current = versions.first().map_or(0, |it| it.version);
        let versions = versions.into_iter().map(shown).collect();
        Ok(ConfigHistory { connector: name.to_owned(), current, versions })
    }

    /// Gives a connector a configuration again that it had. It is validated as any other, and becomes a new version.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`] when there is no such connector or version, [`WorkerError::Invalid`] when it is not valid
    /// any more, [`WorkerError::Conflict`] when its sealed values cannot be opened.
    pub async fn rollback(&self, name: &str, version: u64, by: Option<String>) -> Result<ConnectorInfo, WorkerError> {
        let connector = self.get(name)?;
        let versions = self.inner.env.connectors.versions(name).await?;
        let versions = versions.ok_or_else(|| WorkerError::not_found(name))?;
        let Some(found) = versions.iter().find(|it| it.version == version) else {
            let known: Vec<_> = versions.iter().map(|it| it.version.to_string()).collect();
            return Err(WorkerError::NotFound(format!(
                "Connector {name} has no version {version} of its configuration, only {}",
                known.join(", ")
            )));
        };
        if !found.lost.is_empty() {
            return Err(WorkerError::Conflict(lost(&found.lost)));
        }
        let (_, config, job) = self.validated(name, found.config.clone()).await?;
        let accepted = job.hidden.accepted(config, by, true);
        connector.configure(accepted, job).await
    }

    /// A connector, its configuration and its tasks.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn connector(&self, name: &str) -> Result<ConnectorInfo, WorkerError> {
        Ok(self.get(name)?.view().info())
    }

    /// A connector's configuration; secrets are masked.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn config(&self, name: &str) -> Result<Config, WorkerError> {
        Ok(self.get(name)?.view().shown_config())
    }

    /// What a connector and its tasks are doing.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn status(&self, name: &str) -> Result<ConnectorStatus, WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::no_status(name))?;
        let view = connector.view();
        let mut status = view.status();
        status.connector.plugin_change = plugin_use::change(&*self.inner.env.catalog, &view.config(), &view.plugins());
        Ok(status)
    }

    /// Every connector's plugins; several for one whose tasks still run the bytes of before a restart.
    pub fn plugins_in_use(&self) -> Vec<PluginUse> {
        let connectors = lock(&self.inner.connectors);
        let uses = connectors.iter().flat_map(|(name, connector)| {
            let plugins = connector.view().plugins().into_iter();
            plugins.map(|plugin| PluginUse { connector: name.clone(), plugin })
        });
        uses.collect()
    }

    /// A connector's tasks and their configurations.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn tasks(&self, name: &str) -> Result<Vec<TaskInfo>, WorkerError> {
        Ok(self.get(name)?.view().tasks())
    }

    /// What one task is doing.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn task_status(&self, name: &str, task: u32) -> Result<TaskStatus, WorkerError> {
        let status = self.find(name).and_then(|connector| connector.view().task_status(task));
        status.ok_or_else(|| WorkerError::no_task_status(name, task))
    }

    /// How far a connector's tasks have come.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn progress(&self, name: &str) -> Result<ConnectorProgress, WorkerError> {
        Ok(self.get(name)?.view().progress())
    }

    /// What a connector's tasks use: memory, CPU time, calls, and what was denied to them or ended.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn usage(&self, name: &str) -> Result<ConnectorUsage, WorkerError> {
        Ok(self.get(name)?.view().usage())
    }

    /// What a connector has committed: of a source where it stands in the outside system, of a sink
    /// `{"kafka_topic","kafka_partition"}` and `{"kafka_offset"}`. Both texts of each are JSON objects.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`], [`WorkerError::Internal`] where the queue or the store cannot be read.
    pub async fn offsets(&self, name: &str) -> Result<Vec<SourceOffset>, WorkerError> {
        let connector = self.get(name)?;
        offsets::read(&self.inner.env, connector.view()).await
    }

    /// Alters what a stopped connector has committed, all or none; durable when this returns. A source is asked first.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]; [`WorkerError::BadRequest`] where the connector is not STOPPED, nothing is to be altered,
    /// or a sink's partition or offset has the wrong shape; [`WorkerError::Internal`], as in Kafka Connect, where the
    /// source refuses, with its words, or the queue or the store fails.
    pub async fn alter_offsets(&self, name: &str, changes: Vec<OffsetChange>) -> Result<Consent, WorkerError> {
        if changes.is_empty() {
            let message = "Partitions / offsets need to be provided for an alter offsets request";
            return Err(WorkerError::BadRequest(message.to_owned()));
        }
        self.get(name)?.alter_offsets(Alteration::Change(changes)).await
    }

    /// Forgets all that a stopped connector has committed, so that it begins anew. As [`Worker::alter_offsets`].
    ///
    /// # Errors
    /// As [`Worker::alter_offsets`].
    pub async fn reset_offsets(&self, name: &str) -> Result<Consent, WorkerError> {
        self.get(name)?.alter_offsets(Alteration::Reset).await
    }

    /// Everything that is measured of a connector and its tasks.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn figures(&self, name: &str) -> Result<ConnectorFigures, WorkerError> {
        Ok(self.get(name)?.view().figures())
    }

    /// What the worker counts of itself.
    pub fn worker_figures(&self) -> WorkerFigures {
        let env = &self.inner.env;
        WorkerFigures { connectors: env.connector_starts.starts(), tasks: env.task_starts.starts() }
    }

    /// What the store and the queue measure of themselves.
    pub fn part_figures(&self) -> Vec<Figure> {
        let env = &self.inner.env;
        env.store.figures().into_iter().chain(env.driver.figures()).collect()
    }

    /// Looks at a sample of the records that pass through a connector's tasks from now on. Looking holds nothing up. How
    /// many may look at a time is up to the caller: what one of them keeps in memory is some 4 MiB at most.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub fn inspect(&self, name: &str, query: InspectQuery) -> Result<Inspection, WorkerError> {
        self.get(name)?;
        Ok(self.inner.env.taps.open(name, query))
    }

    /// Waits until a connector is deleted or the worker shuts down. A connector that is created later under the same name is
    /// another one.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub fn ended(&self, name: &str) -> Result<impl Future<Output = ()> + Send + use<>, WorkerError> {
        Ok(self.get(name)?.ended())
    }

    /// Stops a connector's tasks, tells its plugin, and forgets it; its offsets are kept. Returns when it is gone.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn delete(&self, name: &str) -> Result<(), WorkerError> {
        self.get(name)?.delete().await
    }

    /// Lets a connector's tasks keep their instances and do nothing. Durable when this returns; each task pauses once
    /// the call that it is in has returned.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn pause(&self, name: &str) -> Result<(), WorkerError> {
        self.set_target(name, TargetState::Paused).await
    }

    /// Lets a paused or stopped connector work again. Durable when this returns.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn resume(&self, name: &str) -> Result<(), WorkerError> {
        self.set_target(name, TargetState::Running).await
    }

    /// Frees a connector's tasks; its configuration and offsets are kept. Returns when they are gone, which takes at
    /// most [`WorkerOptions::shutdown_timeout`].
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn stop(&self, name: &str) -> Result<(), WorkerError> {
        self.set_target(name, TargetState::Stopped).await
    }

    async fn set_target(&self, name: &str, target: TargetState) -> Result<(), WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::unknown(name))?;
        connector.set_target(target).await
    }

    /// Restarts a connector but not its tasks: its work is split anew, and tasks are replaced only where that changed
    /// their configuration.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn restart(&self, name: &str) -> Result<(), WorkerError> {
        self.restart_with(name, false, false).await.map(drop)
    }

    /// Restarts a connector, with its tasks where `include_tasks` says so; with `only_failed` only what has failed or
    /// waits to be started again after a crash. The answer shows as RESTARTING what will be restarted. Failures
    /// counted so far are forgotten, and no back-off is waited for.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn restart_with(
        &self,
        name: &str,
        include_tasks: bool,
        only_failed: bool,
    ) -> Result<ConnectorStatus, WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::unknown_to_restart(name))?;
        connector.restart(include_tasks, only_failed).await
    }

    /// Restarts one task, as [`Worker::restart_with`] does.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`], or [`WorkerError::Conflict`] while the connector is stopped.
    pub async fn restart_task(&self, name: &str, task: u32) -> Result<(), WorkerError> {
        let connector = self.find(name).ok_or_else(|| WorkerError::unknown_to_restart(name))?;
        connector.restart_task(task).await
    }

    /// The way into a webhook connector; `None` where there is no connector of that name, or it is none that is called.
    pub fn ingress(&self, connector: &str) -> Option<Ingress> {
        self.find(connector)?.view().inbox().map(Ingress::new)
    }

    /// Hands a request to a webhook connector and waits for its answer, which is given once the request's rows are in
    /// the queue. A listener asks for [`Worker::ingress`] and a [`crate::Slot`] instead, before it reads the body.
    ///
    /// # Errors
    /// What to answer instead.
    pub async fn ingest(&self, connector: &str, request: WebhookRequest) -> Result<WebhookResponse, IngestError> {
        self.ingress(connector).ok_or(IngestError::Unknown)?.enter()?.send(request).await
    }

    /// Stops polling, drains and commits what is in flight, and stops all tasks, within
    /// [`WorkerOptions::shutdown_timeout`]; what is not done by then is dropped. Target states are kept, so a worker
    /// that starts again over the same store goes on. The driver is left open: closing it is up to its owner. May be
    /// called more than once.
    pub async fn shutdown(&self) {
        info!("the worker shuts down");
        if self.inner.env.gate.close(self.inner.env.options.shutdown_timeout).await {
            info!("all tasks have stopped");
        } else {
            warn!("tasks that did not stop in time were dropped");
        }
    }

    /// The queue.
    pub fn driver(&self) -> Arc<dyn Driver> {
        self.inner.env.driver.clone()
    }

    /// Where plugins are found.
    pub fn catalog(&self) -> Arc<dyn Catalog> {
        self.inner.env.catalog.clone()
    }

    /// How the worker is. While the store or the queue cannot write it is unhealthy; it is healthy again by itself.
    pub fn health(&self) -> Health {
        if self.inner.env.gate.closing().is_cancelled() {
            return Health::Unhealthy("the worker is shutting down".to_owned());
        }
        let health = lock(&self.inner.health).clone();
        let env = &self.inner.env;
        match env.store.trouble().or_else(|| env.driver.trouble()) {
            Some(trouble) if health == Health::Healthy => Health::Unhealthy(trouble),
            _ => health,
        }
    }

    /// Whether it is shutting down.
    pub fn is_closing(&self) -> bool {
        self.inner.env.gate.closing().is_cancelled()
    }

    /// What keeps the store from working, and what keeps the queue, if anything does.
    pub fn troubles(&self) -> (Option<String>, Option<String>) {
        (self.inner.env.store.trouble(), self.inner.env.driver.trouble())
    }

    /// How the worker is tuned.
    pub fn options(&self) -> &WorkerOptions {
        &self.inner.env.options
    }
}
