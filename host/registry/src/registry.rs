//! The registry itself: one directory, one loader, and what was last seen.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt as _};
use tokio::sync::Mutex;
use wharf_core::audit::{Auditor, NoAudit};
use wharf_core::plugin::{Catalog, LoadError, Loader, Plugin, PluginRefusal, PluginRegistry};

use crate::examine::{Examiner, Facts, Known};
use crate::fetch::Fetch;
use crate::policy::Policy;
use crate::records::{Record, Records};
use crate::refused;
use crate::scan::{self, Found};
use crate::snapshot::{Seen, Snapshot};
use crate::{naming, staging};

/// How a [`Registry`] loads, and what it lets run.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// A larger file is not read but reported as `TOO_LARGE`. 64 MiB unless told otherwise.
    pub max_file_bytes: u64,
    /// So many files are read and compiled at a time, at least 1. 2 unless told otherwise: compiling uses all cores by
    /// itself, and each file that is being loaded is in memory.
    pub concurrency: usize,
    /// Signatures, publishers, approvals, revocations. All is allowed unless told otherwise.
    pub policy: Policy,
    /// Where records and approvals are kept; made for this user alone. Default `None`: not beyond this process.
    pub records_dir: Option<PathBuf>,
    /// Who is told what was installed, approved, removed and refused. Nobody unless told otherwise.
    pub audit: Arc<dyn Auditor>,
    /// What fetches URLs. Default `None`: nothing is installed from a URL.
    pub fetch: Option<Arc<dyn Fetch>>,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            max_file_bytes: 64 << 20,
            concurrency: 2,
            policy: Policy::default(),
            records_dir: None,
            audit: Arc::new(NoAudit),
            fetch: None,
        }
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
    /// The records of plugins cannot be listed.
    #[error("open the records of plugins in {}: {source}; make it a directory that this user can write", .dir.display())]
    Records {
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
    pub(crate) loader: Arc<dyn Loader>,
    pub(crate) options: RegistryOptions,
    pub(crate) records: Arc<Records>,
    /// Held while an operator changes something, so that one change happens at a time.
    pub(crate) changing: Mutex<()>,
    /// What is known of each file. Held while the directory is looked at, so that one look happens at a time.
    pub(crate) files: Mutex<Files>,
    /// What readers see. Replaced as a whole; never locked for longer than it takes to clone the `Arc`.
    snapshot: RwLock<Arc<Snapshot>>,
}

