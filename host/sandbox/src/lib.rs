//! Runs connector plugins as WebAssembly components, under limits and with exactly the capabilities that their
//! configuration names. It is the only crate that knows wasmtime.
//!
//! A [`Sandbox`] is a [`Loader`]: it turns the bytes of a `.wasm` into a [`wharf_core::plugin::Plugin`], and the rest of
//! the worker sees nothing but the traits of `wharf-core`.
//!
//! # How a plugin comes to life
//!
//! 1. **Load.** The bytes are checked (a component, not too large, never precompiled), compiled or taken from the compile
//!    cache, checked for what they import, linked, and asked to describe themselves, in an instance that can touch nothing.
//! 2. **Start.** The paths in the configuration are resolved, judged by the [`PathPolicy`] and opened. A new store gets
//!    them, an instance is made in it, and `on-start` is called. All of this is an actor of its own on the guests' threads.
//! 3. **Run.** The actor takes one command at a time. Each call has a deadline: a guest that computes is interrupted at
//!    it, one that is blocked in the host is given up shortly after.
//! 4. **Die.** After a trap, an interrupt or a timeout the store is dropped and never entered again. What was seen becomes
//!    a [`wharf_core::Death`] with its class, its figures and the guest's last words. Whoever drives the plugin makes a new
//!    instance, which takes microseconds.
//!
//! Dropping a task's handle ends the instance, also in the middle of a call.
//!
//! # What holds a guest
//!
//! | against | there is |
//! |---|---|
//! | endless computing | epoch interruption, a tick of 10 ms, on a runtime apart from the worker's |
//! | endless waiting | a timeout outside the call |
//! | more CPU time than its share | a wait at the next tick, or before the next call |
//! | memory, tables | a limiter that also remembers what it refused |
//! | huge answers | a bound on the bytes of one call |
//! | files | only the paths that the configuration names; see [`PathPolicy`] |
//! | network | a gate: only the hosts and ports that the configuration names, under the operator's [`EgressPolicy`] |
//! | environment, arguments | they are empty |
//! | floods of log lines | a rate limit, with the number of lines dropped |
//!
//! [`Limits`] lists the figures; a task may have lower ones of its own. What a task uses, its
//! [meter](wharf_core::meter::Meter) counts.

mod actor;
mod bindings;
mod borrowed;
mod cache;
mod capability;
mod classify;
mod complexity;
mod convert;
mod denials;
mod descriptor;
mod engine;
mod error;
mod filesystem;
mod host;
mod imports;
mod instance;
mod limiter;
mod limits;
mod load;
mod log;
mod metrics;
mod network;
mod pace;
mod paths;
mod plugin;
mod redact;
mod runtime;
#[cfg(test)]
mod samples;
mod sink;
mod source;
mod split;
mod state;
mod stdio;
mod task;
mod trusted;
mod webhook;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_core::meter::{PluginMetrics, PluginSeries};
use wharf_core::plugin::{LoadError, Loader, Plugin};

pub use error::SandboxError;
pub use limits::Limits;
pub use metrics::{BUCKETS, InstanceMetrics, Series, Value};
pub use network::EgressPolicy;
pub use paths::PathPolicy;

use load::Workshop;
use metrics::MetricsRegistry;
use plugin::WasmPlugin;
use runtime::GuestRuntime;
use task::Shared;

/// How a sandbox is set up.
#[derive(Debug, Clone, Default)]
pub struct SandboxOptions {
    /// Where compiled plugins are kept; made for this user alone. Default `None`: every load compiles.
    pub cache_dir: Option<PathBuf>,
    /// What an instance may use.
    pub limits: Limits,
    /// Which paths configurations may name.
    pub paths: PathPolicy,
    /// What they may reach over the network, of what their configurations name.
    pub egress: EgressPolicy,
    /// Threads that guests compute on. Default `None`: as many as there are cores, at least two.
    pub guest_threads: Option<usize>,
}

/// Loads plugins and owns what their instances run on. Make one for each process.
///
/// Plugins and tasks keep what they need alive, so a sandbox may be dropped before them.
pub struct Sandbox {
    workshop: Arc<Workshop>,
    shared: Arc<Shared>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("limits", &self.shared.limits).field("paths", &self.shared.paths).finish()
    }
}

impl Sandbox {
    /// Starts the engine, its ticker and the guests' threads, and opens the compile cache.
    ///
    /// # Errors
    /// When the engine does not work on this machine, or the cache directory cannot be used.
    pub fn new(options: SandboxOptions) -> Result<Arc<Self>, SandboxError> {
        let SandboxOptions { cache_dir, limits, paths, egress, guest_threads } = options;
        let workshop = Arc::new(Workshop::new(cache_dir, limits.clone(), paths.clone(), egress)?);
        let runtime = GuestRuntime::start(guest_threads)?;
        let shared = Arc::new(Shared { limits, paths, runtime, metrics: MetricsRegistry::default() });
        Ok(Arc::new(Self { workshop, shared }))
    }

    /// The metrics that the live instances report.
    pub fn metrics(&self) -> Vec<Arc<InstanceMetrics>> {
        self.shared.metrics.live()
    }
}

impl PluginMetrics for Sandbox {
    fn plugin_metrics(&self) -> Vec<PluginSeries> {
        self.metrics().iter().flat_map(|instance| instance.series()).collect()
    }
}

#[async_trait]
impl Loader for Sandbox {
    async fn load(&self, wasm: Bytes) -> Result<Arc<dyn Plugin>, LoadError> {
        let loaded = self.shared.runtime.run(self.workshop.clone().load(wasm)).await;
        let fault = |error| Err(LoadError { code: "BROKEN", message: format!("load the plugin: {error}") });
        let blueprint = loaded.unwrap_or_else(fault)?;
        Ok(Arc::new(WasmPlugin::new(blueprint, self.shared.clone())))
    }
}
