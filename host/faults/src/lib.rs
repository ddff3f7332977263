//! Places in the worker where a chaos test may kill it, or make the disk fail.
//!
//! Code that moves data names a point where a crash or an I/O error would be worst:
//!
//! ```
//! # fn write() -> std::io::Result<()> {
//! wharf_faults::hit("log.sync")?;
//! // … file.sync_data()?
//! # Ok(())
//! # }
//! # write().unwrap();
//! ```
//!
//! Without the feature `failpoints`, and nothing that is released has it, [`hit`] is an empty function that the
//! compiler removes. With it, the environment variable `FAILPOINTS` says what happens where:
//!
//! ```text
//! points  = point *( ";" point )
//! point   = name "=" term *( "->" term )
//! term    = [ count "*" ] action [ "@" file ]
//! action  = "off" | "kill" | "eio" | "enospc" | "erofs"
//! ```
//!
//! Each hit of a point uses up one count of its first term that has any left; a term without a count lasts for ever, and
//! behind the last term nothing happens. A term with a file does nothing, and uses up nothing, while that file is not there:
//! a test switches it on and off. `log.sync=3*off->kill` kills the process at the fourth hit, `log.sync=2*eio` fails the
//! first two, `log.write=enospc@/tmp/full` fails for as long as there is `/tmp/full`.
//!
//! | action | what [`hit`] does |
//! |---|---|
//! | `off` | nothing |
//! | `kill` | SIGKILL to the own process: nothing runs any more |
//! | `eio` | gives the error of a disk that cannot read or write |
//! | `enospc` | gives the error of a full disk |
//! | `erofs` | gives the error of a read-only file system |
//!
//! The grammar is a part of that of the crate `fail`. That crate itself would bring other features of its dependencies
//! into the build, and with them a second build of wasmtime for the tests.

mod list;
#[cfg(feature = "failpoints")]
mod points;

use std::io;

pub use list::POINTS;

/// Does from now on what the environment variable `FAILPOINTS` says; called once, when the process starts. Does nothing
/// without the feature `failpoints`.
///
/// # Errors
///
/// With the feature, where the variable does not follow the grammar, or names a point that is not in [`POINTS`].
pub fn obey_environment() -> Result<(), String> {
    #[cfg(feature = "failpoints")]
    points::obey(std::env::var("FAILPOINTS").unwrap_or_default().as_str())?;
    Ok(())
}

/// A place where a test may kill the process, or make the operation fail that follows.
///
/// # Errors
///
/// The error that the test asks for; without the feature `failpoints` there is none.
#[inline(always)]
#[cfg_attr(not(feature = "failpoints"), expect(unused_variables, reason = "nothing is asked for"))]
pub fn hit(point: &'static str) -> io::Result<()> {
    #[cfg(feature = "failpoints")]
    points::hit(point)?;
    Ok(())
}

/// As [`hit`], where nothing can fail: a test may only kill the process here.
#[inline(always)]
#[cfg_attr(not(feature = "failpoints"), expect(unused_variables, reason = "nothing is asked for"))]
pub fn reach(point: &'static str) {
    #[cfg(feature = "failpoints")]
    drop(points::hit(point));
}
