//! Listeners: connections, what bounds them, and TLS. The REST API and the webhooks' listener share all of it.
//!
//! A connection passes, in this order:
//!
//! 1. a place among [`Bounds::max_connections`]; who finds none waits in the system's queue;
//! 2. TLS, where it is set up ([`Tls`]), within [`Bounds::header_timeout`]; its files are read again when they change;
//! 3. the headers of each request, in time and of bounded number and size; a connection without a request is closed
//!    after the same time;
//! 4. the handler, which gets a [`Peer`] with the request;
//! 5. its answer: whoever does not read it is cut off ([`paced`](mod@paced)). After [`Bounds::longest_connection`] a
//!    connection is closed at the next answer; an answer of unknown length, such as a stream of events, may go on.
//!
//! [`serve_rest`] runs the REST API this way, [`crate::ingest::serve`] the webhooks.

mod body;
mod paced;
mod rest;
mod serve;
mod subject;
mod tls;

pub(crate) use body::TooSlow;
pub use rest::{RestServer, serve_rest};
pub(crate) use serve::run;
pub use serve::{Bounds, Peer};
pub use tls::{ClientAuth, Tls, TlsError, TlsFiles};
