//! Redis over the SDK's connections: what `redis-source` and `redis-sink` share.
//!
//! The protocol is RESP2, which every version of Redis speaks and which takes two hundred lines. A client crate would bring
//! its own sockets, which cannot speak TLS here, and its own copies of every value; here replies are looked at in the
//! buffer they came in, commands are written into one buffer, and a reply that has not come yet is no error, so that a poll
//! can end in time and the next one goes on waiting.
//!
//! - [`Server`]: where and how to connect, read from the keys that both plugins have;
//! - [`Client`]: a connection, commands sent and replies awaited;
//! - [`Commands`]: one command or a pipeline of them;
//! - [`Value`]: a reply;
//! - [`Error`]: what went wrong, and what that means for the task.

mod client;
mod command;
mod error;
mod resp;
mod server;
#[cfg(feature = "test-server")]
pub mod testing;

pub use client::{Client, Link};
pub use command::Commands;
pub use error::{Error, Kind, ServerError};
pub use resp::{Value, parse};
pub use server::{Server, ServerConfig, keys};

/// The error that a reply of the kind [`Value::Error`] tells.
pub fn server_error(text: &[u8]) -> Error {
    Error::Server(ServerError::new(text))
}
