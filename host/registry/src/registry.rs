//! The registry itself: one directory, one loader, and what was last seen.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Mutex;
use wharf_core::audit::{Auditor, NoAudit};
use wharf_core::plugin::{Catalog, LoadError, Loader, Plugin};

use crate::examine::{Examiner, Known};
use crate::refused;
use crate::scan::{self, Found};
use crate::snapshot::Snapshot;

/// How a [`Registry`] loads.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// A larger file is not read but reported as `TOO_LARGE`. 64 MiB unless told otherwise.
    pub max_file_bytes: u64,
    /// So many files are read and compiled at a time, at least 1. 2 unless told otherwise: compiling uses all cores by
    /// itself, and each file that is being loaded is in memory.
    pub concurrency: usize,
    /// Who is told what was refused. Nobody unless told otherwise.
    pub audit: Arc<dyn Auditor>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self { max_file_bytes: 64 << 20, concurrency: 2, audit: Arc::new(NoAudit) }
    }
}

/// Why a plugins directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// It does not exist and cannot be created, or it is no directory.
    #[error("open the plugins directory {}: {source}; name a readable directory with --plugins-dir", .dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The plugins in one directory. See the [crate's page](crate).
#[derive(Debug)]
pub struct Registry {
    dir: PathBuf,
    loader: Arc<dyn Loader>,
    options: RegistryOptions,
    /// What is known of each file. Held while the directory is looked at, so that one look happens at a time.
    files: Mutex<Files>,
    /// What readers see. Replaced as a whole; never locked for longer than it takes to clone the `Arc`.
    snapshot: RwLock<Arc<Snapshot>>,
}

#[derive(Debug, Default)]
struct Files {
    known: BTreeMap<PathBuf, Known>,
    /// Why the directory could not be read last time, so that it is said once.
    error: Option<String>,
}

impl Registry {
    /// Opens a plugins directory, creating it where it does not exist. Nothing is loaded yet: call
    /// [`Catalog::refresh`] for the first look, and [`Registry::watch`] for all further ones.
    ///
    /// # Errors
    /// When the directory cannot be created or read.
    pub fn open(dir: PathBuf, loader: Arc<dyn Loader>) -> Result<Arc<Self>, RegistryError> {
        Self::open_with(dir, loader, RegistryOptions::default())
    }

    /// The same with other bounds.
    ///
    /// # Errors
    /// When the directory cannot be created or read.
    pub fn open_with(
        dir: PathBuf,
        loader: Arc<dyn Loader>,
        options: RegistryOptions,
    ) -> Result<Arc<Self>, RegistryError> {
        let ready = std::fs::create_dir_all(&dir).and_then(|()| std::fs::read_dir(&dir));
        match ready {
            Ok(_) => Ok(Arc::new(Self { dir, loader, options, files: Mutex::default(), snapshot: RwLock::default() })),
            Err(source) => Err(RegistryError::Directory { dir, source }),
        }
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, files: &Files) {
        let next = Arc::new(Snapshot::of(&files.known));
        let before = {
            let mut current = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::clone(&next))
        };
        next.log_changes(&before);
        refused::tell(&*self.options.audit, before.broken(), next.broken());
    }

    /// The `.wasm` files there are; `None` when that cannot be told and what is known should stand.
    async fn scan(&self, files: &mut Files) -> Option<Vec<Found>> {
        let dir = self.dir.clone();
        let scanned = tokio::task::spawn_blocking(move || scan::scan(&dir)).await;
        let (found, error) = match scanned.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(found) => (Some(found), None),
            // Somebody removed the directory, and with it all plugins.
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Some(Vec::new()), Some(error.to_string())),
            Err(error) => (None, Some(error.to_string())),
        };
        if let Some(reason) = &error
            && files.error != error
        {
            tracing::warn!(directory = %self.dir.display(), reason, "the plugins directory cannot be read");
        }
        files.error = error;
        found
    }
}

#[async_trait]
impl Catalog for Registry {
    fn find(&self, class: &str, version: Option<&str>) -> Option<Arc<dyn Plugin>> {
        self.snapshot().find(class, version)
    }

    fn list(&self) -> Vec<Arc<dyn Plugin>> {
        self.snapshot().list()
    }

    fn broken(&self) -> Vec<(PathBuf, LoadError)> {
        self.snapshot().broken().to_vec()
    }

    fn versions(&self, class: &str) -> Vec<String> {
        self.snapshot().versions(class)
    }

    fn nearest(&self, class: &str) -> Option<String> {
        self.snapshot().nearest(class)
    }

    async fn refresh(&self) {
        let mut files = self.files.lock().await;
        let Some(found) = self.scan(&mut files).await else { return };
        let examiner = Examiner {
            loader: &self.loader,
            max_file_bytes: self.options.max_file_bytes,
            loaded: files.known.values().filter_map(Known::loaded).collect(),
        };
        let mut stale = Vec::new();
        let mut known = BTreeMap::new();
        for (path, stamp) in found {
            let before = files.known.get(&path).cloned();
            match stamp {
                Err(error) => drop(known.insert(path, Known::unreadable(error))),
                Ok(stamp) => {
                    if before.as_ref().is_none_or(|before| !before.is_current(stamp)) {
                        stale.push((path.clone(), stamp, before.clone()));
                    }
                    // Until a changed file is examined, what it was before stands.
                    known.extend(before.map(|before| (path, before)));
                }
            }
        }
        files.known = known;
        self.publish(&files);
        let examined = stream::iter(stale).map(|(path, stamp, before)| examiner.examine(path, stamp, before));
        let mut examined = examined.buffer_unordered(self.options.concurrency.max(1));
        while let Some((path, known)) = examined.next().await {
            files.known.insert(path, known);
            // One at a time, so that a plugin that takes long to compile does not keep the others waiting.
            self.publish(&files);
        }
    }
}
