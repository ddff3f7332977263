//! The exports of the world `webhook-plugin`, made of a [`Webhook`].

use wharf_bindings_webhook::exports::openmessaging::connect::webhook as exported;

use super::convert::conversions;
use super::exports::exports;
use super::rows::rows_out;
use crate::drive;
use crate::webhook::{Request, Webhook};

conversions!(wharf_bindings_webhook);
rows_out!();
exports!(
    Webhook,
    Kind::WebhookSource,
    WebhookSlot,
    WebhookComponent,
    validate_webhook,
    start_webhook,
    destroyed_webhook
);

impl<S: WebhookSlot> exported::Guest for WebhookComponent<S> {
    fn handle(request: exported::Request) -> Result<exported::Outcome, types::Failure> {
        let exported::Request { method, path, query, headers, body, peer } = request;
        let request = Request { method, path, query, headers, body, peer };
        let (batch, response) = running::<S, _>(|task| drive::handle(task, request))?;
        let response = exported::Response { status: response.status, headers: response.headers, body: response.body };
        Ok(exported::Outcome { batch: batch_out(batch), response })
    }
}
