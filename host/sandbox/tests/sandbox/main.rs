//! The sandbox with real guests: those of `tests/fixtures` and the plugins that ship with Wharf.
//!
//! Nothing is built here. `cargo xtask fixtures` and `cargo xtask plugins` build what is missing.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers may fail as the test does")]

#[cfg(test)]
mod boundary;
mod calls;
mod files;
mod guests;
mod limits;
mod loading;
mod network;
