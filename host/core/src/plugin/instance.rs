//! The traits by which the worker drives plugins.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::registry::PluginRegistry;
use super::webhook::WebhookTask;
use super::{Checked, Descriptor, PluginFacts, PluginId};
use crate::audit::{Auditor, Denial};
use crate::batch::{Batch, Delivery};
use crate::config::Config;
use crate::failure::{Death, DeathKind, InstanceError, Rejection};
use crate::limits::TaskLimits;
use crate::meter::Meter;
use crate::offset::{SourceOffset, TopicPosition};
use crate::secret::Redactor;

/// Why a `.wasm` is no plugin. The code is stable; the message says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// For machines: `NOT_A_COMPONENT`, `UNSUPPORTED_WORLD`, `CAPABILITY_DENIED`, `TOO_LARGE`, `BROKEN`, …
    pub code: &'static str,
    /// For people.
    pub message: String,
}

/// Makes plugins out of bytes.
#[async_trait]
pub trait Loader: Send + Sync + fmt::Debug {
    /// Checks, compiles (or takes from the compile cache) and describes a component.
    ///
    /// # Errors
    /// When the bytes are no component, ask for more than a plugin may have, or do not describe themselves.
    async fn load(&self, wasm: Bytes) -> Result<Arc<dyn Plugin>, LoadError>;
}

/// A plugin that is compiled and ready to be instantiated.
#[async_trait]
pub trait Plugin: Send + Sync + fmt::Debug {
    /// Name, version and digest.
    fn id(&self) -> &PluginId;

    /// What it says of itself.
    fn descriptor(&self) -> &Descriptor;

    /// What can be seen of it from outside.
    fn facts(&self) -> PluginFacts {
        PluginFacts::default()
    }

    /// The same plugin for one connector: whatever its instances say (errors, log lines, labels of metrics) is passed
    /// through `redactor` before anybody else sees it. `None`: this plugin's words are handed on as they are.
    fn hiding(&self, _redactor: &Redactor) -> Option<Arc<dyn Plugin>> {
        None
    }

    /// The plugin's own checks, beyond types, required keys and allowed values. No capability is granted.
    ///
    /// # Errors
    /// When the instance dies.
    async fn validate(&self, config: &Config) -> Result<Vec<Checked>, InstanceError>;

    /// Splits the work into 1 to `max` task configurations. No capability is granted.
    ///
    /// # Errors
    /// When the plugin refuses the configuration or the instance dies.
    async fn tasks(&self, config: &Config, max: u32) -> Result<Vec<Config>, InstanceError>;

    /// Checks that what the configuration names may be granted (paths within the operator's allowed ones, …), and of keys
    /// that name a file that it can be opened. Changes and creates nothing, but looks at the file system. The answer holds
    /// one problem for each key that names something forbidden or unusable.
    fn check_capabilities(&self, config: &Config) -> Vec<crate::failure::Problem>;

    /// What of `config` the operator's policy forbids, for the audit; asked where [`Plugin::check_capabilities`] found
    /// something. A missing file is a problem, but no denial.
    fn denials(&self, _config: &Config) -> Vec<Denial> {
        Vec::new()
    }

    /// Instantiates with the capabilities of the configuration and calls `on-start`.
    ///
    /// # Errors
    /// When the plugin is no source, refuses, or the instance dies.
    async fn start_source(&self, setup: TaskSetup) -> Result<Box<dyn SourceTask>, InstanceError>;

    /// Instantiates with the capabilities of the configuration and calls `on-start`.
    ///
    /// # Errors
    /// When the plugin is no sink, refuses, or the instance dies.
    async fn start_sink(&self, setup: TaskSetup) -> Result<Box<dyn SinkTask>, InstanceError>;

    /// Instantiates with the capabilities of the configuration and calls `on-start`.
    ///
    /// # Errors
    /// When the plugin is no webhook source, refuses, or the instance dies.
    async fn start_webhook(&self, _setup: TaskSetup) -> Result<Box<dyn WebhookTask>, InstanceError> {
        let message = format!("the plugin {} is no webhook source", self.id().name);
        Err(Death { kind: DeathKind::Instantiation, message }.into())
    }

    /// Tells the plugin, in an instance of its own, that the connector is deleted.
    ///
    /// # Errors
    /// When the instance dies.
    async fn destroyed(&self, setup: TaskSetup) -> Result<(), InstanceError>;
}

/// Who a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskContext {
    /// The connector's name.
    pub connector: String,
    /// From 0.
    pub task: u32,
    /// How many tasks the connector has.
    pub tasks: u32,
    /// The worker's id, `host:port`.
    pub worker: String,
    /// From 1: which try at starting the task this is.
    pub attempt: u32,
    /// Grows with each start of the task.
    pub generation: u64,
}

/// What a task is started with.
#[derive(Clone)]
pub struct TaskSetup {
    /// Who it is.
    pub context: TaskContext,
    /// The task's configuration, as `Plugin::tasks` gave it.
    pub config: Config,
    /// Where `host.offsets` reads.
    pub offsets: Arc<dyn OffsetReader>,
    /// Called when the plugin asks for reconfiguration; must not block.
    pub reconfigure: Arc<dyn Fn() + Send + Sync>,
    /// How much it may use.
    pub limits: TaskLimits,
    /// Where what it uses is counted.
    pub meter: Arc<Meter>,
    /// Who is told of what it is denied.
    pub audit: Arc<dyn Auditor>,
}

