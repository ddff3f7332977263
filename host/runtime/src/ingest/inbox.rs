//! Where the requests of a connector wait for a task that is free.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use wharf_core::config::IngestSpec;
use wharf_core::plugin::{WebhookRequest, WebhookResponse};

use super::rate::Bucket;
use super::{IngestError, IngestOptions};
use crate::status::lock;

type Answer = Result<WebhookResponse, IngestError>;

/// What no live task means for a caller.
const NOBODY: &str = "the connector is not running";

/// The inbox of one connector: its tasks take from it, the listener adds to it.
#[derive(Debug)]
pub(crate) struct Inbox {
    spec: IngestSpec,
    max_body_bytes: usize,
    /// One for each request from before its body is read until its answer is known.
    slots: Arc<Semaphore>,
    rate: Option<Mutex<Bucket>>,
    queue: Mutex<Queue>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    /// At most `ingest.max.in.flight`: each holds a slot.
    waiting: VecDeque<Waiting>,
    /// How many tasks take from it. With none nothing waits.
    serving: usize,
    /// Since when something waits and nothing was taken.
    since: Option<Instant>,
}

#[derive(Debug)]
struct Waiting {
    request: WebhookRequest,
    caller: Caller,
}

/// Somebody who waits for an answer. Dropped without one, it hears that the task was interrupted.
#[derive(Debug)]
pub(crate) struct Caller {
    reply: oneshot::Sender<Answer>,
    _slot: OwnedSemaphorePermit,
}

impl Caller {
    /// Answers; nobody may be listening any more.
    pub(crate) fn answer(self, answer: Answer) {
        self.reply.send(answer).ok();
    }
}

/// Held by a task while it takes requests. When the last is dropped, whatever waits is turned away.
#[derive(Debug)]
pub(crate) struct Serving(Arc<Inbox>);

impl Inbox {
    pub(crate) fn new(spec: IngestSpec, options: &IngestOptions) -> Self {
        let rate = spec.requests_per_second.or(options.requests_per_second);
        Self {
            max_body_bytes: spec.max_body_bytes.unwrap_or(options.max_body_bytes),
            slots: Arc::new(Semaphore::new(spec.max_in_flight)),
            rate: rate.map(|rate| Mutex::new(Bucket::new(rate))),
            queue: Mutex::default(),
            news: Notify::new(),
            spec,
        }
    }

    pub(super) fn spec(&self) -> &IngestSpec {
        &self.spec
    }

    pub(super) fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    pub(super) fn enter(&self) -> Result<OwnedSemaphorePermit, IngestError> {
        if lock(&self.queue).serving == 0 {
            return Err(IngestError::unavailable(NOBODY));
        }
        if let Some(rate) = &self.rate {
            lock(rate).take().map_err(|after| IngestError::TooFast { after })?;
        }
        let slot = || self.slots.clone().try_acquire_owned();
        slot()
            .or_else(|_| {
                // Callers that went away give their place up.
                lock(&self.queue).waiting.retain(|it| !it.caller.reply.is_closed());
                slot()
            })
            .map_err(|_| IngestError::Busy)
    }

    pub(super) fn push(
        &self,
        request: WebhookRequest,
        slot: OwnedSemaphorePermit,
    ) -> Result<oneshot::Receiver<Answer>, IngestError> {
        let (reply, answer) = oneshot::channel();
        let mut queue = lock(&self.queue);
        if queue.serving == 0 {
            return Err(IngestError::unavailable(NOBODY));
        }
        queue.since.get_or_insert_with(Instant::now);
        queue.waiting.push_back(Waiting { request, caller: Caller { reply, _slot: slot } });
        self.news.notify_one();
        Ok(answer)
    }

    /// Since when requests wait and no task has taken any; `None`: none waits whose caller is still there.
    pub(crate) fn waiting_since(&self) -> Option<Instant> {
        let queue = lock(&self.queue);
        queue.since.filter(|_| queue.waiting.iter().any(|it| !it.caller.reply.is_closed()))
    }

    /// Takes requests from now on.
    pub(crate) fn serve(self: &Arc<Self>) -> Serving {
        lock(&self.queue).serving += 1;
        Serving(self.clone())
    }

    /// The next request whose caller still waits. Cancel-safe.
    pub(crate) async fn next(&self) -> (WebhookRequest, Caller) {
        loop {
            let mut news = pin!(self.news.notified());
            // From here on a request that comes wakes this task, or another one that waits.
            news.as_mut().enable();
            if let Some(Waiting { request, caller }) = self.take() {
                return (request, caller);
            }
            news.await;
        }
    }

