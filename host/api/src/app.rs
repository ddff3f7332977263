//! What the handlers share.

use std::sync::Arc;

use tokio::sync::Semaphore;
use wharf_runtime::Worker;

use crate::ApiOptions;
use crate::error::ApiError;
use crate::records::Readers;
use crate::watch;

/// The state of the router.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) worker: Worker,
    pub(crate) options: Arc<ApiOptions>,
    pub(crate) readers: Arc<Readers>,
    /// Plugins that are being uploaded.
    pub(crate) uploads: Arc<Semaphore>,
    /// Who follows logs or records.
    pub(crate) watchers: Arc<Semaphore>,
}

/// So many plugins may be on their way at a time; others wait before their bytes are read.
const UPLOADS: usize = 2;

impl App {
    pub(crate) fn new(worker: Worker, options: ApiOptions) -> Self {
        Self {
            worker,
            options: Arc::new(options),
            readers: Arc::new(Readers::new()),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            watchers: watch::places(),
        }
    }

    /// Asks the worker something that changes nothing. Given up when the caller goes away.
    pub(crate) async fn ask<T, E: Into<ApiError>>(
        &self,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ApiError> {
        match tokio::time::timeout(self.options.timeout, question).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(ApiError::timed_out()),
        }
    }

    /// Tells the worker to change something. The command runs to its end even when the caller goes away or waits no
    /// longer, so that nothing is left half done.
    pub(crate) async fn command<T, E, F>(&self, command: impl FnOnce(Worker) -> F) -> Result<T, ApiError>
    where
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        let running = tokio::spawn(command(self.worker.clone()));
        match tokio::time::timeout(self.options.timeout, running).await {
            Ok(Ok(answer)) => answer.map_err(Into::into),
            Ok(Err(error)) => {
                tracing::error!(%error, "a command of the REST API panicked");
                Err(ApiError::internal("the request failed inside of Wharf; the worker's log says why"))
            }
            Err(_) => Err(ApiError::timed_out()),
        }
    }
}
