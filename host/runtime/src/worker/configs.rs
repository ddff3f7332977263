//! Configurations: creating connectors with them, changing them, and going back to an earlier one.

use tokio::sync::oneshot;
use tracing::info;
use wharf_core::config::Config;
use wharf_core::history::{ConfigHistory, ShownVersion};
use wharf_core::state::TargetState;
use wharf_core::status::ConnectorInfo;
use wharf_store::{ConfigVersion, StoreError};

use super::Worker;
use crate::env::Job;
use crate::error::WorkerError;
use crate::secrets::lost;
use crate::status::ConnectorView;
use crate::validate::validate;

/// How often a configuration is put again because somebody else created or deleted the connector meanwhile.
const PUT_TRIES: u32 = 3;

impl Worker {
    /// Validates and stores a connector, and starts it in the background: it is RUNNING a few milliseconds later. The
    /// answer names no task yet, as in Kafka Connect.
    ///
    /// # Errors
    /// [`WorkerError::BadRequest`] when the name in the configuration is another or the plugin is not known,
    /// [`WorkerError::Invalid`] with everything that is wrong with the configuration, [`WorkerError::AlreadyExists`].
    pub async fn create(
        &self,
        name: String,
        config: Config,
        target: TargetState,
    ) -> Result<ConnectorInfo, WorkerError> {
        self.create_by(name, config, target, None).await
    }

    /// As [`Worker::create`], with who asked for it, for the history.
    ///
    /// # Errors
    /// As [`Worker::create`].
    pub async fn create_by(
        &self,
        name: String,
        config: Config,
        target: TargetState,
        by: Option<String>,
    ) -> Result<ConnectorInfo, WorkerError> {
        let (name, config, job) = self.validated(&name, config).await?;
        if self.find(&name).is_some() {
            return Err(WorkerError::exists(&name));
        }
        self.store_and_start(name, config, target, job, by).await
    }

    /// Trims the name, puts it into the configuration, and validates.
    async fn validated(&self, name: &str, mut config: Config) -> Result<(String, Config, Job), WorkerError> {
        if self.inner.env.gate.closing().is_cancelled() {
            return Err(WorkerError::shutting_down());
        }
        let name = name.trim().to_owned();
        let written = config.entry("name".to_owned()).or_insert_with(|| name.clone());
        if *written != name {
            return Err(WorkerError::BadRequest(format!(
                "Connector name configuration ({written}) doesn't match connector name in the URL ({name})"
            )));
        }
        let config = self.restored(&name, config);
        let job = validate(&self.inner.env, &name, &config).await?;
        Ok((name, config, job))
    }

    /// A configuration that was shown and is sent back: `[hidden]` stands for what is stored.
    pub(crate) fn restored(&self, name: &str, config: Config) -> Config {
        match self.find(name) {
            Some(connector) => connector.view().hidden().restored(config, &connector.view().config()),
            None => config,
        }
    }

    /// Stored first, then started; carried out to the end also when the caller goes away in between.
    async fn store_and_start(
        &self,
        name: String,
        config: Config,
        target: TargetState,
        job: Job,
        by: Option<String>,
    ) -> Result<ConnectorInfo, WorkerError> {
        let worker = self.clone();
        let (reply, answer) = oneshot::channel();
        drop(self.inner.env.gate.spawn(async move {
            let accepted = job.hidden.accepted(config.clone(), by, false);
            let stored = worker.inner.env.connectors.create(&name, accepted, target).await;
            let result = match stored {
                Ok(_) => {
                    wharf_faults::reach("connector.stored");
                    let kind = job.spec.kind.as_str().to_owned();
                    let shown = job.hidden.shown(&config);
                    let info = ConnectorInfo { name: name.clone(), config: shown, tasks: Vec::new(), kind };
                    info!(connector = %name, plugin = %job.plugin.id(), %target, "a connector is created");
                    // Nobody waits for its tasks: the status shows them.
                    let view = ConnectorView::new(&worker.inner.env, &name, config, target);
                    drop(worker.supervise(view, Some(job)));
                    Ok(info)
                }
                Err(StoreError::Conflict { .. }) => Err(WorkerError::exists(&name)),
                Err(error) => Err(error.into()),
            };
            // The caller may have gone away.
            reply.send(result).ok();
        }));
        answer.await.unwrap_or_else(|_| Err(WorkerError::shutting_down()))
    }

