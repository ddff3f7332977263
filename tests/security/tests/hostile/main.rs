//! One hostile guest or configuration each: what it wants is denied, and the audit says so.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail like a test")]

mod contract;
mod dropped;
mod host_functions;
mod memory;
mod named_paths;
mod network;
mod paths;
mod time;
