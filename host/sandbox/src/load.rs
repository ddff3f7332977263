//! From the bytes of a `.wasm` to a plugin, one check after the other, nothing trusted before it is checked.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};
use wharf_core::plugin::{Kind, LoadError, PluginFacts};
use wharf_core::secret::Redactor;
use wharf_core::{Descriptor, PluginId};

use crate::bindings::base::BaseIndices;
use crate::bindings::sink::SinkPartIndices;
use crate::bindings::source::SourcePartIndices;
use crate::bindings::webhook::WebhookPartIndices;
use crate::cache::Cache;
use crate::convert;
use crate::error::SandboxError;
use crate::instance::{Part, Ready, watched};
use crate::limits::Limits;
use crate::network::{EgressPolicy, has_endpoints};
use crate::paths::PathPolicy;
use crate::state::{self, State};
use crate::task::{self, Blueprint};
use crate::{complexity, descriptor, engine, imports, trusted};

/// The header of every component, and of every core module.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// What it takes to compile and link.
pub(crate) struct Workshop {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    compiling: Arc<Semaphore>,
    limits: Limits,
    paths: PathPolicy,
    egress: EgressPolicy,
}

fn error(code: &'static str, message: impl Into<String>) -> LoadError {
    LoadError { code, message: message.into() }
}

fn broken(what: &str, error: &wasmtime::Error) -> LoadError {
    self::error("BROKEN", format!("{what}: {:#}", error.root_cause()))
}

impl Workshop {
    pub(crate) fn new(
        cache_dir: Option<PathBuf>,
        limits: Limits,
        paths: PathPolicy,
        egress: EgressPolicy,
    ) -> Result<Self, SandboxError> {
        let engine = engine::start()?;
        let linker = state::linker(&engine).map_err(|error| SandboxError::Engine(format!("{error:#}")))?;
        let cache = cache_dir.map(|dir| Cache::open(&dir, limits.cache_bytes)).transpose()?;
        let compiling = Arc::new(Semaphore::new(limits.compilations.max(1)));
        Ok(Self { engine, linker, cache, compiling, limits, paths, egress })
    }

    /// To be run on the guests' threads.
    pub(crate) async fn load(self: Arc<Self>, wasm: Bytes) -> Result<Blueprint, LoadError> {
        self.check_header(&wasm)?;
        let size = wasm.len() as u64;
        complexity::check(&wasm, &self.limits)?;
        let (digest, component) = self.compile(wasm).await?;
        let kind = self.check_type(&component)?;
        let ready = self.link(&component, kind)?;
        let descriptor = self.describe(&ready, kind).await?;
        let mut imports = self.imports(&component);
        if !has_endpoints(&descriptor) {
            imports::check_network(imports.iter().map(String::as_str))?;
        }
        imports.sort_unstable();
        let id = PluginId { name: descriptor.name.clone(), version: descriptor.version.clone(), sha256: digest };
        Ok(Blueprint {
            ready,
            id: Arc::new(id),
            descriptor: Arc::new(descriptor),
            limits: self.limits.clone(),
            paths: self.paths.clone(),
            egress: self.egress.clone(),
            facts: Arc::new(PluginFacts { size, imports }),
            redactor: Redactor::default(),
        })
    }

    fn check_header(&self, wasm: &[u8]) -> Result<(), LoadError> {
        let most = self.limits.component_bytes;
        if wasm.len() > most {
            return Err(error("TOO_LARGE", format!("the file has {} bytes, at most {most} are loaded", wasm.len())));
        }
        // Compiled code is never taken from anybody: it cannot be checked.
        if Engine::detect_precompiled(wasm).is_some() {
            return Err(error(
                "NOT_A_COMPONENT",
                "the file is compiled machine code (.cwasm): give the .wasm it was made of",
            ));
        }
        if wasm.starts_with(MODULE) {
            return Err(error(
                "NOT_A_COMPONENT",
                "the file is a core module, not a component: build it with `cargo build --target wasm32-wasip2`, or wrap it \
                 with `wasm-tools component new`",
            ));
        }
        if !wasm.starts_with(COMPONENT) {
            return Err(error(
                "NOT_A_COMPONENT",
                "the file is not WebAssembly: give a component built for wasm32-wasip2",
            ));
        }
        Ok(())
    }

