//! Checks any plugin, in any language, against the contract.
//!
//! [`run`] takes a [`Loader`] and the bytes of a `.wasm`, drives the plugin as a worker would (and as a worker in trouble
//! would), and gives a [`Report`]: one [`Outcome`] for each check, with a stable id, what must hold, and what was seen.
//! [`checks`] lists them all. `wharf plugin test` is this crate behind a command line; authors may call it from a test of
//! their own.
//!
//! Checks are independent of each other: each makes the instances that it needs. Two things go through the whole of it:
//! every call into the plugin has a deadline, and the memory of its instances is metered; the last checks of the list
//! judge both.
//!
//! # What a check needs
//!
//! - **nothing**: what the plugin says of itself, and how its `validate` takes bad input;
//! - **a configuration** ([`Options::config`]): whether it is accepted, and how it is split into tasks;
//! - **a task** of that configuration: starting, polling, putting, resuming. What the configuration names must exist, and
//!   **is used**: a sink writes the rows of the checks into it. Give a test system, never a real one.
//!
//! A check that cannot be made is skipped with its reason. Where a task cannot even be started, what needs one is skipped.
//!
//! # How the code is laid out
//!
//! `list` is the table of checks; `checks` holds them, one module for each part of the contract; `bench` is what they work
//! with: a plugin whose calls are timed; `running` is a live instance of any kind; `run` walks through the table.

mod bench;
mod check;
mod checks;
mod list;
mod offsets;
mod options;
mod report;
mod rows;
mod run;
mod running;
mod text;

pub use list::{About, checks};
pub use options::Options;
pub use report::{Outcome, PluginName, Report, Status, Summary};

use bytes::Bytes;
use wharf_core::plugin::Loader;

/// Makes all checks on a component, in the order of [`checks`]. Never fails: what goes wrong is in the report.
pub async fn run(loader: &dyn Loader, wasm: Bytes, options: Options) -> Report {
    run::run(loader, wasm, options).await
}
