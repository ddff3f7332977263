//! What is fuzzed: everything that takes bytes or text from strangers.
//!
//! | target | takes | holds |
//! |---|---|---|
//! | [`batch`] | the columns that a guest hands over | no accessor panics; what passes the check is whole, and comes out of the log as it went in |
//! | [`checkpoint`] | source offsets: a guest's, an operator's, and what lies on the disk | one canonical text; what is refused is refused everywhere |
//! | [`allowlist`] | the values of endpoint keys | what is taken has a host and a port; nothing is taken for another host |
//! | [`loader`] | the bytes of a `.wasm` | a plugin or an error with a code, soon, within memory |
//!
//! Each is a function of bytes that panics where something does not hold. `tests/fuzz` wraps them for `cargo fuzz`, which
//! searches by coverage; [`smoke`] feeds them from the corpus and a seeded mutator, in the normal tests and on any toolchain.

#![expect(clippy::panic, reason = "a fuzz target speaks by panicking")]

mod allowlist;
mod batch;
mod checkpoint;
mod input;
#[cfg(feature = "loader")]
mod loader;
pub mod mutate;
pub mod smoke;

pub use allowlist::allowlist;
pub use batch::batch;
pub use checkpoint::checkpoint;
#[cfg(feature = "loader")]
pub use loader::loader;

/// Panics with what was seen where something does not hold.
#[track_caller]
fn must(holds: bool, what: &str, seen: &dyn std::fmt::Debug) {
    if !holds {
        panic!("{what}: {seen:?}");
    }
}
