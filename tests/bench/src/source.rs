//! The file source into the log, in a worker of this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use async_trait::async_trait;
use serde_json::{Value, json};
use wharf_core::audit::NoAudit;
use wharf_core::plugin::{Catalog, LoadError, Loader as _, Plugin};
use wharf_core::state::{State, TargetState};
use wharf_drivers::Driver as _;
use wharf_drivers::log::{LogDriver, LogOptions};
use wharf_runtime::{Parts, SecretParts, Worker, WorkerOptions};
use wharf_sandbox::{Sandbox, SandboxOptions};
use wharf_store::SledStore;

use crate::native::NativeFileSource;
use crate::{cpu, setup};

const NAME: &str = "bench";

/// What runs the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum How {
    /// Compiled into this program, on a thread of its own.
    Native,
    /// As WebAssembly.
    Sandbox,
}

/// Runs the source over `input` until the log has acknowledged its last line. Everything but the plugin is what `wharf`
/// runs: worker, log (`fdatasync` before it acknowledges) and store. Compiling the plugin is not counted.
///
/// # Errors
/// When a part does not start, or the source fails.
pub(crate) async fn measure(how: How, plugins: &Path, input: &Path, lines: u64, dir: &Path) -> Result<Value> {
    let plugin: Arc<dyn Plugin> = match how {
        How::Native => Arc::new(NativeFileSource::new()),
        How::Sandbox => {
            let sandbox = Sandbox::new(SandboxOptions::default())?;
            let loaded = sandbox.load(setup::wasm(plugins, "file-source")?).await;
            loaded.map_err(|error| anyhow!("load the plugin: {error}"))?
        }
    };
    let log = dir.join("log");
    let driver = tokio::task::spawn_blocking(move || LogDriver::open(log, LogOptions::default())).await;
    let driver = driver.context("open the log")?.context("open the log")?;
    let store = SledStore::open(dir.join("store")).await.context("open the store")?;
    let parts = Parts {
        catalog: Arc::new(Single(plugin)),
        driver: driver.clone(),
        store,
        audit: Arc::new(NoAudit),
        secrets: SecretParts::default(),
    };
    let worker = Worker::start(parts, WorkerOptions::default()).await?;

    let config = [
        ("connector.class", "file-source".to_owned()),
        ("tasks.max", "1".to_owned()),
        ("file", input.to_str().context("the path of the input is no UTF-8")?.to_owned()),
        ("topic", "lines".to_owned()),
    ];
    let config: BTreeMap<String, String> = config.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let (begun, before) = (Instant::now(), cpu::used()?);
    worker.create(NAME.to_owned(), config, TargetState::Running).await?;
    let bytes = until_acknowledged(&worker, lines).await?;
    let (seconds, used) = (begun.elapsed().as_secs_f64(), cpu::used()?.saturating_sub(before));

    worker.shutdown().await;
    driver.close().await.context("close the log")?;
    Ok(json!({"rows": lines, "bytes": bytes, "seconds": seconds, "cpu_seconds": used.as_secs_f64()}))
}

/// Gives back how many bytes the rows had.
async fn until_acknowledged(worker: &Worker, lines: u64) -> Result<u64> {
    loop {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let progress = worker.progress(NAME).await?;
        let Some(task) = progress.tasks.first() else { continue };
        if task.rows >= lines {
            return Ok(task.bytes);
        }
        if task.state == State::Failed {
            bail!("the source failed: {:?}", worker.status(NAME).await?);
        }
    }
}

/// A catalog of one plugin.
#[derive(Debug)]
struct Single(Arc<dyn Plugin>);

#[async_trait]
impl Catalog for Single {
    fn find(&self, class: &str, _: Option<&str>) -> Option<Arc<dyn Plugin>> {
        (class == self.0.id().name).then(|| self.0.clone())
    }

    fn list(&self) -> Vec<Arc<dyn Plugin>> {
        vec![self.0.clone()]
    }

    fn broken(&self) -> Vec<(PathBuf, LoadError)> {
        Vec::new()
    }

    async fn refresh(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_native_source_brings_every_line_into_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let input = dir.path().join("in");
        std::fs::write(&input, "one line\n".repeat(25_000)).unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        let found = measure(How::Native, Path::new(""), &input, 25_000, &data).await.unwrap();
        assert_eq!(found["bytes"].as_u64(), Some(8 * 25_000));
    }
}