    /// Compiles, or takes from the cache, on a blocking thread; few at a time, as one takes all cores for seconds.
    async fn compile(self: &Arc<Self>, wasm: Bytes) -> Result<(String, Component), LoadError> {
        let stopped = |_| error("BROKEN", "the sandbox is shutting down");
        let permit = self.compiling.clone().acquire_owned().await.map_err(stopped)?;
        let workshop = self.clone();
        let compiling = tokio::task::spawn_blocking(move || {
            let compiled = workshop.compile_now(&wasm);
            // Held by the compiler itself: it cannot be stopped, and while it works on it is one of the few.
            drop(permit);
            compiled
        });
        let allowed = self.limits.compile_deadline;
        match tokio::time::timeout(allowed, compiling).await {
            Ok(compiled) => compiled.map_err(|error| self::error("BROKEN", format!("the compiler failed: {error}")))?,
            Err(_) => Err(error(
                "COMPILE_TIMEOUT",
                format!(
                    "compiling took longer than {} ms: build the plugin for release, with less in it, or allow more time with \
                     `compile-timeout-ms` in [plugins]",
                    allowed.as_millis()
                ),
            )),
        }
    }

    fn compile_now(&self, wasm: &[u8]) -> Result<(String, Component), LoadError> {
        let digest: String = Sha256::digest(wasm).iter().map(|byte| format!("{byte:02x}")).collect();
        if let Some(component) = self.cache.as_ref().and_then(|cache| cache.get(&self.engine, &digest)) {
            return Ok((digest, component));
        }
        let invalid = |error| broken("the component is invalid or uses a feature that is off", &error);
        let artifact = self.engine.precompile_component(wasm).map_err(invalid)?;
        wharf_faults::reach("plugin.compiled");
        if let Some(cache) = &self.cache {
            cache.put(&self.engine, &digest, &artifact);
        }
        let component = trusted::component(&self.engine, &artifact)
            .map_err(|error| broken("load the compiled component", &error))?;
        Ok((digest, component))
    }

    fn check_type(&self, component: &Component) -> Result<Kind, LoadError> {
        let ty = component.component_type();
        imports::check(ty.imports(&self.engine).map(|(name, _)| name))?;
        imports::kind(ty.exports(&self.engine).map(|(name, _)| name))
    }

    /// The interfaces that it imports.
    fn imports(&self, component: &Component) -> Vec<String> {
        component.component_type().imports(&self.engine).map(|(name, _)| name.to_owned()).collect()
    }

    fn link(&self, component: &Component, kind: Kind) -> Result<Ready, LoadError> {
        let mismatch = |error: wasmtime::Error| {
            self::error("UNSUPPORTED_WORLD", format!("the component does not fit openmessaging:connect@0.1: {error:#}"))
        };
        let pre = self.linker.instantiate_pre(component).map_err(mismatch)?;
        let base = BaseIndices::new(&pre).map_err(mismatch)?;
        let part = match kind {
            Kind::Sink => Part::Sink(SinkPartIndices::new(&pre).map_err(mismatch)?),
            Kind::WebhookSource => Part::Webhook(WebhookPartIndices::new(&pre).map_err(mismatch)?),
            _ => Part::Source(SourcePartIndices::new(&pre).map_err(mismatch)?),
        };
        Ok(Ready { pre, base, part })
    }

    async fn describe(&self, ready: &Ready, kind: Kind) -> Result<Descriptor, LoadError> {
        let died = |death| error("BROKEN", format!("the plugin cannot describe itself: {death}"));
        let (mut live, base) = task::bare(ready, &self.limits, "unknown", &Redactor::default()).await.map_err(died)?;
        // Also compares the types of the part's functions with the contract, now rather than at a start.
        match &ready.part {
            Part::Source(indices) => live.source(indices).map(|_| ()).map_err(died)?,
            Part::Sink(indices) => live.sink(indices).map(|_| ()).map_err(died)?,
            Part::Webhook(indices) => live.webhook(indices).map(|_| ()).map_err(died)?,
        }
        let connector = base.openmessaging_connect_connector();
        let described =
            watched!(live, "describe", self.limits.describe_deadline, |store| connector.call_describe(store));
        let descriptor = convert::descriptor(described.map_err(died)?);
        match descriptor::check(&descriptor, kind) {
            Ok(()) => Ok(descriptor),
            Err(what) => Err(error("BROKEN", format!("the plugin describes itself badly: {what}"))),
        }
    }
}
