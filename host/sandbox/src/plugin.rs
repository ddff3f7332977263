//! A loaded plugin.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use wharf_core::audit::Denial;
use wharf_core::plugin::{Checked, Kind, Plugin, PluginFacts, SinkTask, SourceTask, TaskSetup, WebhookTask};
use wharf_core::secret::Redactor;
use wharf_core::{Config, Death, DeathKind, Descriptor, InstanceError, PluginId, Problem};

use crate::instance::{Part, watched};
use crate::task::{Blueprint, Shared};
use crate::{capability, classify, convert, denials, network, redact, sink, source, split, webhook};

/// A component that describes itself as a source or a sink.
pub(crate) struct WasmPlugin {
    blueprint: Blueprint,
    shared: Arc<Shared>,
}

impl fmt::Debug for WasmPlugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmPlugin").field("id", &self.blueprint.id).finish_non_exhaustive()
    }
}

impl WasmPlugin {
    pub(crate) fn new(blueprint: Blueprint, shared: Arc<Shared>) -> Self {
        Self { blueprint, shared }
    }

    /// Runs something short on the guests' threads.
    async fn run<T: Send + 'static>(
        &self,
        body: impl Future<Output = Result<T, InstanceError>> + Send + 'static,
    ) -> Result<T, InstanceError> {
        let fault = |error| Err(classify::gone(&format!("run the plugin: {error}")).into());
        let answer = self.shared.runtime.run(body).await.unwrap_or_else(fault);
        answer.map_err(|error| redact::error(&self.blueprint.redactor, error))
    }

    fn is_no(&self, what: &str) -> InstanceError {
        let Descriptor { name, kind, .. } = &*self.blueprint.descriptor;
        let is = if *kind == Kind::WebhookSource { "webhook source" } else { kind.as_str() };
        let message = format!("the plugin {name} is a {is}, not a {what}");
        Death { kind: DeathKind::Instantiation, message }.into()
    }
}

#[async_trait]
impl Plugin for WasmPlugin {
    fn id(&self) -> &PluginId {
        &self.blueprint.id
    }

    fn descriptor(&self) -> &Descriptor {
        &self.blueprint.descriptor
    }

    fn facts(&self) -> PluginFacts {
        PluginFacts::clone(&self.blueprint.facts)
    }

    fn hiding(&self, redactor: &Redactor) -> Option<Arc<dyn Plugin>> {
        let blueprint = Blueprint { redactor: redactor.clone(), ..self.blueprint.clone() };
        Some(Arc::new(Self { blueprint, shared: self.shared.clone() }))
    }

    async fn validate(&self, config: &Config) -> Result<Vec<Checked>, InstanceError> {
        let (blueprint, config) = (self.blueprint.clone(), convert::config_in(config));
        self.run(async move {
            let (mut live, base) = blueprint.bare().await?;
            let connector = base.openmessaging_connect_connector();
            let allowed = blueprint.limits.describe_deadline;
            let answer = watched!(live, "validate", allowed, |store| connector.call_validate(store, &config))?;
            let checked = answer.into_iter().map(convert::checked);
            Ok(checked.map(|checked| redact::checked(&blueprint.redactor, checked)).collect())
        })
        .await
    }

    async fn tasks(&self, config: &Config, max: u32) -> Result<Vec<Config>, InstanceError> {
        let (blueprint, written, config) = (self.blueprint.clone(), config.clone(), convert::config_in(config));
        self.run(async move {
            let (mut live, base) = blueprint.bare().await?;
            let connector = base.openmessaging_connect_connector();
            let allowed = blueprint.limits.describe_deadline;
            let answer = watched!(live, "tasks", allowed, |store| connector.call_tasks(store, &config, max))?;
            let tasks = answer.map_err(convert::failure)?;
            if tasks.is_empty() || tasks.len() > max as usize {
                let what = format!("it made {} tasks, from 1 to {max} were asked for", tasks.len());
                return Err(classify::violation("tasks", &what).into());
            }
            let tasks = tasks.into_iter().map(|task| task.into_iter().collect()).collect();
            let within = split::within(&blueprint.descriptor, &written, tasks);
            within.map_err(|what| classify::violation("tasks", &what).into())
        })
        .await
    }

    fn check_capabilities(&self, config: &Config) -> Vec<Problem> {
        let Blueprint { descriptor, paths, egress, .. } = &self.blueprint;
        let mut problems = capability::check(descriptor, config, paths);
        problems.extend(network::check(descriptor, config, egress, paths));
        redact::problems(&self.blueprint.redactor, problems)
    }

    fn denials(&self, config: &Config) -> Vec<Denial> {
        let Blueprint { descriptor, paths, egress, .. } = &self.blueprint;
        let paths = capability::denied(descriptor, config, paths).into_iter();
        let paths = paths.map(|detail| Denial { code: denials::PATH, detail });
        let denials = paths.chain(network::denied(descriptor, config, egress));
        let redactor = &self.blueprint.redactor;
        denials.map(|denial| Denial { detail: redactor.redact_owned(denial.detail), ..denial }).collect()
    }

    async fn start_source(&self, setup: TaskSetup) -> Result<Box<dyn SourceTask>, InstanceError> {
        match self.blueprint.ready.part.clone() {
            Part::Source(indices) => {
                source::start(self.blueprint.within(&setup.limits), indices, setup, self.shared.clone()).await
            }
            Part::Sink(_) | Part::Webhook(_) => Err(self.is_no("source")),
        }
    }

    async fn start_sink(&self, setup: TaskSetup) -> Result<Box<dyn SinkTask>, InstanceError> {
        match self.blueprint.ready.part.clone() {
            Part::Sink(indices) => {
                sink::start(self.blueprint.within(&setup.limits), indices, setup, self.shared.clone()).await
            }
            Part::Source(_) | Part::Webhook(_) => Err(self.is_no("sink")),
        }
    }

    async fn start_webhook(&self, setup: TaskSetup) -> Result<Box<dyn WebhookTask>, InstanceError> {
        match self.blueprint.ready.part.clone() {
            Part::Webhook(indices) => {
                webhook::start(self.blueprint.within(&setup.limits), indices, setup, self.shared.clone()).await
            }
            Part::Source(_) | Part::Sink(_) => Err(self.is_no("webhook source")),
        }
    }

    async fn destroyed(&self, setup: TaskSetup) -> Result<(), InstanceError> {
        let (blueprint, shared) = (self.blueprint.within(&setup.limits), self.shared.clone());
        self.run(async move {
            let (mut live, base, _) = blueprint.granted(&setup, &shared).await?;
            drop(shared);
            let (context, config) = (convert::context_in(&setup.context), convert::config_in(&setup.config));
            let lifecycle = base.openmessaging_connect_lifecycle();
            let allowed = blueprint.limits.call_deadline;
            watched!(live, "on-destroyed", allowed, |store| lifecycle.call_on_destroyed(store, &context, &config))?;
            Ok(())
        })
        .await
    }
}
