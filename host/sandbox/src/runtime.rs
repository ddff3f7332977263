//! The tokio runtime that guests run on, apart from everything else.
//!
//! A guest that computes without pause yields only every tick. On a shared runtime a handful of such guests would
//! starve the worker: tokio looks at its timers and sockets only every so many polls. On a runtime of their own they
//! take time from each other alone.

use std::future::Future;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{AbortHandle, JoinHandle};

use crate::error::SandboxError;

/// Threads for guests' file operations. One that hangs (a dead network mount) holds one until it comes back.
const BLOCKING_THREADS: usize = 64;

/// The runtime; when dropped it is shut down without waiting for anybody.
#[derive(Debug)]
pub(crate) struct GuestRuntime {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl GuestRuntime {
    /// `threads`: `None` for as many as there are cores, at least two.
    pub(crate) fn start(threads: Option<usize>) -> Result<Self, SandboxError> {
        let cores = || available_parallelism().map_or(2, usize::from).max(2);
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.unwrap_or_else(cores).max(1))
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("wharf-guest")
            .enable_all()
            .build()
            .map_err(|source| SandboxError::Thread { source })?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs `future` on the guests' threads. When the answer is dropped, so is the future.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        let task: JoinHandle<T> = self.handle.spawn(future);
        let _guard = AbortOnDrop(task.abort_handle());
        task.await
    }
}

impl Drop for GuestRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime waits for its blocking threads, and must not be done in asynchronous code.
            runtime.shutdown_background();
        }
    }
}

/// Ends a task when dropped.
#[derive(Debug)]
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