#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) known: BTreeMap<PathBuf, Known>,
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
        if let Err(source) = ready.and_then(|_| staging::tidy(&dir)) {
            return Err(RegistryError::Directory { dir, source });
        }
        let records = match &options.records_dir {
            Some(dir) => {
                Records::open(dir.clone()).map_err(|source| RegistryError::Records { dir: dir.clone(), source })?
            }
            None => Records::default(),
        };
        let (records, changing, files) = (Arc::new(records), Mutex::default(), Mutex::default());
        Ok(Arc::new(Self { dir, loader, options, records, changing, files, snapshot: RwLock::default() }))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn publish(&self, files: &Files) {
        let next = Arc::new(Snapshot::of(&files.known, &|plugin, facts| self.judge(plugin, facts)));
        let before = {
            let mut current = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *current, Arc::clone(&next))
        };
        next.log_changes(&before);
        refused::tell(&*self.options.audit, before.broken(), next.broken());
    }

    /// Whether a plugin that loads may run.
    fn judge(&self, plugin: &dyn Plugin, facts: &Facts) -> Result<(), LoadError> {
        let (id, policy) = (plugin.id(), &self.options.policy);
        policy.judge(&id.name, &id.version, &facts.sha256, &facts.signature)?;
        self.records.judge(&id.name, &id.version, &facts.sha256, policy.require_approval)
    }

    /// Writes down what is seen for the first time, and forgets what was only ever dropped in and is gone.
    async fn keep_records(&self) {
        let snapshot = self.snapshot();
        let mut new = Vec::new();
        for seen in snapshot.seen() {
            let (Some(plugin), Some(facts)) = (&seen.plugin, &seen.facts) else { continue };
            if self.records.knows(&facts.sha256) {
                continue;
            }
            let id = plugin.id();
            if seen.refusal.is_none() && self.options.policy.warns_of(&facts.signature) {
                tracing::warn!(plugin = %id, sha256 = facts.sha256, "plugin runs although it is {}", facts.signature);
            }
            let (size, signature, imports) = (facts.size, facts.signature.clone(), plugin.facts().imports);
            let record = Record::new(&id.name, &id.version, &facts.sha256, now_millis());
            let aliases = plugin.descriptor().aliases.clone();
            new.push(Record { aliases, size, signature, imports, ..record });
        }
        let gone = |record: &Record| {
            record.approved_at.is_none() && !snapshot.seen().iter().any(|seen| seen.has(&record.sha256))
        };
        let is_any_gone = self.records.any(gone);
        if new.is_empty() && !is_any_gone {
            return;
        }
        let (records, snapshot) = (Arc::clone(&self.records), Arc::clone(&snapshot));
        let kept = self.blocking(move || {
            new.into_iter().try_for_each(|record| records.put(record))?;
            records.remove(|record| {
                record.approved_at.is_none() && !snapshot.seen().iter().any(|seen| seen.has(&record.sha256))
            })
        });
        // The plugins can be used all the same: what needs a record is an approval, and that reports its failure.
        if let Err(refusal) = kept.await {
            tracing::warn!(reason = refusal.message, "the records of plugins could not be written");
        }
    }

    /// Why bytes that were loaded once, and must not be any more, may not run: their record knows what they are called.
    fn refused_unloaded(&self, snapshot: &Snapshot, class: &str) -> Option<LoadError> {
        let fits = |record: &Record| {
            let aliases = record.aliases.iter().map(String::as_str);
            naming::fit_of(std::iter::once(record.name.as_str()).chain(aliases), class).is_some()
        };
        let refused = snapshot.seen().iter().filter(|seen| seen.plugin.is_none() && seen.refusal.is_some());
        let mut refused = refused.filter(|seen| self.record_of(seen).is_some_and(|record| fits(&record)));
        refused.next().and_then(|seen| seen.refusal.clone())
    }

    pub(crate) fn record_of(&self, seen: &Seen) -> Option<Record> {
        self.records.get(&seen.facts.as_ref()?.sha256)
    }

    /// Whether a file holds this plugin, loaded or only known from its record.
    pub(crate) fn holds(&self, seen: &Seen, name: &str, version: &str) -> bool {
        match seen.plugin {
            Some(_) => seen.is_of(name, version),
            None => self.record_of(seen).is_some_and(|record| record.is_of(name, version)),
        }
    }

    /// Runs what blocks on a thread that may.
    pub(crate) async fn blocking(
        &self,
        work: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<(), PluginRefusal> {
        let done = tokio::task::spawn_blocking(work).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| {
            let message = format!(
                "{} or the records beside the data could not be changed ({error}): see to the disk and to the rights of the \
                 worker's user, and try again",
                self.dir.display()
            );
            PluginRefusal::new("NOT_STORED", message)
        })
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

    fn refused(&self, class: &str) -> Option<LoadError> {
        let snapshot = self.snapshot();
        snapshot.refused(class).or_else(|| self.refused_unloaded(&snapshot, class))
    }

    async fn refresh(&self) {
        self.look().await;
    }

    fn registry(&self) -> Option<&dyn PluginRegistry> {
        Some(self)
    }
}

impl Registry {
    /// Looks at the directory: what is new is loaded, what changed is loaded again.
    pub(crate) async fn look(&self) {
        let mut files = self.files.lock().await;
        let Some(found) = self.scan(&mut files).await else { return };
        let examiner = Examiner {
            loader: &self.loader,
            policy: &self.options.policy,
            max_file_bytes: self.options.max_file_bytes,
            loaded: files.known.values().filter_map(Known::loaded).collect(),
        };
        let mut stale = Vec::new();
        let mut known = BTreeMap::new();
        for (path, stamp) in found {
            let before = files.known.get(&path).cloned();
            match stamp {
                Err(error) => drop(known.insert(path, Known::unreadable(error))),
                Ok(stamps) => {
                    if before.as_ref().is_none_or(|before| !before.is_current(stamps)) {
                        stale.push((path.clone(), stamps, before.clone()));
                    }
                    // Until a changed file is examined, what it was before stands.
                    known.extend(before.map(|before| (path, before)));
                }
            }
        }
        files.known = known;
        self.publish(&files);
        let examined = stream::iter(stale).map(|(path, stamps, before)| examiner.examine(path, stamps, before));
        let mut examined = examined.buffer_unordered(self.options.concurrency.max(1));
        while let Some((path, known)) = examined.next().await {
            files.known.insert(path, known);
            // One at a time, so that a plugin that takes long to compile does not keep the others waiting.
            self.publish(&files);
        }
        self.keep_records().await;
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
