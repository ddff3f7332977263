//! A live instance of any kind.

use std::sync::Arc;
use std::time::Duration;

use wharf_core::plugin::{Kind, OffsetReader, PollLimits, Polled, SinkTask, SourceTask, WebhookRequest, WebhookTask};
use wharf_core::{Config, Delivery, Failure, InstanceError, Rejection, TopicPosition};

use crate::bench::{Bench, describe, explain};
use crate::check::Step;
use crate::offsets::Stored;
use crate::rows;

/// How often a call that fails retriably is repeated, as a worker would.
const TRIES: u32 = 5;
/// The wait before that, where the plugin leaves it to the host.
const USUAL_WAIT: Duration = Duration::from_millis(10);
/// The longest wait before that, however long the plugin would like it to be.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// A poll as a worker makes it.
pub(crate) const POLL: PollLimits =
    PollLimits { max_rows: 1000, max_bytes: 1 << 20, max_wait: Duration::from_millis(100) };

/// A live instance of any kind.
pub(crate) enum Running {
    Source(Box<dyn SourceTask>),
    Sink(Box<dyn SinkTask>),
    Webhook(Box<dyn WebhookTask>),
}

/// Waits as a retriable failure asks, or gives it back where it is none or has come too often.
pub(crate) async fn wait_for_retry(failure: Failure, tries: &mut u32) -> Result<Option<u32>, Failure> {
    *tries += 1;
    match failure {
        Failure::Retriable(retry) if *tries < TRIES => {
            tokio::time::sleep(retry.after.unwrap_or(USUAL_WAIT).min(LONGEST_WAIT)).await;
            Ok(retry.at_row)
        }
        failure => Err(failure),
    }
}

impl Bench {
    /// Starts the task with nothing stored.
    pub(crate) async fn start(&self) -> Step<Running> {
        self.start_at(Arc::new(Stored::default())).await
    }

    /// Starts the task with what is stored.
    pub(crate) async fn start_at(&self, offsets: Arc<dyn OffsetReader>) -> Step<Running> {
        let config = self.task.clone()?;
        let mut tries = 0;
        loop {
            let failure = match self.start_once(config.clone(), offsets.clone(), tries + 1).await {
                Ok(running) => return Ok(running),
                Err(InstanceError::Failed(failure)) => failure,
                Err(error) => return Err(explain("on-start", &error)),
            };
            let given_up = wait_for_retry(failure, &mut tries).await;
            given_up.map_err(|failure| format!("`on-start` failed: {}", describe(&failure)))?;
        }
    }

    /// One try.
    pub(crate) async fn start_once(
        &self,
        config: Config,
        offsets: Arc<dyn OffsetReader>,
        attempt: u32,
    ) -> Result<Running, InstanceError> {
        let setup = self.setup(config, offsets, attempt);
        let (plugin, allowed) = (&self.plugin, self.options.start_deadline);
        match self.descriptor().kind {
            Kind::Sink => {
                let mut task = self.call("on-start", allowed, plugin.start_sink(setup)).await?;
                let at = vec![TopicPosition { topic: self.topic(), partition: 0, position: 0 }];
                self.call("assigned", self.options.call_deadline, task.assigned(at)).await?;
                Ok(Running::Sink(task))
            }
            Kind::WebhookSource => {
                Ok(Running::Webhook(self.call("on-start", allowed, plugin.start_webhook(setup)).await?))
            }
            Kind::Source | Kind::Transform => {
                Ok(Running::Source(self.call("on-start", allowed, plugin.start_source(setup)).await?))
            }
        }
    }

    /// Starts a source.
    pub(crate) async fn source(&self, offsets: Arc<dyn OffsetReader>) -> Step<Box<dyn SourceTask>> {
        match self.start_at(offsets).await? {
            Running::Source(task) => Ok(task),
            _ => Err("the plugin is no source".to_owned()),
        }
    }

    /// Starts a sink.
    pub(crate) async fn sink(&self) -> Step<Box<dyn SinkTask>> {
        match self.start().await? {
            Running::Sink(task) => Ok(task),
            _ => Err("the plugin is no sink".to_owned()),
        }
    }

    /// Starts a webhook source.
    pub(crate) async fn webhook(&self) -> Step<Box<dyn WebhookTask>> {
        match self.start().await? {
            Running::Webhook(task) => Ok(task),
            _ => Err("the plugin is no webhook source".to_owned()),
        }
    }

    /// The first topic of a sink's configuration.
    pub(crate) fn topic(&self) -> String {
        let topics = self.config.as_ref().and_then(|config| config.get("topics")).map_or("", String::as_str);
        let first = topics.split(',').map(str::trim).find(|topic| !topic.is_empty());
        first.unwrap_or(crate::bench::TOPIC).to_owned()
    }

