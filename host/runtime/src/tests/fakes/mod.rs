//! A world of fakes that write what happens into one journal.

mod driver;
mod plugin;
mod store;
mod webhook;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;
use wharf_core::audit::{AuditEvent, Auditor};
use wharf_core::config::Config;
use wharf_core::limits::TaskLimits;
use wharf_core::plugin::{Catalog, LoadError, Plugin};
use wharf_core::policy::{Backoff, RestartPolicy};
use wharf_core::state::{State, TargetState};
use wharf_core::status::TaskStatus;

pub(super) use driver::FakeDriver;
pub(super) use plugin::{FakePlugin, Poll, Put};
pub(super) use store::FakeStore;

use crate::{IngestOptions, Parts, SecretParts, Worker, WorkerOptions};

/// What happened, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    pub(super) fn note(&self, entry: impl Into<String>) {
        self.0.lock().unwrap().push(entry.into());
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self, prefix: &str) -> usize {
        self.all().iter().filter(|entry| entry.starts_with(prefix)).count()
    }

    pub(super) fn has(&self, entry: &str) -> bool {
        self.all().iter().any(|it| it == entry)
    }

    /// Asserts that these happened in this order, whatever happened in between.
    #[track_caller]
    pub(super) fn assert_order(&self, entries: &[&str]) {
        let all = self.all();
        let mut rest = all.iter();
        for entry in entries {
            assert!(rest.any(|it| it == entry), "`{entry}` is missing or out of order in {all:#?}");
        }
    }
}

impl Auditor for Journal {
    fn record(&self, event: AuditEvent) {
        let task = event.task.map_or_else(|| "-".to_owned(), |task| task.to_string());
        self.note(format!("audit {} {}/{task} {}: {}", event.code, event.connector, event.plugin, event.detail));
    }
}

#[derive(Debug, Default)]
pub(super) struct FakeCatalog(pub(super) Mutex<Vec<Arc<FakePlugin>>>);

#[async_trait::async_trait]
impl Catalog for FakeCatalog {
    fn find(&self, class: &str, version: Option<&str>) -> Option<Arc<dyn Plugin>> {
        let plugins = self.0.lock().unwrap();
        let found = plugins.iter().find(|it| {
            let descriptor = it.descriptor();
            descriptor.name == class && version.is_none_or(|version| descriptor.version == version)
        });
        found.map(|it| it.clone() as Arc<dyn Plugin>)
    }

    fn list(&self) -> Vec<Arc<dyn Plugin>> {
        self.0.lock().unwrap().iter().map(|it| it.clone() as Arc<dyn Plugin>).collect()
    }

    fn broken(&self) -> Vec<(std::path::PathBuf, LoadError)> {
        Vec::new()
    }

    async fn refresh(&self) {}
}

/// A worker and all it works with. Plugins: `source`, `sink` and `webhook`.
pub(super) struct World {
    pub(super) journal: Journal,
    pub(super) driver: Arc<FakeDriver>,
    pub(super) store: Arc<FakeStore>,
    pub(super) catalog: Arc<FakeCatalog>,
    pub(super) source: Arc<FakePlugin>,
    pub(super) sink: Arc<FakePlugin>,
    pub(super) options: WorkerOptions,
    pub(super) worker: Worker,
}

pub(super) fn options() -> WorkerOptions {
    let backoff = Backoff { initial: Duration::from_millis(100), max: Duration::from_secs(1), factor: 2.0 };
    let restart = RestartPolicy { max_failures: 3, backoff, ..RestartPolicy::default() };
    let ingest = Some(IngestOptions { is_public: false, max_body_bytes: 100, requests_per_second: None });
    WorkerOptions { restart, max_in_flight: 3, ingest, ..WorkerOptions::default() }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// `prepare` changes the queue before the worker sees it.
    pub(super) async fn with(prepare: impl FnOnce(&mut FakeDriver)) -> Self {
        Self::build(prepare, options()).await
    }

    /// The operator allows no more than this.
    pub(super) async fn below(ceiling: TaskLimits) -> Self {
        Self::build(|_| {}, WorkerOptions { ceiling, ..options() }).await
    }

    /// A worker with other options.
    pub(super) async fn tuned(prepare: impl FnOnce(&mut FakeDriver), tune: impl FnOnce(&mut WorkerOptions)) -> Self {
        let mut all = options();
        tune(&mut all);
        Self::build(prepare, all).await
    }

    async fn build(prepare: impl FnOnce(&mut FakeDriver), options: WorkerOptions) -> Self {
        let journal = Journal::default();
        let mut driver = FakeDriver::new(journal.clone());
        prepare(&mut driver);
        let (driver, store) = (Arc::new(driver), Arc::new(FakeStore::new(journal.clone())));
        let source = Arc::new(FakePlugin::source("source", journal.clone()));
        let sink = Arc::new(FakePlugin::sink("sink", journal.clone()));
        let webhook = Arc::new(FakePlugin::webhook("webhook", journal.clone()));
        let catalog = Arc::new(FakeCatalog(Mutex::new(vec![source.clone(), sink.clone(), webhook])));
        let audit = Arc::new(journal.clone());
        let parts = Parts {
            catalog: catalog.clone(),
            driver: driver.clone(),
            store: store.clone(),
            audit,
            secrets: SecretParts::default(),
        };
        let worker = Worker::start(parts, options.clone()).await.unwrap();
        Self { journal, driver, store, catalog, source, sink, options, worker }
    }

    /// Another worker over what this one left.
    pub(super) async fn restarted(&self) -> Worker {
        let (catalog, driver, store) = (self.catalog.clone(), self.driver.clone(), self.store.clone());
        let audit = Arc::new(self.journal.clone());
        Worker::start(Parts { catalog, driver, store, audit, secrets: SecretParts::default() }, self.options.clone())
            .await
            .unwrap()
    }

    pub(super) async fn create(&self, name: &str, config: Config) {
        self.worker.create(name.to_owned(), config, TargetState::Running).await.unwrap();
    }

    pub(super) async fn task(&self, name: &str, task: u32) -> TaskStatus {
        self.worker.task_status(name, task).await.unwrap()
    }

    /// Waits until task 0 is in this state, and gives its status.
    pub(super) async fn until_task(&self, name: &str, state: State) -> TaskStatus {
        for _ in 0..100_000 {
            if let Ok(status) = self.worker.task_status(name, 0).await
                && status.state == state
            {
                return status;
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("never {state}: {:?}\n{:#?}", self.worker.status(name).await, self.journal.all());
    }

    pub(super) async fn until(&self, what: &str, condition: impl Fn() -> bool) {
        for _ in 0..100_000 {
            if condition() {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
        panic!("never happened: {what}\n{:#?}", self.journal.all());
    }

    /// Waits until these happened in this order.
    pub(super) async fn until_noted(&self, entry: &str) {
        self.until(entry, || self.journal.has(entry)).await;
    }
}

pub(super) fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub(super) fn source_config() -> Config {
    config(&[("connector.class", "source"), ("topic", "t")])
}

pub(super) fn webhook_config(more: &[(&str, &str)]) -> Config {
    let mut all = config(&[("connector.class", "webhook"), ("topic", "t")]);
    all.extend(config(more));
    all
}

/// A sink's, with more keys.
pub(super) fn sink_config(more: &[(&str, &str)]) -> Config {
    let mut all = config(&[("connector.class", "sink"), ("topics", "t")]);
    all.extend(config(more));
    all
}

/// Lets everything run on for so long.
pub(super) async fn pass(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}
