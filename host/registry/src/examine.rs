//! One file: whether it must be read, whether its bytes must be loaded, and what came of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_core::plugin::{LoadError, Loader, Plugin};

use crate::scan::{self, Stamp};

/// What a file turned out to be.
pub(crate) type Outcome = Result<Arc<dyn Plugin>, LoadError>;

/// What is known of a file.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// As of when; `None`: its stamp cannot be told.
    stamp: Option<Stamp>,
    /// Whether a further change must show in the stamp.
    settled: bool,
    /// Of the bytes; `None`: they were not read.
    sha256: Option<String>,
    pub(crate) outcome: Outcome,
}

impl Known {
    /// A file that cannot even be looked at.
    pub(crate) fn unreadable(error: LoadError) -> Self {
        Self { stamp: None, settled: false, sha256: None, outcome: Err(error) }
    }

    /// Whether nothing can have changed since.
    pub(crate) fn is_current(&self, stamp: Stamp) -> bool {
        self.settled && self.stamp == Some(stamp)
    }

    /// Its digest and its plugin, where it has one.
    pub(crate) fn loaded(&self) -> Option<(String, Arc<dyn Plugin>)> {
        Some((self.sha256.clone()?, Arc::clone(self.outcome.as_ref().ok()?)))
    }
}

/// What all files are examined with.
#[derive(Debug)]
pub(crate) struct Examiner<'a> {
    pub(crate) loader: &'a Arc<dyn Loader>,
    pub(crate) max_file_bytes: u64,
    /// Plugins that are loaded already, by digest: a file that was renamed, copied or touched is not compiled again.
    pub(crate) loaded: HashMap<String, Arc<dyn Plugin>>,
}

impl Examiner<'_> {
    /// Reads a file and, where its bytes are new, loads them. `before` is what was known of it.
    pub(crate) async fn examine(&self, path: PathBuf, seen: Stamp, before: Option<Known>) -> (PathBuf, Known) {
        let known = self.known(path.clone(), seen, before).await;
        (path, known)
    }

    async fn known(&self, path: PathBuf, seen: Stamp, before: Option<Known>) -> Known {
        let content = match self.read(path).await {
            Ok(content) => content,
            // Not settled, so that it is tried again: a right that is missing may be given.
            Err(error) => return Known { stamp: Some(seen), settled: false, sha256: None, outcome: Err(error) },
        };
        wharf_faults::reach("plugin.read");
        let outcome = match self.loaded.get(&content.sha256) {
            Some(plugin) => Ok(Arc::clone(plugin)),
            None => match before {
                // Refused before, and neither touched nor changed since.
                Some(Known { stamp, sha256: Some(sha256), outcome: Err(error), .. })
                    if sha256 == content.sha256 && stamp == Some(content.stamp) =>
                {
                    Err(error)
                }
                _ => self.load(content.bytes).await,
            },
        };
        Known { stamp: Some(content.stamp), settled: content.settled, sha256: Some(content.sha256), outcome }
    }

    async fn read(&self, path: PathBuf) -> Result<scan::Content, LoadError> {
        let max = self.max_file_bytes;
        let read = tokio::task::spawn_blocking(move || scan::read(&path, max)).await;
        read.unwrap_or_else(|error| Err(LoadError { code: "UNREADABLE", message: format!("reading failed: {error}") }))
    }

    /// Loads in a task of its own, so that a loader that panics costs no more than this file.
    async fn load(&self, bytes: bytes::Bytes) -> Outcome {
        let loader = Arc::clone(self.loader);
        let load = tokio::spawn(async move { loader.load(bytes).await });
        load.await
            .unwrap_or_else(|error| Err(LoadError { code: "BROKEN", message: format!("loading failed: {error}") }))
    }
}

/// The last part of a path, for messages.
pub(crate) fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}
