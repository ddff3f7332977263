//! The worker against small models of what it promises, under random commands and acknowledgements.
//!
//! A case is a list that proptest makes and shrinks; a failure prints it, and with it the case can be run again: time
//! is paused, everything runs on one thread, and the only chance besides, the jitter of back-off, is seeded.

mod acknowledgements;
mod machine;
mod reference;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use proptest::test_runner::{Config as Cases, TestRunner};
use tokio::time::sleep;
use wharf_core::audit::NoAudit;
use wharf_core::plugin::{Catalog, LoadError, Plugin};

use super::fakes::{FakeDriver, FakeStore, Journal, options};
use crate::{Parts, SecretParts, Worker, WorkerOptions};
use watched::{Watch, Watched};

/// Runs so many random cases, unless PROPTEST_CASES says otherwise.
fn runner(usual: u32) -> TestRunner {
    let config = Cases::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { usual };
    // A failure is printed as a list of commands, which says more than a seed in a file.
    TestRunner::new(Cases { cases, failure_persistence: None, ..config })
}

/// Runs one case under paused time, on this thread alone.
fn run<T>(case: impl Future<Output = T>) -> T {
    fastrand::seed(1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(case)
}

async fn pass(time: Duration) {
    sleep(time).await;
}

#[derive(Debug)]
struct Plugins(Vec<Arc<Watched>>);

#[async_trait::async_trait]
impl Catalog for Plugins {
    fn find(&self, class: &str, _: Option<&str>) -> Option<Arc<dyn Plugin>> {
        self.0.iter().find(|it| it.id().name == class).map(|it| it.clone() as Arc<dyn Plugin>)
    }

    fn list(&self) -> Vec<Arc<dyn Plugin>> {
        self.0.iter().map(|it| it.clone() as Arc<dyn Plugin>).collect()
    }

    fn broken(&self) -> Vec<(std::path::PathBuf, LoadError)> {
        Vec::new()
    }

    async fn refresh(&self) {}
}

/// A worker over fakes, and what its plugins see. Plugins: `source` and `sink`.
struct World {
    journal: Journal,
    driver: Arc<FakeDriver>,
    store: Arc<FakeStore>,
    watch: Arc<Watch>,
    parts: Parts,
    options: WorkerOptions,
    worker: Worker,
}

impl World {
    async fn new(prepare: impl FnOnce(&mut FakeDriver, &mut WorkerOptions)) -> Self {
        let journal = Journal::default();
        let (mut driver, mut options) = (FakeDriver::new(journal.clone()), options());
        prepare(&mut driver, &mut options);
        let (driver, store) = (Arc::new(driver), Arc::new(FakeStore::new(journal.clone())));
        let watch = Arc::new(Watch::default());
        let plugins = [Watched::source(&watch), Watched::sink(&watch)].map(Arc::new);
        let catalog = Arc::new(Plugins(plugins.into()));
        let parts = Parts {
            catalog,
            driver: driver.clone(),
            store: store.clone(),
            audit: Arc::new(NoAudit),
            secrets: SecretParts::default(),
        };
        let worker = Worker::start(parts.clone(), options.clone()).await.unwrap();
        Self { journal, driver, store, watch, parts, options, worker }
    }

    /// Ends the worker in good order and starts another over what it left.
    async fn restart(&mut self) {
        self.worker.shutdown().await;
        assert_eq!(self.watch.live(), [], "a worker that has ended leaves no instance");
        self.worker = Worker::start(self.parts.clone(), self.options.clone()).await.unwrap();
    }
}