impl fmt::Debug for TaskSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration may hold secrets.
        f.debug_struct("TaskSetup").field("context", &self.context).finish_non_exhaustive()
    }
}

/// Stored source offsets of one connector.
#[async_trait]
pub trait OffsetReader: Send + Sync {
    /// The stored offset of each partition, none where nothing is stored.
    async fn offsets(&self, partitions: &[String]) -> Vec<Option<String>>;
}

/// What a poll may bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollLimits {
    /// At most so many rows.
    pub max_rows: u32,
    /// At most so many bytes of keys, values and headers; one larger row still goes alone.
    pub max_bytes: u32,
    /// The poll returns within this, with or without rows.
    pub max_wait: Duration,
}

/// What comes after a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is more: poll again at once.
    More,
    /// Nothing more for now.
    Idle,
    /// The job is done; nothing more will come.
    Finished,
}

/// What a poll brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// Checked rows, maybe none.
    pub batch: Batch,
    /// What comes after.
    pub next: Next,
}

/// What a flush made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flushed {
    /// All that was put.
    All,
    /// Rows before these positions.
    UpTo(Vec<TopicPosition>),
}

/// One live instance of a source. After [`InstanceError::Died`] only dropping is left.
///
/// Dropping it at any time, also in the middle of a call whose future was dropped, stops the instance.
#[async_trait]
pub trait SourceTask: Send {
    /// Rows that are ready. `polled.batch` has passed [`Batch::check`].
    async fn poll(&mut self, limits: PollLimits) -> Result<Polled, InstanceError>;
    /// These offsets are durable.
    async fn commit(&mut self, offsets: Vec<SourceOffset>) -> Result<(), InstanceError>;
    /// May these offsets be stored by an operator? The inner error is the plugin's reason.
    async fn alter(&mut self, offsets: Vec<SourceOffset>) -> Result<Result<(), String>, InstanceError>;
    /// Nothing will be asked until [`SourceTask::resume`].
    async fn pause(&mut self) -> Result<(), InstanceError>;
    /// Work goes on.
    async fn resume(&mut self) -> Result<(), InstanceError>;
    /// The last call.
    async fn stop(self: Box<Self>) -> Result<(), InstanceError>;
    /// The task is given up; the last call.
    async fn failed(self: Box<Self>, reason: String) -> Result<(), InstanceError>;
}

/// One live instance of a sink. After [`InstanceError::Died`] only dropping is left.
///
/// Dropping it at any time, also in the middle of a call whose future was dropped, stops the instance.
#[async_trait]
pub trait SinkTask: Send {
    /// The task now reads these partitions; the answer names positions to start from instead.
    async fn assigned(&mut self, partitions: Vec<TopicPosition>) -> Result<Vec<TopicPosition>, InstanceError>;
    /// The task no longer reads these.
    async fn revoked(&mut self, partitions: Vec<TopicPosition>) -> Result<(), InstanceError>;
    /// Takes the rows but for the rejected ones.
    async fn put(&mut self, delivery: Arc<Delivery>) -> Result<Vec<Rejection>, InstanceError>;
    /// Makes what was put durable.
    async fn flush(&mut self) -> Result<Flushed, InstanceError>;
    /// Nothing will be asked until [`SinkTask::resume`].
    async fn pause(&mut self) -> Result<(), InstanceError>;
    /// Work goes on.
    async fn resume(&mut self) -> Result<(), InstanceError>;
    /// The last call.
    async fn stop(self: Box<Self>) -> Result<(), InstanceError>;
    /// The task is given up; the last call.
    async fn failed(self: Box<Self>, reason: String) -> Result<(), InstanceError>;
}

/// What the worker asks of the plugins directory.
#[async_trait]
pub trait Catalog: Send + Sync + fmt::Debug {
    /// The plugin for a `connector.class`: its name, an alias, a Java class's simple name; the highest version where
    /// `version` is `None`.
    fn find(&self, class: &str, version: Option<&str>) -> Option<Arc<dyn Plugin>>;
    /// All plugins, sorted by name and version.
    fn list(&self) -> Vec<Arc<dyn Plugin>>;
    /// Files in the plugins directory that are no plugin, and why.
    fn broken(&self) -> Vec<(PathBuf, LoadError)>;
    /// The versions there are of the plugin for a `connector.class`, ascending; for messages.
    fn versions(&self, class: &str) -> Vec<String> {
        self.find(class, None).map(|plugin| plugin.id().version.clone()).into_iter().collect()
    }
    /// The name that was probably meant by a `connector.class` for which there is no plugin; for messages.
    fn nearest(&self, _class: &str) -> Option<String> {
        None
    }
    /// Why a plugin for a `connector.class` is there but may not run; for messages.
    fn refused(&self, _class: &str) -> Option<LoadError> {
        None
    }
    /// Looks at the directory now rather than at the next tick.
    async fn refresh(&self);
    /// What installs, approves and checks plugins, where this catalog can be changed.
    fn registry(&self) -> Option<&dyn PluginRegistry> {
        None
    }
}
