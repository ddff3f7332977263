//! The validated form of a connector's configuration.

use std::time::Duration;

use super::IngestSpec;
use crate::failure::Problem;
use crate::limits::TaskLimits;
use crate::plugin::Kind;
use crate::policy::RestartPolicy;

/// All that is wrong with a configuration, one problem for each key and fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<Problem>);

/// What happens to rows that cannot be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPolicy {
    /// `errors.tolerance=all`: rejected rows are skipped (or go to the dead letter queue) rather than fail the task.
    pub tolerate_all: bool,
    /// `errors.retry.timeout`: how long a retriable failure is retried; `None`: for ever (`-1`).
    pub retry_timeout: Option<Duration>,
    /// `errors.retry.delay.max.ms`
    pub retry_delay_max: Duration,
    /// `errors.log.enable`
    pub log: bool,
    /// `errors.log.include.messages`
    pub log_messages: bool,
    /// `errors.deadletterqueue.topic.name`; sinks only.
    pub dead_letter_topic: Option<String>,
    /// `errors.deadletterqueue.context.headers.enable`
    pub dead_letter_headers: bool,
}

impl Default for ErrorPolicy {
    /// What holds where a configuration says nothing: no tolerance, no retries, no dead letter queue.
    fn default() -> Self {
        Self {
            tolerate_all: false,
            retry_timeout: Some(Duration::ZERO),
            retry_delay_max: Duration::from_secs(60),
            log: false,
            log_messages: false,
            dead_letter_topic: None,
            dead_letter_headers: false,
        }
    }
}

/// A connector's configuration, checked and typed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectorSpec {
    /// The connector's name.
    pub name: String,
    /// What was written as `connector.class`.
    pub class: String,
    /// What was written as `connector.plugin.version`.
    pub plugin_version: Option<String>,
    /// What the plugin is.
    pub kind: Kind,
    /// `tasks.max`, at least 1.
    pub tasks_max: u32,
    /// `tasks.max.enforce`: a plugin that makes more tasks fails its connector.
    pub enforce_tasks_max: bool,
    /// A sink's `topics`; a source's `topic` where it has one.
    pub topics: Vec<String>,
    /// The consumer group of a sink: `connect-{name}` as in Kafka Connect.
    pub group: String,
    /// What happens to rows that cannot be processed.
    pub errors: ErrorPolicy,
    /// When a failed task is started again.
    pub restart: RestartPolicy,
    /// How much each task may use.
    pub limits: TaskLimits,
    /// Who may call it and how much at a time; webhook sources only.
    pub ingest: Option<IngestSpec>,
}
