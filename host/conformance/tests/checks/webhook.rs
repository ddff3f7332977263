//! A webhook source that makes a row of each body.

use async_trait::async_trait;
use wharf_core::plugin::{Handled, WebhookRequest, WebhookResponse, WebhookTask};
use wharf_core::{Batch, Failure, InstanceError};

use crate::fake::{Life, died, not_now};

pub(crate) struct FakeWebhook {
    life: Life,
}

impl FakeWebhook {
    pub(crate) fn new(life: Life) -> Self {
        Self { life }
    }
}

#[async_trait]
impl WebhookTask for FakeWebhook {
    async fn handle(&mut self, request: WebhookRequest) -> Result<Handled, InstanceError> {
        self.life.work()?;
        let mut status = if request.method == "POST" { 200 } else { 405 };
        match self.life.fault {
            "retriable" if request.path == "/a/b" => return Err(not_now(None)),
            "webhook.answers" if request.path == "/a/b" => status = 0,
            "webhook.empty" if request.body.is_empty() => return died(),
            "webhook.methods" if request.method == "BREW" => {
                return Err(Failure::Fatal("I am a teapot".to_owned()).into());
            }
            "webhook.headers" if request.headers.len() > 100 => return died(),
            "webhook.bodies" if request.body.len() >= 1 << 20 => return died(),
            "webhook.paths" if request.path.contains("..") => status = 999,
            _ => {}
        }
        let values = [Some(request.body.as_ref())].into_iter().collect();
        let response = WebhookResponse { status, headers: vec![("x-id".to_owned(), "1".into())], ..Default::default() };
        Ok(Handled { batch: Batch { rows: 1, values, ..Batch::default() }, response })
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.life.pause().await
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.life.resume()
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.life.stop()
    }

    async fn failed(self: Box<Self>, _: String) -> Result<(), InstanceError> {
        self.life.failed()
    }
}
