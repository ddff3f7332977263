//! One file: whether it must be read, whether its bytes must be loaded, and what came of it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use wharf_core::plugin::{LoadError, Loader, Plugin, SignatureState};

use crate::policy::Policy;
use crate::scan::{self, Stamps};
use crate::signature;

/// What a file turned out to be.
pub(crate) type Outcome = Result<Arc<dyn Plugin>, LoadError>;

/// What is known of a file.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// As of when; `None`: its stamps cannot be told.
    stamps: Option<Stamps>,
    /// Whether a further change must show in the stamps.
    settled: bool,
    /// Of the bytes; `None`: they were not read.
    pub(crate) facts: Option<Facts>,
    pub(crate) outcome: Outcome,
}

/// What can be said of bytes without loading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) sha256: String,
    pub(crate) size: u64,
    /// Seconds and nanoseconds since 1970.
    pub(crate) modified: (i64, i64),
    pub(crate) signature: SignatureState,
}

impl Known {
    /// A file that cannot even be looked at.
    pub(crate) fn unreadable(error: LoadError) -> Self {
        Self { stamps: None, settled: false, facts: None, outcome: Err(error) }
    }

    /// Whether nothing can have changed since.
    pub(crate) fn is_current(&self, stamps: Stamps) -> bool {
        self.settled && self.stamps == Some(stamps)
    }

    /// As if these had been its bytes, and long ago.
    #[cfg(test)]
    pub(crate) fn pretend_settled(&mut self, sha256: String) {
        self.settled = true;
        if let Some(facts) = &mut self.facts {
            facts.sha256 = sha256;
        }
    }

    /// Its digest and its plugin, where it has one.
    pub(crate) fn loaded(&self) -> Option<(String, Arc<dyn Plugin>)> {
        Some((self.facts.as_ref()?.sha256.clone(), Arc::clone(self.outcome.as_ref().ok()?)))
    }
}

/// What all files are examined with.
#[derive(Debug)]
pub(crate) struct Examiner<'a> {
    pub(crate) loader: &'a Arc<dyn Loader>,
    pub(crate) policy: &'a Policy,
    pub(crate) max_file_bytes: u64,
    /// Plugins that are loaded already, by digest: a file that was renamed, copied or touched is not compiled again.
    pub(crate) loaded: HashMap<String, Arc<dyn Plugin>>,
}

impl Examiner<'_> {
    /// Reads a file and, where its bytes are new, loads them. `before` is what was known of it.
    pub(crate) async fn examine(&self, path: PathBuf, seen: Stamps, before: Option<Known>) -> (PathBuf, Known) {
        let known = self.known(path.clone(), seen, before).await;
        (path, known)
    }

    async fn known(&self, path: PathBuf, seen: Stamps, before: Option<Known>) -> Known {
        let content = match read(path, self.max_file_bytes).await {
            Ok(content) => content,
            // Not settled, so that it is tried again: a right that is missing may be given.
            Err(error) => return Known { stamps: Some(seen), settled: false, facts: None, outcome: Err(error) },
        };
        wharf_faults::reach("plugin.read");
        let facts = Facts {
            sha256: content.sha256.clone(),
            size: content.bytes.len() as u64,
            modified: content.modified(),
            signature: signature_of(&content, self.policy),
        };
        let outcome = match self.policy.before_load(&facts.sha256, &facts.signature) {
            // Bytes that must not run are not handed to the compiler either.
            Err(refusal) => Err(refusal),
            Ok(()) => match self.loaded.get(&content.sha256) {
                Some(plugin) => Ok(Arc::clone(plugin)),
                None => match before {
                    // Refused before, and neither touched nor changed since.
                    Some(Known { stamps, facts: Some(before), outcome: Err(error), .. })
                        if before.sha256 == content.sha256 && stamps == Some(content.stamps) =>
                    {
                        Err(error)
                    }
                    _ => load(self.loader, content.bytes).await,
                },
            },
        };
        Known { stamps: Some(content.stamps), settled: content.settled, facts: Some(facts), outcome }
    }
}

/// What the signature beside a file is worth.
pub(crate) fn signature_of(content: &scan::Content, policy: &Policy) -> SignatureState {
    match &content.signature {
        None => signature::check(&content.bytes, None, &policy.publishers),
        Some(Ok(text)) => signature::check(&content.bytes, Some(text), &policy.publishers),
        Some(Err(reason)) => SignatureState::Bad { reason: reason.clone() },
    }
}

/// Reads a file on a thread that may block.
pub(crate) async fn read(path: PathBuf, max: u64) -> Result<scan::Content, LoadError> {
    let read = tokio::task::spawn_blocking(move || scan::read(&path, max)).await;
    read.unwrap_or_else(|error| Err(LoadError { code: "UNREADABLE", message: format!("reading failed: {error}") }))
}

/// Loads in a task of its own, so that a loader that panics costs no more than this file.
pub(crate) async fn load(loader: &Arc<dyn Loader>, bytes: Bytes) -> Outcome {
    let loader = Arc::clone(loader);
    let load = tokio::spawn(async move { loader.load(bytes).await });
    load.await.unwrap_or_else(|error| Err(LoadError { code: "BROKEN", message: format!("loading failed: {error}") }))
}

/// The last part of a path, for messages.
pub(crate) fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
}
