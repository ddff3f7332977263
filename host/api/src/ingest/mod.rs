//! The listener for requests from outside: webhooks.
//!
//! It has a port of its own, because strangers are meant to reach it and must not reach the REST API. There is one for
//! all connectors: `/ingest/{connector}` and everything below go to that connector. [`serve`] runs it.
//!
//! A request passes, in this order, and stops at the first that refuses it:
//!
//! | step | answer where it ends |
//! |---|---|
//! | connection: at most [`IngestServer::max_connections`], TLS where it is set up, headers in time and of bounded size | none (closed), 400, 414, 431 |
//! | path: a webhook connector that there is | 404, the same for any other name |
//! | method: `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS` | 405 |
//! | `ingest.auth`, compared in constant time | 401 |
//! | a slot: the connector runs, `ingest.requests.per.second`, `ingest.max.in.flight` | 503, 429 |
//! | the body: at most `ingest.max.body.bytes`, all of it within [`IngestServer::body_timeout`] | 413, 408 |
//! | the plugin, and then the queue, within `ingest.timeout.ms` | 500, 503, 504 |
//!
//! Nothing of a request is kept before it has its slot, so memory is bounded by slots and connections. Every answer that
//! is not the plugin's own is `{"error_code":…,"message":…}`; 429 and 503 say in `Retry-After` when to try again.
//!
//! The plugin sees all headers but those about the connection, and but the one that carried the token.

mod body;
mod guard;
mod handle;
mod refusal;
mod serve;

pub use serve::{IngestServer, serve};
