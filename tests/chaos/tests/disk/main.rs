//! Disks that fail under a real worker: full, read-only, damaged, or unable to read and write.
//!
//! For each: the error names the file and what to do, connectors wait or stop as ARCHITECTURE.md says under "When the disk
//! fails", nothing that was acknowledged is lost, a source's rows are in the log exactly once and in the sink's file at
//! least once, and all goes on by itself when the cause is gone.
//!
//! - `full`, `read_only`: small disks that the test mounts; without the right to mount it says so and is skipped;
//! - `loop_device`: a file system over a file that cannot grow, so that the kernel itself loses what was written;
//! - `errors`: errors at one call each, by the fail points of `wharf-chaos`;
//! - `damage`: files that are torn, cut, filled with zeros or missing when the worker starts;
//! - `owner`: a second worker.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail like a test")]

mod damage;
mod errors;
mod full;
mod loop_device;
mod mount;
mod owner;
mod read_only;
mod scene;
