//! The harness of the integration tests: a real worker, driven over REST and the command line.
//!
//! Every test starts the `wharf` binary that was built beside it, in a directory of its own, with real plugins, and looks
//! at it from outside: through its REST API, its command line and its files.
//!
//! ```no_run
//! use wharf_integration::{Worker, append};
//! let worker = Worker::start();
//! let (input, output) = worker.copies("one\ntwo\n");
//! append(&input, "three\n");
//! worker.wait_for_text(&output, "one\ntwo\nthree\n");
//! ```
//!
//! - [`Worker`] and [`Setup`]: a worker's life, also its violent end;
//! - [`Binary`]: `wharf` as it is released, or with the points where a chaos test kills it;
//! - [`Rest`]: requests and answers;
//! - [`wait_until`]: the only way to wait: for something to become true, never for time to pass;
//! - [`lines`]: numbered lines, so that loss, doubling, disorder and tearing can be told apart;
//! - [`RedisServer`], [`HttpServer`]: what network plugins talk to.
//!
//! The tests need what `cargo xtask plugins`, `cargo xtask fixtures` and `cargo build --release` leave behind;
//! `cargo xtask test` makes all of it first. A test that fails prints what its worker said.

#![expect(clippy::panic, reason = "a harness fails a test by panicking")]
#![expect(clippy::print_stderr, reason = "cargo test shows what a failed test printed")]

mod artifacts;
mod cli;
mod files;
mod http_server;
pub mod lines;
mod opening;
mod ports;
mod redis;
mod rest;
mod setup;
mod stream;
mod wait;
mod worker;

pub use artifacts::{clients, component};
pub use cli::Said;
pub use files::{append, read, write};
pub use http_server::{HttpServer, Seen};
pub use redis::RedisServer;
pub use rest::{Answer, Rest};
pub use setup::{Binary, Setup};
pub use stream::Streamed;
pub use wait::{DEADLINE, wait_until};
pub use worker::Worker;
