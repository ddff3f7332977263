//! Requests from outside on their way to the tasks of a webhook source.
//!
//! ```text
//! listener ─▶ Ingress::enter ─▶ Slot::send ─▶ inbox of the connector ─▶ one of its tasks ─▶ guest ─▶ queue
//!                  │ 429, 503                                                                     │
//! caller ◀─────────┴───────────────────────────────────────────── answer, once acknowledged ◀─────┘
//! ```
//!
//! A [`Slot`] is taken before a request's body is read and given back when its answer is known, so that the requests in
//! memory are bounded however many come, and however long the queue takes. Two things hold for callers that do not wait:
//!
//! - one that hangs up, or whose time is over, before a task took its request is not handled at all;
//! - after that its rows go their way, and nobody is told. A caller that was not told sends again, as with every
//!   at-least-once system: what it sends should carry an id.
//!
//! While no task of a connector is live (it is paused, stopped, waits to be started again, or the queue's disk is full)
//! requests are turned away at once, those that wait among them.

mod error;
mod inbox;
mod rate;

pub use error::IngestError;
pub(crate) use inbox::{Caller, Inbox};

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wharf_core::Problem;
use wharf_core::config::{IngestAuth, IngestSpec};
use wharf_core::plugin::{WebhookRequest, WebhookResponse};

/// What the worker's listener for requests from outside allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestOptions {
    /// Whether other machines can reach it: then each connector must say who may call.
    pub is_public: bool,
    /// The largest body of a request, in bytes.
    pub max_body_bytes: usize,
    /// Requests in a second for each connector; `None`: as many as come.
    pub requests_per_second: Option<u32>,
}

/// What is wrong with a connector that wants to be called, as this worker is set up.
pub(crate) fn problems(spec: &IngestSpec, options: Option<&IngestOptions>) -> Vec<Problem> {
    let problem = |key: &str, message: String| Problem { key: key.to_owned(), message: format!("{key}: {message}") };
    let Some(options) = options else {
        let message = "this plugin is called over HTTP, and the worker does not listen for that: write `listen = \
                       \"127.0.0.1:8090\"` in the section `[ingest]` of wharf.toml and start the worker again";
        return vec![problem("connector.class", message.to_owned())];
    };
    let mut problems = Vec::new();
    if options.is_public && spec.auth == IngestAuth::Unsaid {
        let message = "the worker's ingest listener can be reached from other machines: write bearer or header, with \
                       ingest.auth.token, or none where the plugin itself checks who calls";
        problems.push(problem("ingest.auth", message.to_owned()));
    }
    if spec.max_body_bytes.is_some_and(|bytes| bytes > options.max_body_bytes) {
        let most = options.max_body_bytes;
        problems.push(problem("ingest.max.body.bytes", format!("the worker allows {most}: write at most that")));
    }
    if let (Some(wanted), Some(most)) = (spec.requests_per_second, options.requests_per_second)
        && wanted > most
    {
        problems.push(problem("ingest.requests.per.second", format!("the worker allows {most}: write at most that")));
    }
    problems
}

/// The way into one connector. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingress(Arc<Inbox>);

/// The right to hand over one request.
#[derive(Debug)]
pub struct Slot {
    inbox: Arc<Inbox>,
    permit: OwnedSemaphorePermit,
}

impl Ingress {
    pub(crate) fn new(inbox: Arc<Inbox>) -> Self {
        Self(inbox)
    }

    /// Who may call.
    pub fn auth(&self) -> &IngestAuth {
        &self.0.spec().auth
    }

    /// The largest body, in bytes.
    pub fn max_body_bytes(&self) -> usize {
        self.0.max_body_bytes()
    }

    /// Asks for a slot, before anything of the request is kept.
    ///
    /// # Errors
    /// [`IngestError::Unavailable`], [`IngestError::TooFast`] or [`IngestError::Busy`].
    pub fn enter(&self) -> Result<Slot, IngestError> {
        let permit = self.0.enter()?;
        Ok(Slot { inbox: self.0.clone(), permit })
    }
}

impl Slot {
    /// Hands the request to the next task that is free, and waits for its answer, which is given once its rows are in
    /// the queue.
    ///
    /// # Errors
    /// What to answer instead.
    pub async fn send(self, request: WebhookRequest) -> Result<WebhookResponse, IngestError> {
        let Self { inbox, permit } = self;
        let answer = inbox.push(request, permit)?;
        match tokio::time::timeout(inbox.spec().timeout, answer).await {
            Ok(Ok(answer)) => answer,
            // The task was dropped in the middle of it.
            Ok(Err(_)) => Err(IngestError::unavailable("the connector was interrupted")),
            Err(_) => Err(IngestError::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_core::config::Secret;

    use super::*;

    fn keys(spec: &IngestSpec, options: Option<&IngestOptions>) -> Vec<String> {
        problems(spec, options).into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn what_the_operator_does_not_allow_is_refused_by_key() {
        let mut spec = IngestSpec {
            auth: IngestAuth::Unsaid,
            max_body_bytes: Some(11),
            requests_per_second: Some(6),
            max_in_flight: 1,
            timeout: Duration::from_secs(1),
        };
        let mut options = IngestOptions { is_public: true, max_body_bytes: 10, requests_per_second: Some(5) };
        assert_eq!(keys(&spec, None), ["connector.class"]);
        let all = ["ingest.auth", "ingest.max.body.bytes", "ingest.requests.per.second"];
        assert_eq!(keys(&spec, Some(&options)), all);
        spec.auth = IngestAuth::Bearer(Secret::new("t"));
        options = IngestOptions { max_body_bytes: 11, requests_per_second: None, ..options };
        assert_eq!(keys(&spec, Some(&options)), [""; 0]);
        spec.auth = IngestAuth::Unsaid;
        options.is_public = false;
        assert_eq!(keys(&spec, Some(&options)), [""; 0], "on its own machine nobody needs to be asked who calls");
    }
}
