//! Requests from outside, over the real binary: the listener, the plugin `webhook-source`, and a guest that does what the
//! path of a request says (`picky-webhook`).

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what helps a test may fail like a test")]

mod bounds;
mod delivery;
mod entrance;
mod formats;
mod misbehave;
mod scene;
mod tls;
