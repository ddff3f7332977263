//! Finding guests and starting tasks.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_core::audit::NoAudit;
use wharf_core::limits::TaskLimits;
use wharf_core::plugin::{Loader, OffsetReader, Plugin, PollLimits, Polled, SourceTask, TaskContext, TaskSetup};
use wharf_core::{Config, Death, InstanceError};
use wharf_sandbox::{Limits, PathPolicy, Sandbox, SandboxOptions};

/// A poll that does not wait long.
pub(crate) const POLL: PollLimits =
    PollLimits { max_rows: 100_000, max_bytes: 1 << 30, max_wait: Duration::from_millis(1) };

/// The bytes of a fixture or plugin.
pub(crate) fn wasm(name: &str) -> Bytes {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let fixtures = std::env::var_os("WHARF_FIXTURES").map_or_else(|| target.join("fixtures"), PathBuf::from);
    let places = [fixtures.join(format!("{name}.wasm")), root.join(format!("plugins/dist/{name}.wasm"))];
    match places.iter().find_map(|place| std::fs::read(place).ok()) {
        Some(wasm) => wasm.into(),
        None => panic!("{name}.wasm is in none of {places:?}: run `cargo xtask fixtures` and `cargo xtask plugins`"),
    }
}

/// Limits that are over soon.
pub(crate) fn short() -> Limits {
    Limits {
        call_deadline: Duration::from_millis(200),
        start_deadline: Duration::from_millis(2000),
        describe_deadline: Duration::from_millis(1000),
        host_call_grace: Duration::from_millis(20),
        ..Limits::default()
    }
}

pub(crate) fn sandbox(limits: Limits) -> Arc<Sandbox> {
    with_paths(limits, PathPolicy::default())
}

pub(crate) fn with_paths(limits: Limits, paths: PathPolicy) -> Arc<Sandbox> {
    // Compiled once for all tests.
    let cache_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sandbox-cache");
    Sandbox::new(SandboxOptions { cache_dir: Some(cache_dir), limits, paths, ..SandboxOptions::default() }).unwrap()
}

pub(crate) async fn misbehaving(sandbox: &Sandbox) -> Arc<dyn Plugin> {
    sandbox.load(wasm("misbehaving-source")).await.unwrap()
}

pub(crate) fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Answers the first of two questions.
pub(crate) struct Stored;

#[async_trait]
impl OffsetReader for Stored {
    async fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
        // Gives up its turn, as a store would.
        tokio::task::yield_now().await;
        partitions.first().map(|partition| Some(format!("offset of {partition}"))).into_iter().collect()
    }
}

pub(crate) fn setup(pairs: &[(&str, &str)]) -> TaskSetup {
    setup_counting(pairs, &Arc::default())
}

pub(crate) fn setup_counting(pairs: &[(&str, &str)], reconfigured: &Arc<AtomicUsize>) -> TaskSetup {
    let count = reconfigured.clone();
    TaskSetup {
        context: TaskContext {
            connector: "c".into(),
            task: 3,
            tasks: 4,
            worker: "localhost:8083".into(),
            attempt: 1,
            generation: 1,
        },
        config: config(pairs),
        offsets: Arc::new(Stored),
        reconfigure: Arc::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }),
        limits: TaskLimits::default(),
        meter: Arc::default(),
        audit: Arc::new(NoAudit),
    }
}

pub(crate) async fn source(plugin: &Arc<dyn Plugin>, mode: &str) -> Box<dyn SourceTask> {
    plugin.start_source(setup(&[("mode", mode)])).await.unwrap()
}

pub(crate) fn death<T: std::fmt::Debug>(answer: Result<T, InstanceError>) -> Death {
    match answer {
        Err(InstanceError::Died(death)) => death,
        other => panic!("the instance lives: {other:?}"),
    }
}

/// The rows of a poll as text.
pub(crate) fn texts(polled: &Polled) -> Vec<String> {
    polled.batch.values.cells().map(|cell| String::from_utf8(cell.unwrap().to_vec()).unwrap()).collect()
}
