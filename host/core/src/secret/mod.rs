//! Secrets in a connector's configuration: where they come from, and how they stay unseen.
//!
//! | part | does |
//! |---|---|
//! | [`Placeholder`] | `${file:/run/secrets/db.properties:password}`: a value that stands elsewhere |
//! | [`SecretResolver`] | looks it up: files and environment are I/O, so the binary does it |
//! | [`fill`](fill()) | puts what was found in the place of placeholders, and remembers which texts were found |
//! | [`Mask`] | which values of a configuration are shown as [`HIDDEN`] |
//! | [`Redactor`] | takes known secrets out of any text: logs, errors, status traces |
//!
//! What is stored and shown holds placeholders and masked values. What a plugin is handed holds the values themselves, and
//! everything that it says is passed through a [`Redactor`] before anybody else sees it. That guards against accidents,
//! such as a plugin that logs its configuration. It is no guard against a plugin that wants to give a secret away, since
//! that one can spell it backwards.

mod fill;
mod forms;
mod mask;
mod placeholder;
mod redactor;
mod resolver;

pub use fill::{Filled, fill};
pub use mask::{HIDDEN, Mask, shown};
pub use placeholder::{Placeholder, placeholders};
pub use redactor::Redactor;
pub use resolver::{NoProviders, SecretResolver};