    /// Creates a connector, or gives it another configuration, and says which. Its tasks are restarted unless nothing
    /// changed. A target state is kept.
    ///
    /// # Errors
    /// As [`Worker::create`], but that the connector may exist.
    pub async fn put_config(&self, name: String, config: Config) -> Result<(bool, ConnectorInfo), WorkerError> {
        self.put_config_by(name, config, None).await
    }

    /// As [`Worker::put_config`], with who asked for it, for the history.
    ///
    /// # Errors
    /// As [`Worker::put_config`].
    pub async fn put_config_by(
        &self,
        name: String,
        config: Config,
        by: Option<String>,
    ) -> Result<(bool, ConnectorInfo), WorkerError> {
        let mut tries = 0;
        loop {
            let (name, config, job) = self.validated(&name, config.clone()).await?;
            let by = by.clone();
            let done = match self.find(&name) {
                Some(connector) => {
                    let accepted = job.hidden.accepted(config, by, false);
                    connector.configure(accepted, job).await.map(|info| (false, info))
                }
                None => {
                    self.store_and_start(name, config, TargetState::Running, job, by).await.map(|info| (true, info))
                }
            };
            match done {
                // It was created or deleted by somebody else between the two steps: what is asked for is the other one.
                Err(WorkerError::AlreadyExists(_) | WorkerError::Conflict(_)) if tries < PUT_TRIES => tries += 1,
                done => return done,
            }
        }
    }

    /// The configurations that a connector has and had, newest first; secrets are masked.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`]
    pub async fn config_versions(&self, name: &str) -> Result<ConfigHistory, WorkerError> {
        let connector = self.get(name)?;
        let versions = self.inner.env.connectors.versions(name).await?;
        let versions = versions.ok_or_else(|| WorkerError::not_found(name))?;
        let hidden = connector.view().hidden();
        let shown = |it: ConfigVersion| ShownVersion {
            version: it.version,
            at: it.at,
            by: it.by,
            config: hidden.shown_with(&it.config, &it.sealed),
        };
        let current = versions.first().map_or(0, |it| it.version);
        let versions = versions.into_iter().map(shown).collect();
        Ok(ConfigHistory { connector: name.to_owned(), current, versions })
    }

    /// Gives a connector a configuration again that it had. It is validated as any other, and becomes a new version.
    ///
    /// # Errors
    /// [`WorkerError::NotFound`] when there is no such connector or version, [`WorkerError::Invalid`] when it is not valid
    /// any more, [`WorkerError::Conflict`] when its sealed values cannot be opened.
    pub async fn rollback(&self, name: &str, version: u64, by: Option<String>) -> Result<ConnectorInfo, WorkerError> {
        let connector = self.get(name)?;
        let versions = self.inner.env.connectors.versions(name).await?;
        let versions = versions.ok_or_else(|| WorkerError::not_found(name))?;
        let Some(found) = versions.iter().find(|it| it.version == version) else {
            let known: Vec<_> = versions.iter().map(|it| it.version.to_string()).collect();
            return Err(WorkerError::NotFound(format!(
                "Connector {name} has no version {version} of its configuration, only {}",
                known.join(", ")
            )));
        };
        if !found.lost.is_empty() {
            return Err(WorkerError::Conflict(lost(&found.lost)));
        }
        let (_, config, job) = self.validated(name, found.config.clone()).await?;
        let accepted = job.hidden.accepted(config, by, true);
        connector.configure(accepted, job).await
    }
}
