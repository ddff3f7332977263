//! From a plugin to a running task: capabilities, instance, `on-start`.

use std::sync::Arc;
use std::time::Instant;

use wharf_core::limits::TaskLimits;
use wharf_core::plugin::{PluginFacts, TaskSetup};
use wharf_core::secret::Redactor;
use wharf_core::{Config, Death, DeathKind, Descriptor, Failure, InstanceError, PluginId};
use wharf_egress::Gate;

use crate::actor::Reply;
use crate::bindings::base::Base;
use crate::capability::{self, Grant};
use crate::classify;
use crate::convert;
use crate::denials::{self, Denials};
use crate::instance::{Live, Ready, watched};
use crate::limits::Limits;
use crate::log::GuestLog;
use crate::metrics::{InstanceMetrics, MetricsRegistry};
use crate::network::{self, EgressPolicy};
use crate::paths::PathPolicy;
use crate::runtime::GuestRuntime;
use crate::state::State;

/// What all plugins of a sandbox share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) paths: PathPolicy,
    pub(crate) runtime: GuestRuntime,
    pub(crate) metrics: MetricsRegistry,
}

/// What one plugin's instances are made of.
#[derive(Clone)]
pub(crate) struct Blueprint {
    pub(crate) ready: Ready,
    pub(crate) id: Arc<PluginId>,
    pub(crate) descriptor: Arc<Descriptor>,
    pub(crate) limits: Limits,
    pub(crate) paths: PathPolicy,
    pub(crate) egress: EgressPolicy,
    pub(crate) facts: Arc<PluginFacts>,
    /// What is taken out of its instances' words.
    pub(crate) redactor: Redactor,
}

impl Blueprint {
    /// The same for a task with limits of its own.
    pub(crate) fn within(&self, limits: &TaskLimits) -> Self {
        Self { limits: self.limits.within(limits), ..self.clone() }
    }

    /// An instance that can touch nothing: to describe, to validate.
    pub(crate) async fn bare(&self) -> Result<(Live, Arc<Base>), Death> {
        let name = self.id.to_string();
        bare(&self.ready, &self.limits, &name, &self.redactor).await
    }

    /// An instance with the capabilities of its configuration; for both steps and for `on-start` there is the start
    /// deadline, of which the last part of the answer is left.
    pub(crate) async fn granted(
        &self,
        setup: &TaskSetup,
        shared: &Shared,
    ) -> Result<(Live, Arc<Base>, std::time::Duration), InstanceError> {
        let began = Instant::now();
        let plugin = self.id.to_string();
        let grants = self.grants(&setup.config).await.inspect_err(|_| {
            // It was allowed when it was configured: a link has been turned since, or the operator's settings have.
            for denied in capability::denied(&self.descriptor, &setup.config, &self.paths) {
                Denials::new(Some(setup), &plugin).tell(denials::PATH, || denied);
            }
        })?;
        let gate = network::gate(&self.descriptor, setup, &plugin, &self.egress, &self.paths).await?;
        let context = &setup.context;
        let log = GuestLog::new(&self.limits, &context.connector, context.task, &plugin);
        let log = log.of(setup).hiding(&self.redactor);
        let metrics = InstanceMetrics::new(&context.connector, context.task, &plugin, self.limits.metric_series);
        let metrics = Arc::new(metrics.hiding(&self.redactor));
        shared.metrics.add(&metrics);
        let state = State::new(&self.limits, Arc::new(log), metrics, Some(setup.clone()), grants, gate);
        let allowed = self.limits.start_deadline.saturating_sub(began.elapsed());
        let (live, left) = Live::start(&self.ready, state, &self.limits, allowed).await?;
        let base = live.base();
        Ok((live, base, left))
    }

    /// Opening a directory may hang, on a network mount that is gone: not on this thread, and not for ever.
    async fn grants(&self, config: &Config) -> Result<Vec<Grant>, InstanceError> {
        let (descriptor, config, paths) = (self.descriptor.clone(), config.clone(), self.paths.clone());
        let allowed = self.limits.start_deadline;
        let opening = tokio::task::spawn_blocking(move || capability::grant(&descriptor, &config, &paths));
        match tokio::time::timeout(allowed, opening).await {
            Ok(Ok(grants)) => grants.map_err(|problems| Failure::InvalidConfig(problems).into()),
            Ok(Err(error)) => Err(classify::gone(&format!("open what the configuration names: {error}")).into()),
            Err(_) => Err(Death {
                kind: DeathKind::HostCallTimeout,
                message: format!("opening the directories that the configuration names took longer than {allowed:?}"),
            }
            .into()),
        }
    }
}

/// See [`Blueprint::bare`].
pub(crate) async fn bare(
    ready: &Ready,
    limits: &Limits,
    name: &str,
    redactor: &Redactor,
) -> Result<(Live, Arc<Base>), Death> {
    let log = GuestLog::new(limits, "", 0, name).hiding(redactor);
    let metrics = InstanceMetrics::new("", 0, name, 0);
    let state = State::new(limits, Arc::new(log), Arc::new(metrics), None, Vec::new(), Gate::shut());
    let (live, _) = Live::start(ready, state, limits, limits.describe_deadline).await?;
    let base = live.base();
    Ok((live, base))
}

/// A live instance whose `on-start` went well.
async fn started(
    blueprint: &Blueprint,
    setup: &TaskSetup,
    shared: &Shared,
) -> Result<(Live, Arc<Base>), InstanceError> {
    let (mut live, base, left) = blueprint.granted(setup, shared).await?;
    let (context, config) = (convert::context_in(&setup.context), convert::config_in(&setup.config));
    let lifecycle = base.openmessaging_connect_lifecycle();
    let answer = watched!(live, "on-start", left, |store| lifecycle.call_on_start(store, &context, &config))?;
    answer.map_err(convert::failure)?;
    Ok((live, base))
}

/// The beginning of every actor: starts the instance, binds its part of the contract, and tells `ready`. `None` when
/// there is nothing to go on with, which `ready` was told.
pub(crate) async fn begin<P>(
    blueprint: &Blueprint,
    setup: &TaskSetup,
    shared: Arc<Shared>,
    ready: Reply<()>,
    part: impl FnOnce(&mut Live) -> Result<P, Death>,
) -> Option<(P, Live, Arc<Base>)> {
    let started = started(blueprint, setup, &shared).await;
    // The handle keeps the threads; the actor must not, or they would keep each other.
    drop(shared);
    match started.and_then(|(mut live, base)| Ok((part(&mut live)?, live, base))) {
        // Nobody waits any more: the handle is gone.
        Ok(parts) => ready.send(Ok(())).is_ok().then_some(parts),
        Err(error) => {
            drop(ready.send(Err(error)));
            None
        }
    }
}
