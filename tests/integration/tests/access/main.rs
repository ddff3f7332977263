//! Who may use the REST API, and what its listener puts up with, over the real binary.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail like a test")]

mod caller;
mod changes;
mod listener;
mod passwords;
mod roles;
mod tls;
