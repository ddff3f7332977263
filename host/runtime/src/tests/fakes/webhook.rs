//! A webhook source that does what the path of a request says: `/retry`, `/fatal`, `/die`, `/none` for no row; else one
//! row, the body.

use std::time::Duration;

use async_trait::async_trait;
use wharf_core::plugin::{Handled, WebhookRequest, WebhookResponse, WebhookTask};
use wharf_core::{Batch, Failure, InstanceError};

use super::plugin::{Live, died, retry};

pub(super) struct FakeWebhook(pub(super) Live);

#[async_trait]
impl WebhookTask for FakeWebhook {
    async fn handle(&mut self, request: WebhookRequest) -> Result<Handled, InstanceError> {
        self.0.note(&format!("handle {}", request.path));
        let response = WebhookResponse { status: 204, ..WebhookResponse::default() };
        match request.path.as_str() {
            "/retry" => return Err(retry(Some(Duration::from_secs(7)), None)),
            "/fatal" => return Err(Failure::Fatal("no more".to_owned()).into()),
            "/die" => return Err(died()),
            "/none" => return Ok(Handled { batch: Batch::default(), response }),
            _ => {}
        }
        let values = [Some(request.body.as_ref())].into_iter().collect();
        Ok(Handled { batch: Batch { rows: 1, values, ..Batch::default() }, response })
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.0.note("pause");
        Ok(())
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.0.note("resume");
        Ok(())
    }

    async fn stop(self: Box<Self>) -> Result<(), InstanceError> {
        self.0.note("stop");
        Ok(())
    }

    async fn failed(self: Box<Self>, reason: String) -> Result<(), InstanceError> {
        self.0.note(&format!("failed [{reason}]"));
        Ok(())
    }
}
