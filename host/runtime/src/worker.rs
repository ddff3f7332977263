//! The worker, as the REST API sees it.
//!
//! Questions are asynchronous although a single worker answers them from memory: in a cluster others are asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tracing::{error, info, warn};
use wharf_core::config::Config;
use wharf_core::plugin::{Catalog, PluginUse, WebhookRequest, WebhookResponse};
use wharf_core::state::TargetState;
use wharf_core::status::{ConnectorInfo, ConnectorStatus, TaskInfo, TaskStatus};
use wharf_drivers::Driver;
use wharf_store::StoreError;

use crate::connector::Connector;
use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::ingest::{IngestError, Ingress};
use crate::inspect::{InspectQuery, Inspection};
use crate::options::{Parts, WorkerOptions};
use crate::plugin_use;
use crate::progress::ConnectorProgress;
use crate::status::{ConnectorView, lock};
use crate::usage::ConnectorUsage;
use crate::validate::validate;

/// A process that runs connectors. Cheap to clone; all clones are the same worker.
#[derive(Debug, Clone)]
pub struct Worker {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
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

impl Worker {
    /// Starts a worker: loads the stored connectors and starts them in the background. It needs a tokio runtime and
    /// runs until [`Worker::shutdown`].
    ///
    /// # Errors
    /// When the stored connectors cannot be listed.
    pub async fn start(parts: Parts, options: WorkerOptions) -> Result<Self, WorkerError> {
        let env = Arc::new(Env::new(parts, options));
        let stored = env.connectors.list().await?;
        let (connectors, health) = (Mutex::default(), Mutex::new(Health::Starting));
        let worker = Self { inner: Arc::new(Inner { env, connectors, health }) };
        let mut starting = Vec::new();
        for entry in stored {
            match entry {
                Ok(stored) => {
                    let (config, target) = (stored.config, stored.target);
                    starting.push(worker.supervise(stored.name, config, target, None));
                }
                Err(unreadable) => error!(%unreadable, "a stored connector is left alone"),
            }
        }
        info!(connectors = starting.len(), "the worker starts");
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
    fn supervise(&self, name: String, config: Config, target: TargetState, job: Option<Job>) -> oneshot::Receiver<()> {
        let env = &self.inner.env;
        let (started, has_started) = oneshot::channel();
        let view = ConnectorView::new(&name, &env.options.id, config, target);
        let (inner, key) = (Arc::downgrade(&self.inner), name.clone());
        let forget = move || {
            if let Some(inner) = inner.upgrade() {
                lock(&inner.connectors).remove(&key);
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
        let (name, config, job) = self.validated(&name, config).await?;
        if self.find(&name).is_some() {
            return Err(WorkerError::exists(&name));
        }
        self.store_and_start(name, config, target, job).await
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
        let job = validate(&self.inner.env, &name, &config).await?;
        Ok((name, config, job))
    }

    /// Stored first, then started; carried out to the end also when the caller goes away in between.
    async fn store_and_start(
        &self,
        name: String,
        config: Config,
        target: TargetState,
        job: Job,
    ) -> Result<ConnectorInfo, WorkerError> {
        let worker = self.clone();
        let (reply, answer) = oneshot::channel();
        drop(self.inner.env.gate.spawn(async move {
            let stored = worker.inner.env.connectors.create(&name, config.clone(), target).await;
            let result = match stored {
                Ok(_) => {
                    wharf_faults::reach("connector.stored");
                    let kind = job.spec.kind.as_str().to_owned();
                    let info = ConnectorInfo { name: name.clone(), config: config.clone(), tasks: Vec::new(), kind };
                    info!(connector = %name, plugin = %job.plugin.id(), %target, "a connector is created");
                    // Nobody waits for its tasks: the status shows them.
                    drop(worker.supervise(name, config, target, Some(job)));
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
        let (name, config, job) = self.validated(&name, config).await?;
        match self.find(&name) {
            Some(connector) => connector.configure(config, job).await.map(|info| (false, info)),
            None => self.store_and_start(name, config, TargetState::Running, job).await.map(|info| (true, info)),
        }
    }

    /// A connector, its configuration and its tasks.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn connector(&self, name: &str) -> Result<ConnectorInfo, WorkerError> {
        Ok(self.get(name)?.view().info())
    }

    /// A connector's configuration.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn config(&self, name: &str) -> Result<Config, WorkerError> {
        Ok(self.get(name)?.view().config())
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

    /// How the worker is tuned.
    pub fn options(&self) -> &WorkerOptions {
        &self.inner.env.options
    }
}
