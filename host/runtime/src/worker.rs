//! The worker, as the REST API sees it.
//!
//! Questions are asynchronous although a single worker answers them from memory: in a cluster others are asked.

mod commands;
mod configs;
mod connect;
mod questions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use wharf_core::plugin::{Catalog, WebhookRequest, WebhookResponse};
use wharf_drivers::Driver;

use crate::connector::Connector;
use crate::env::{Env, Job};
use crate::error::WorkerError;
use crate::ingest::{IngestError, Ingress};
use crate::options::{Parts, WorkerOptions};
use crate::stalls;
use crate::status::{ConnectorView, lock};

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
