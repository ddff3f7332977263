//! Who may use the REST API, and what its listener puts up with, over the real binary.

mod caller;
mod changes;
mod listener;
mod passwords;
mod roles;
mod tls;
