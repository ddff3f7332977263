//! Chaos: a real worker is killed again and again while rows move, and nothing that it acknowledged is lost.
//!
//! The tests and the command `cargo xtask chaos` share what is here:
//!
//! - [`Feeder`] appends numbered lines to a file, piece by piece, so that a kill hits lines on their way;
//! - [`Aim`]: a point of `wharf_faults` and how a worker comes to it. [`Aim::hit`] kills one there, starts it again
//!   and checks what is left; [`AIMS`] has at least one for each point;
//! - [`Plan`]: a round of random kills under random settings, made from a seed; [`Plan::run`] carries it out;
//! - [`verdict`]: what must hold afterwards.
//!
//! What is proven here is that a worker survives its own death. Rows that the operating system has are safe from
//! SIGKILL even without `fdatasync`; what a power failure leaves is tested where files are cut and changed by hand.
//!
//! A seed stands for a plan, not for a run: the same kills at the same moments, but the machine's own timing differs. A
//! failure that does not come back at once comes back when its seed is tried some more times.

#![expect(clippy::panic, reason = "what helps a test fails it by panicking")]

mod aim;
mod feeder;
mod pipeline;
mod plan;
mod round;
mod seed;
pub mod verdict;
mod victim;

pub use aim::{AIMS, Aim, Scene};
pub use feeder::Feeder;
pub use plan::{Kill, Plan};
pub use round::Outcome;
pub use seed::seed;
pub use victim::{assert_killed, kill};
