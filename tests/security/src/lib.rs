//! Hostile plugins and configurations against a real worker: what each wants is denied, the denial is in the audit, and
//! nobody else notices.
//!
//! - [`Attack`]: a connector that runs a hostile guest (`tests/fixtures/hostile-source`, and others) on a worker that all
//!   tests of a program share, as neighbours would;
//! - [`Dropped`]: a file in the plugins directory that is no plugin, or one that attacks as soon as it is looked at;
//! - [`audit`]: what the worker took down of it, in `GET /audit` and in `audit.log`;
//! - [`Server`]: somebody on the network who counts the connections that reach him;
//! - [`Neighbour`]: a connector that behaves, to see how it fares beside the others.
//!
//! The tests in `tests/hostile/` have one case each, named after what is denied; `tests/neighbours.rs` prints what each
//! attack costs a neighbour. They need what `cargo xtask plugins`, `cargo xtask fixtures` and `cargo build --release -p
//! wharf` leave behind; `cargo xtask test` makes all of it first.

#![expect(clippy::panic, clippy::expect_used, reason = "what helps a test fails it by panicking")]

mod attack;
pub mod audit;
mod dropped;
mod neighbour;
mod server;
mod shared;

pub use attack::Attack;
pub use dropped::{Dropped, fixture, patched};
pub use neighbour::{Neighbour, Stretch};
pub use server::Server;
pub use shared::{SETTINGS, shared};
