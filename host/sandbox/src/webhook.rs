//! A webhook source: the handle that the worker holds, and the loop that answers it.
//!
//! What the guest answers goes out to strangers, so it is looked at here:
//!
//! | in the answer | is |
//! |---|---|
//! | a status outside 200 to 599 | a breach of contract |
//! | more than 64 headers, or 32 KiB of them, or 1 MiB of body | a breach of contract |
//! | a header that HTTP does not allow, line breaks in it for one | left out, with a warning |
//! | a header about the connection or the length of the body | left out: these are the host's |
//!
//! Headers are left out rather than held against the guest because they may be made of what the caller sent, and then
//! any caller could bring the connector down.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use tokio::sync::mpsc;
use wharf_core::InstanceError;
use wharf_core::plugin::{Handled, TaskSetup, WebhookRequest, WebhookResponse, WebhookTask};

use crate::actor::{self, Answer, Handle, Life, Reply, reply};
use crate::bindings::webhook::WebhookPartIndices;
use crate::bindings::webhook::exports::openmessaging::connect::webhook::{self as exported, Guest};
use crate::classify;
use crate::convert;
use crate::instance::{Live, watched};
use crate::limits::Limits;
use crate::task::{Blueprint, Shared, begin};

/// Bounds on the headers of an answer.
const MAX_HEADERS: usize = 64;
const MAX_HEADER_BYTES: usize = 32 << 10;
/// A caller who reads slowly keeps it in memory.
const MAX_BODY_BYTES: usize = 1 << 20;

/// What the host says of the connection, and of the body.
const OURS: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

#[derive(Debug)]
enum Command {
    Handle(WebhookRequest, Reply<Handled>),
    Life(Life),
}

#[derive(Debug)]
struct Task(Handle<Command>);

/// Starts a webhook source.
pub(crate) async fn start(
    blueprint: Blueprint,
    indices: WebhookPartIndices,
    setup: TaskSetup,
    shared: Arc<Shared>,
) -> Answer<Box<dyn WebhookTask>> {
    let (on, redactor) = (shared.clone(), blueprint.redactor.clone());
    let body = |commands, ready| run(blueprint, indices, setup, on, commands, ready);
    let handle = actor::start(shared, redactor, body).await?;
    Ok(Box::new(Task(handle)))
}

async fn run(
    blueprint: Blueprint,
    indices: WebhookPartIndices,
    setup: TaskSetup,
    shared: Arc<Shared>,
    mut commands: mpsc::Receiver<Command>,
    ready: Reply<()>,
) {
    let begun = begin(&blueprint, &setup, shared, ready, |live| live.webhook(&indices)).await;
    let Some((part, mut live, base)) = begun else { return };
    let (guest, limits) = (part.openmessaging_connect_webhook(), &blueprint.limits);
    while let Some(command) = commands.recv().await {
        let alive = match command {
            Command::Handle(request, to) => reply(to, handle(&mut live, guest, limits, request).await),
            Command::Life(command) => actor::live(command, &mut live, &base, limits).await,
        };
        if !alive {
            break;
        }
    }
}

async fn handle(live: &mut Live, guest: &Guest, limits: &Limits, request: WebhookRequest) -> Answer<Handled> {
    let headers: Vec<(&str, &[u8])> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect();
    let lent = exported::Request {
        method: &request.method,
        path: &request.path,
        query: &request.query,
        headers: &headers,
        body: &request.body,
        peer: &request.peer,
    };
    let answer = watched!(live, "handle", limits.call_deadline, |store| guest.call_handle(store, lent))?;
    let exported::Outcome { batch, response } = answer.map_err(convert::failure)?;
    let batch = convert::batch(batch);
    batch.check().map_err(|error| classify::violation("handle", &error))?;
    let response = checked(response).map_err(|what| classify::violation("handle", &what))?;
    Ok(Handled { batch, response })
}

/// See the module's page.
fn checked(response: exported::Response) -> Result<WebhookResponse, String> {
    let exported::Response { status, headers, body } = response;
    if !(200..=599).contains(&status) {
        return Err(format!("it answers the status {status}, and 200 to 599 are allowed"));
    }
    if body.len() > MAX_BODY_BYTES {
        let bytes = body.len();
        return Err(format!("it answers a body of {bytes} bytes, and {MAX_BODY_BYTES} are allowed"));
    }
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        let count = headers.len();
        return Err(format!(
            "it answers {count} headers of {bytes} bytes, and {MAX_HEADERS} of {MAX_HEADER_BYTES} are allowed"
        ));
    }
    let before = headers.len();
    let headers: Vec<_> = headers.into_iter().filter_map(|(name, value)| legal(&name, value)).collect();
    if headers.len() < before {
        let left_out = before - headers.len();
        tracing::warn!(left_out, "headers of the plugin's answer are left out: they are illegal, or the host's to set");
    }
    Ok(WebhookResponse { status, headers, body: body.into() })
}

/// The header as it may go out.
fn legal(name: &str, value: Vec<u8>) -> Option<(String, Bytes)> {
    let name = HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !OURS.contains(&name.as_str()))?;
    HeaderValue::from_bytes(&value).ok()?;
    Some((name.as_str().to_owned(), value.into()))
}

impl Task {
    async fn life(&mut self, command: impl FnOnce(Reply<()>) -> Life) -> Answer<()> {
        self.0.call(|reply| Command::Life(command(reply))).await
    }
}

#[async_trait]
impl WebhookTask for Task {
    async fn handle(&mut self, request: WebhookRequest) -> Result<Handled, InstanceError> {
        self.0.call(|reply| Command::Handle(request, reply)).await
    }

    async fn pause(&mut self) -> Result<(), InstanceError> {
        self.life(Life::Pause).await
    }

    async fn resume(&mut self) -> Result<(), InstanceError> {
        self.life(Life::Resume).await
    }

    async fn stop(mut self: Box<Self>) -> Result<(), InstanceError> {
        self.life(Life::Stop).await
    }

    async fn failed(mut self: Box<Self>, reason: String) -> Result<(), InstanceError> {
        self.life(|reply| Life::Failed(reason, reply)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, headers: &[(&str, &[u8])]) -> exported::Response {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect();
        exported::Response { status, headers, body: Vec::new() }
    }

    #[test]
    fn a_status_that_is_no_final_answer_breaks_the_contract() {
        for status in [0, 100, 101, 199, 600, u16::MAX] {
            assert!(checked(response(status, &[])).is_err(), "{status}");
        }
        assert!(checked(response(200, &[])).is_ok() && checked(response(599, &[])).is_ok());
    }

    #[test]
    fn headers_that_would_end_the_line_or_the_body_are_left_out() {
        let headers: [(&str, &[u8]); 6] = [
            ("X-Good", b"yes"),
            ("x-split", b"a\r\nset-cookie: b"),
            ("bad name", b"x"),
            ("Content-Length", b"3"),
            ("transfer-encoding", b"chunked"),
            ("Connection", b"close"),
        ];
        let kept = checked(response(200, &headers)).unwrap().headers;
        assert_eq!(kept, [("x-good".to_owned(), Bytes::from_static(b"yes"))]);
    }

    #[test]
    fn a_flood_of_headers_breaks_the_contract() {
        let many: Vec<(&str, &[u8])> = vec![("x", b"y"); MAX_HEADERS + 1];
        assert!(checked(response(200, &many)).is_err());
        let large = vec![b'y'; MAX_HEADER_BYTES];
        assert!(checked(response(200, &[("x", &large)])).is_err());
    }
}
