//! What supervisors and tasks share.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharf_core::audit::Auditor;
use wharf_core::config::{Config, ConnectorSpec};
use wharf_core::plugin::{Catalog, Plugin};
use wharf_core::secret::SecretResolver;
use wharf_drivers::Driver;
use wharf_store::{Connectors, Generations, Offsets, Store, UsedTopics};

use crate::figures::StartCounter;
use crate::ingest::Inbox;
use crate::inspect::Taps;
use crate::options::{Parts, WorkerOptions};
use crate::redactors::Redactors;
use crate::secrets::Hidden;
use crate::shutdown::Gate;
use crate::topics::ActiveTopics;

/// The worker's parts, as its supervisors and tasks see them.
#[derive(Debug)]
pub(crate) struct Env {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) driver: Arc<dyn Driver>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) audit: Arc<dyn Auditor>,
    pub(crate) secrets: Arc<dyn SecretResolver>,
    pub(crate) offsets: Arc<Offsets>,
    pub(crate) connectors: Connectors,
    pub(crate) generations: Generations,
    pub(crate) topics: ActiveTopics,
    pub(crate) options: WorkerOptions,
    pub(crate) gate: Gate,
    /// Starts of connectors, and of tasks.
    pub(crate) connector_starts: StartCounter,
    pub(crate) task_starts: StartCounter,
    /// Who looks at records while they pass.
    pub(crate) taps: Arc<Taps>,
    /// What must not stand in log lines.
    pub(crate) redactors: Arc<Redactors>,
}

impl Env {
    pub(crate) fn new(parts: Parts, options: WorkerOptions) -> Self {
        Self {
            catalog: parts.catalog,
            driver: parts.driver,
            offsets: Arc::new(Offsets::new(parts.store.clone())),
            connectors: Connectors::new(parts.store.clone()).sealed_by(parts.secrets.sealer).keeping(options.history),
            generations: Generations::new(parts.store.clone()),
            topics: ActiveTopics::new(UsedTopics::new(parts.store.clone()), options.topics.enabled),
            store: parts.store,
            audit: parts.audit,
            secrets: parts.secrets.resolver,
            options,
            gate: Gate::default(),
            connector_starts: StartCounter::default(),
            task_starts: StartCounter::default(),
            taps: Arc::default(),
            redactors: parts.secrets.redactors,
        }
    }

    /// How long a task may drain its batches in flight: half of what it has for stopping in all.
    pub(crate) fn drain_limit(&self) -> Duration {
        self.options.shutdown_timeout / 2
    }
}

/// A validated configuration and the plugin that runs it.
pub(crate) struct Job {
    pub(crate) spec: ConnectorSpec,
    pub(crate) plugin: Arc<dyn Plugin>,
    /// The configuration as the plugin sees it, with values in the place of placeholders. Not for eyes.
    pub(crate) config: Config,
    /// What of it must not be shown.
    pub(crate) hidden: Arc<Hidden>,
    /// Where its requests wait; webhook sources only.
    pub(crate) inbox: Option<Arc<Inbox>>,
}

impl Job {
    pub(crate) fn new(
        env: &Env,
        mut spec: ConnectorSpec,
        plugin: Arc<dyn Plugin>,
        config: Config,
        hidden: Hidden,
    ) -> Self {
        // Cut rather than refused: a connector that was stored under a higher ceiling runs under the lower one.
        spec.limits = spec.limits.within(&env.options.ceiling);
        let listener = spec.ingest.clone().zip(env.options.ingest.as_ref());
        let inbox = listener.map(|(ingest, options)| Arc::new(Inbox::new(ingest, options)));
        Self { spec, plugin, config, hidden: Arc::new(hidden), inbox }
    }
}

impl Job {
    /// Whether tasks of the other would run as those of this one do, but for the plugin.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.spec == other.spec && self.config == other.config
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("spec", &self.spec).field("plugin", self.plugin.id()).finish_non_exhaustive()
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_millis() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64
}