    fn take(&self) -> Option<Waiting> {
        let mut queue = lock(&self.queue);
        let mut found = None;
        while found.as_ref().is_none_or(|it: &Waiting| it.caller.reply.is_closed()) {
            found = Some(match queue.waiting.pop_front() {
                Some(next) => next,
                None => {
                    queue.since = None;
                    return None;
                }
            });
        }
        queue.since = (!queue.waiting.is_empty()).then(Instant::now);
        if !queue.waiting.is_empty() {
            // Several may have come while nobody waited, which is one notification.
            self.news.notify_one();
        }
        found
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.serving = queue.serving.saturating_sub(1);
        if queue.serving > 0 {
            return;
        }
        let waiting = std::mem::take(&mut queue.waiting);
        queue.since = None;
        drop(queue);
        waiting.into_iter().for_each(|it| it.caller.answer(Err(IngestError::unavailable(NOBODY))));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_core::config::IngestAuth;

    use super::*;
    use crate::ingest::Ingress;

    fn inbox(max_in_flight: usize) -> Arc<Inbox> {
        let spec = IngestSpec {
            auth: IngestAuth::None,
            max_body_bytes: None,
            requests_per_second: None,
            max_in_flight,
            timeout: Duration::from_secs(5),
        };
        let options = IngestOptions { is_public: false, max_body_bytes: 10, requests_per_second: None };
        Arc::new(Inbox::new(spec, &options))
    }

    fn send(inbox: &Arc<Inbox>, path: &str) -> tokio::task::JoinHandle<Answer> {
        let slot = Ingress::new(inbox.clone()).enter().unwrap();
        let request = WebhookRequest { path: path.to_owned(), ..WebhookRequest::default() };
        tokio::spawn(slot.send(request))
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_task_nothing_waits() {
        let inbox = inbox(2);
        let ingress = Ingress::new(inbox.clone());
        assert_eq!(ingress.enter().unwrap_err(), IngestError::unavailable(NOBODY));
        let serving = inbox.serve();
        let waiting = send(&inbox, "/a");
        tokio::task::yield_now().await;
        drop(serving);
        assert_eq!(waiting.await.unwrap(), Err(IngestError::unavailable(NOBODY)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_held_until_the_answer_is_known_even_when_nobody_waits_for_it() {
        let inbox = inbox(1);
        let _serving = inbox.serve();
        let waiting = send(&inbox, "/a");
        let (request, caller) = inbox.next().await;
        assert_eq!(request.path, "/a");
        waiting.abort();
        assert!(waiting.await.is_err());
        let ingress = Ingress::new(inbox.clone());
        assert_eq!(ingress.enter().unwrap_err(), IngestError::Busy);
        caller.answer(Ok(WebhookResponse::default()));
        assert!(ingress.enter().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_whose_caller_hung_up_is_not_handed_out_and_its_slot_is_free() {
        let inbox = inbox(2);
        let _serving = inbox.serve();
        let gone = send(&inbox, "/gone");
        let stays = send(&inbox, "/stays");
        tokio::task::yield_now().await;
        gone.abort();
        assert!(gone.await.is_err());
        let (request, caller) = inbox.next().await;
        assert_eq!(request.path, "/stays");
        caller.answer(Err(IngestError::Rejected));
        assert_eq!(stays.await.unwrap(), Err(IngestError::Rejected));
        assert_eq!(inbox.slots.available_permits(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn two_tasks_share_the_requests() {
        let inbox = inbox(4);
        let _serving = (inbox.serve(), inbox.serve());
        let taken = |inbox: Arc<Inbox>| tokio::spawn(async move { inbox.next().await });
        let (one, two) = (taken(inbox.clone()), taken(inbox.clone()));
        tokio::task::yield_now().await;
        let waiting = (send(&inbox, "/a"), send(&inbox, "/b"));
        let (one, two) = (one.await.unwrap(), two.await.unwrap());
        let mut paths = [one.0.path, two.0.path];
        paths.sort();
        assert_eq!(paths, ["/a", "/b"]);
        drop((one.1, two.1));
        assert!(matches!(waiting.0.await.unwrap(), Err(IngestError::Unavailable { .. })));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_told_so() {
        let inbox = inbox(1);
        let _serving = inbox.serve();
        assert_eq!(send(&inbox, "/a").await.unwrap(), Err(IngestError::TimedOut));
        assert!(Ingress::new(inbox).enter().is_ok(), "its place is free, though no task has looked at it");
    }
}
