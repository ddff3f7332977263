//! What a task needs to start outside of a worker.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use bytes::Bytes;
use wharf_core::audit::NoAudit;
use wharf_core::limits::TaskLimits;
use wharf_core::plugin::{OffsetReader, TaskContext, TaskSetup};

/// Nothing is stored.
struct NoOffsets;

#[async_trait]
impl OffsetReader for NoOffsets {
    async fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
        vec![None; partitions.len()]
    }
}

/// The one task of a connector with this configuration.
pub(crate) fn task(pairs: &[(&str, String)]) -> TaskSetup {
    TaskSetup {
        context: TaskContext {
            connector: "bench".to_owned(),
            task: 0,
            tasks: 1,
            worker: "127.0.0.1:8083".to_owned(),
            attempt: 1,
            generation: 1,
        },
        config: pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        offsets: Arc::new(NoOffsets),
        reconfigure: Arc::new(|| {}),
        limits: TaskLimits::default(),
        meter: Arc::default(),
        audit: Arc::new(NoAudit),
    }
}

/// A plugin's bytes.
///
/// # Errors
/// When it was not built.
pub(crate) fn wasm(plugins: &Path, name: &str) -> Result<Bytes> {
    let path = plugins.join(format!("{name}.wasm"));
    let read = std::fs::read(&path);
    Ok(read.with_context(|| format!("read {} (`cargo xtask plugins` makes it)", path.display()))?.into())
}
