//! A source that is called: [`Webhook`], the [`Request`]s that it is handed and the [`Response`]s that it gives.
//!
//! ```
//! use serde::Deserialize;
//! use wharf_sdk::webhook::{Request, Response};
//! use wharf_sdk::{BatchBuilder, Context, Descriptor, Failure, Webhook};
//!
//! #[derive(Deserialize)]
//! struct Config {}
//!
//! struct Doorbell;
//!
//! impl Webhook for Doorbell {
//!     type Config = Config;
//!
//!     fn describe() -> Descriptor {
//!         Descriptor::new("doorbell", "0.1.0", "Makes a row of each request.")
//!     }
//!
//!     fn start(_: &Context, _: Config) -> Result<Self, Failure> {
//!         Ok(Self)
//!     }
//!
//!     fn handle(&mut self, request: Request, batch: &mut BatchBuilder) -> Result<Response, Failure> {
//!         if request.method != "POST" {
//!             return Ok(Response::text(405, "send a POST"));
//!         }
//!         batch.push(&request.body);
//!         Ok(Response::new(202)) // sent once the row is safe in the queue
//!     }
//! }
//!
//! wharf_sdk::export_webhook!(Doorbell);
//! ```

use serde::de::DeserializeOwned;

use crate::batch::BatchBuilder;
use crate::config::ConfigMap;
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::failure::{Failure, Problem};
use crate::source::drop_unused;

/// A request as the host's listener took it. The host has checked `ingest.auth`, sizes and rates before.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    /// `POST`
    pub method: String,
    /// What follows `/ingest/{connector}` in the URL, as it was sent: begins with `/`.
    pub path: String,
    /// What follows the question mark; empty where there is none.
    pub query: String,
    /// Names in lower case. A name may come more than once.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of it.
    pub body: Vec<u8>,
    /// The caller's address, `ip:port`; a proxy's where there is one.
    pub peer: String,
}

impl Request {
    /// A `POST` to `/`, for tests.
    pub fn post(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            body: body.into(),
            peer: "127.0.0.1:1".to_owned(),
            ..Self::default()
        }
    }

    /// Adds a header, for tests.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// The value of the first header of this name, in any case, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_bytes(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The value of the first header of this name, in any case.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_slice())
    }
}

/// What the caller gets, once the rows of its request are safe in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// 200 to 599; anything else breaks the contract, and ends the instance.
    pub status: u16,
    /// The host leaves out what HTTP does not allow, and what is about the connection or the body's length.
    pub headers: Vec<(String, Vec<u8>)>,
    /// At most 1 MiB.
    pub body: Vec<u8>,
}

impl Response {
    /// Without headers and body.
    pub fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// With a body of plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status).header("content-type", "text/plain; charset=utf-8").body(text.into())
    }

    /// With a JSON body, as it is.
    pub fn json(status: u16, json: impl Into<Vec<u8>>) -> Self {
        Self::new(status).header("content-type", "application/json").body(json)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}

/// Turns requests into rows. One value of the type is one running task; where there are several, each takes the next
/// request when it is free.
///
/// Only [`describe`](Webhook::describe), [`start`](Webhook::start) and [`handle`](Webhook::handle) must be written. The
/// host makes one call at a time. Keep nothing in memory that you cannot find again: an instance that panics or misses
/// a deadline is replaced.
pub trait Webhook: Sized + 'static {
    /// The configuration, read by serde from text: see [`config::read`](crate::config::read).
    type Config: DeserializeOwned;

    /// What the connector is and which keys it understands. Called without any capability.
    fn describe() -> Descriptor;

    /// Checks what the types of the keys cannot express, without touching the outside world (OpenMessaging:
    /// `validate`). Each problem names a key and says what to write instead.
    fn validate(config: &Self::Config) -> Vec<Problem> {
        drop_unused(config);
        Vec::new()
    }

    /// Task configurations, 1 to `max` (OpenMessaging: `taskConfigs`). By default `max` equal ones: requests are shared
    /// out among them.
    ///
    /// # Errors
    /// When the configuration cannot work.
    fn tasks(config: &ConfigMap, max: u32) -> Result<Vec<ConfigMap>, Failure> {
        Ok(vec![config.clone(); max.max(1) as usize])
    }

    /// Starts a task (OpenMessaging: `init` and `start`).
    ///
    /// # Errors
    /// Retriable where it may work later, otherwise the task is FAILED.
    fn start(context: &Context, config: Self::Config) -> Result<Self, Failure>;

    /// Turns a request into rows, maybe none, and an answer. The answer is sent when all rows of this request are in
    /// the queue; where the queue does not take them the caller gets an error instead, and may send again. So a caller's
    /// request may come twice: hand on what tells it from another, an id for one.
    ///
    /// A request that is wrong is no failure: push nothing and answer 400.
    ///
    /// # Errors
    /// Rows pushed before an error are dropped. After a retriable failure the caller gets 503 and should try again;
    /// after any other it gets 500 and the task is FAILED.
    fn handle(&mut self, request: Request, batch: &mut BatchBuilder) -> Result<Response, Failure>;

    /// No request will come until [`resume`](Webhook::resume): callers get 503.
    fn pause(&mut self) {}

    /// Work goes on.
    fn resume(&mut self) {}

    /// The last call to a task that ends as planned.
    fn stop(&mut self) {}

    /// The last call to a task that the host gives up.
    fn failed(&mut self, reason: &str) {
        drop_unused(reason);
    }

    /// The connector is deleted and its tasks have stopped (OpenMessaging: `destroy`): release what lives outside.
    fn destroyed(context: &Context, config: Self::Config) {
        drop_unused((context, config));
    }
}
