//! What can go wrong when a sandbox is made.

use std::io;
use std::path::PathBuf;

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not work on this machine.
    #[error("set up the WebAssembly engine: {0}")]
    Engine(String),
    /// A thread could not be started.
    #[error("start a thread of the sandbox")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// The compile cache's directory cannot be used.
    #[error("use {} for compiled plugins: make it a directory that only you can write, or name another", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
