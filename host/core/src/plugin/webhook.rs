//! A source that is called over HTTP.

use async_trait::async_trait;
use bytes::Bytes;

use crate::batch::Batch;
use crate::failure::InstanceError;

/// A request as the host's listener took it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookRequest {
    /// `POST`
    pub method: String,
    /// What follows `/ingest/{connector}`; begins with `/`.
    pub path: String,
    /// Without the question mark; empty where there is none.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, Bytes)>,
    /// All of it.
    pub body: Bytes,
    /// The caller's address, `ip:port`.
    pub peer: String,
}

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WebhookResponse {
    /// 200 to 599
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, Bytes)>,
    /// All of it.
    pub body: Bytes,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// Checked rows, maybe none.
    pub batch: Batch,
    /// To be sent only once `batch` is durable in the queue.
    pub response: WebhookResponse,
}

/// One live instance of a webhook source. After [`InstanceError::Died`] only dropping is left.
///
/// Dropping it at any time, also in the middle of a call whose future was dropped, stops the instance.
#[async_trait]
pub trait WebhookTask: Send {
    /// Turns a request into rows and an answer. `handled.batch` has passed [`Batch::check`].
    async fn handle(&mut self, request: WebhookRequest) -> Result<Handled, InstanceError>;
    /// Nothing will be asked until [`WebhookTask::resume`].
    async fn pause(&mut self) -> Result<(), InstanceError>;
    /// Work goes on.
    async fn resume(&mut self) -> Result<(), InstanceError>;
    /// The last call.
    async fn stop(self: Box<Self>) -> Result<(), InstanceError>;
    /// The task is given up; the last call.
    async fn failed(self: Box<Self>, reason: String) -> Result<(), InstanceError>;
}
