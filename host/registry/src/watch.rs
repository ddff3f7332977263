//! Looking at the directory again and again.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use wharf_core::plugin::Catalog as _;

use crate::Registry;

/// Keeps a [`Registry`] up to date until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the watch"]
pub struct Watch {
    task: JoinHandle<()>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Registry {
    /// Looks at the directory now and then every so often (500 ms is a good choice), in a task on the current tokio
    /// runtime, until the answer is dropped. A look costs one `stat` a file while nothing changes.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn watch(self: &Arc<Self>, every: Duration) -> Watch {
        // Weak, so that a watch that is forgotten does not keep the registry.
        let registry = Arc::downgrade(self);
        let mut ticks = tokio::time::interval(every.max(Duration::from_millis(1)));
        // A look that takes long (a large plugin is compiled) is not followed by several at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let task = tokio::spawn(async move {
            loop {
                ticks.tick().await;
                let Some(registry) = registry.upgrade() else { return };
                registry.refresh().await;
            }
        });
        Watch { task }
    }
}
