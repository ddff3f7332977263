//! SIGTERM and SIGINT: the first asks the worker to finish, the second ends it at once.

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Exit;

/// Signals that came since [`Signals::listen`].
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes SIGTERM and SIGINT from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen for signals");
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next signal and names it.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }

    /// Waits for the next signal and ends the process.
    pub(crate) async fn end_at_once(mut self) -> ! {
        let signal = self.next().await;
        tracing::warn!(signal, "stopping at once; what was in flight is sent again after the next start");
        std::process::exit(Exit::Interrupted.code().into())
    }
}