    /// Polls until it does not fail retriably.
    pub(crate) async fn poll(&self, task: &mut dyn SourceTask, limits: PollLimits) -> Step<Polled> {
        let mut tries = 0;
        loop {
            let allowed = limits.max_wait.saturating_add(self.options.call_deadline);
            let polled = match self.survives("poll", allowed, task.poll(limits)).await? {
                Ok(polled) => polled,
                Err(failure) => {
                    let given_up = wait_for_retry(failure, &mut tries).await;
                    given_up.map_err(|failure| format!("`poll` failed: {}", describe(&failure)))?;
                    continue;
                }
            };
            // The sandbox has looked already; whoever else drives a plugin natively may not have.
            polled.batch.check().map_err(|error| format!("`poll` brought a batch that does not fit: {error}"))?;
            return Ok(polled);
        }
    }

    /// Puts the rows, the rest of them again where the sink asks for it. The outer error ends the check, the inner one is
    /// what the sink says.
    pub(crate) async fn put(
        &self,
        task: &mut dyn SinkTask,
        delivery: Delivery,
    ) -> Step<Result<Vec<Rejection>, Failure>> {
        let (mut tries, mut first, mut all) = (0, 0, Vec::new());
        let rows = delivery.batch.rows;
        loop {
            let rest = Arc::new(delivery.slice(first..rows));
            match self.survives("put", self.options.call_deadline, task.put(rest)).await? {
                Ok(rejected) => {
                    all.extend(rejected.into_iter().map(|it| Rejection { row: it.row.saturating_add(first), ..it }));
                    return Ok(Ok(all));
                }
                Err(failure) => match wait_for_retry(failure, &mut tries).await {
                    Ok(at_row) => first = first.saturating_add(at_row.unwrap_or(0)).min(rows),
                    Err(failure) => return Ok(Err(failure)),
                },
            }
        }
    }

    /// The work of one turn: a poll, a put and a flush, or a request.
    pub(crate) async fn work(&self, running: &mut Running, position: i64) -> Step {
        let allowed = self.options.call_deadline;
        match running {
            Running::Source(task) => self.poll(task.as_mut(), POLL).await.map(drop),
            Running::Sink(task) => {
                let put = self.put(task.as_mut(), rows::ordinary(&self.topic(), position, 2)).await?;
                put.map_err(|failure| format!("`put` of ordinary rows failed: {}", describe(&failure)))?;
                self.must("flush", allowed, task.flush()).await.map(drop)
            }
            Running::Webhook(task) => {
                let request = WebhookRequest {
                    method: "POST".to_owned(),
                    path: "/".to_owned(),
                    headers: vec![("content-type".to_owned(), "application/json".into())],
                    body: r#"{"id":1}"#.into(),
                    peer: "127.0.0.1:50000".to_owned(),
                    ..WebhookRequest::default()
                };
                self.must("handle", allowed, task.handle(request)).await.map(drop)
            }
        }
    }

    pub(crate) async fn pause(&self, running: &mut Running) -> Step {
        let allowed = self.options.call_deadline;
        match running {
            Running::Source(task) => self.must("on-pause", allowed, task.pause()).await,
            Running::Sink(task) => self.must("on-pause", allowed, task.pause()).await,
            Running::Webhook(task) => self.must("on-pause", allowed, task.pause()).await,
        }
    }

    pub(crate) async fn resume(&self, running: &mut Running) -> Step {
        let allowed = self.options.call_deadline;
        match running {
            Running::Source(task) => self.must("on-resume", allowed, task.resume()).await,
            Running::Sink(task) => self.must("on-resume", allowed, task.resume()).await,
            Running::Webhook(task) => self.must("on-resume", allowed, task.resume()).await,
        }
    }

    pub(crate) async fn stop(&self, running: Running) -> Step {
        let allowed = self.options.call_deadline;
        match running {
            Running::Source(task) => self.must("on-stop", allowed, task.stop()).await,
            Running::Sink(task) => self.must("on-stop", allowed, task.stop()).await,
            Running::Webhook(task) => self.must("on-stop", allowed, task.stop()).await,
        }
    }

    pub(crate) async fn failed(&self, running: Running, reason: &str) -> Step {
        let (allowed, reason) = (self.options.call_deadline, reason.to_owned());
        match running {
            Running::Source(task) => self.must("on-failed", allowed, task.failed(reason)).await,
            Running::Sink(task) => self.must("on-failed", allowed, task.failed(reason)).await,
            Running::Webhook(task) => self.must("on-failed", allowed, task.failed(reason)).await,
        }
    }
}
