//! Connectors that come from files, and follow them.
//!
//! `wharf run --connector FILE` and the folder `connectors.d` start connectors without a REST call. Twice a second a
//! [`look::Looker`] looks for files that came, changed or went; [`plan`] compares what they describe with what was taken
//! from files before, which [`memory`] keeps across restarts; and the [`Follower`] does what follows from it:
//!
//! - a new file is a new connector, a changed file a changed connector, and a removed file a deleted one. Offsets are
//!   kept, so a connector whose file comes back goes on where it was;
//! - what a file says is done when the file changes, and not again: what REST changes meanwhile stays until then, also over
//!   a restart;
//! - a file that cannot be read keeps what it last said, and is complained of once for each change;
//! - what the worker refuses (its plugin is not there yet) is tried again until it works or the file changes;
//! - a folder that is not there any more says nothing: its connectors stay.

mod look;
mod memory;
mod plan;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use wharf_core::audit::Auditor;
use wharf_runtime::{Worker, WorkerError};
use wharf_store::Store;

use look::{Content, Looker};
use memory::{Memory, Origin};
use plan::{File, Job};

/// How often files are looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How soon again while one of them has just changed: it is taken once two looks agree.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// After how many looks what was refused is tried again.
const PATIENCE: u32 = 10;

/// Which files are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    /// Named one by one; absolute.
    pub(crate) files: Vec<PathBuf>,
    /// All files of a folder; absolute.
    pub(crate) folder: Option<PathBuf>,
}

impl Sources {
    /// Whether all that was named is there.
    ///
    /// # Errors
    /// What is missing, and how it was named.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        for file in &self.files {
            if !file.is_file() {
                bail!("`{}` is no file: --connector takes a file with a connector's configuration", file.display());
            }
        }
        match &self.folder {
            Some(folder) if !folder.is_dir() => {
                bail!("`{}` is no directory: create it, or name another with --connectors-dir", folder.display())
            }
            _ => Ok(()),
        }
    }
}

/// Follows files until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the following"]
pub(crate) struct Following {
    task: JoinHandle<()>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts what files describe that did not just change, and follows all of them from then on.
///
/// # Errors
/// When what was taken from files before cannot be read.
pub(crate) async fn start(
    sources: Sources,
    worker: Worker,
    store: Arc<dyn Store>,
    audit: Arc<dyn Auditor>,
) -> anyhow::Result<Following> {
    let memory = Memory::load(store).await.context("read which connectors came from files")?;
    let mut follower = Follower {
        worker,
        audit,
        memory,
        files: BTreeMap::new(),
        jobs: BTreeMap::new(),
        missing: BTreeMap::new(),
        trouble: None,
        clashes: BTreeSet::new(),
    };
    if sources == Sources::default() && follower.memory.origins.is_empty() {
        // Nothing to do, now and later: what is followed is said at the start.
        return Ok(Following { task: tokio::spawn(async {}) });
    }
    let mut looker = Looker::new(sources);
    let mut restless;
    (looker, restless) = follower.round(looker).await?;
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(if restless { LOOK_AGAIN } else { LOOK }).await;
            match follower.round(looker).await {
                Ok(next) => (looker, restless) = next,
                Err(error) => return error!("connectors no longer follow their files: {error:#}"),
            }
        }
    });
    Ok(Following { task })
}

struct Follower {
    worker: Worker,
    /// Is told of what files change.
    audit: Arc<dyn Auditor>,
    memory: Memory,
    /// What each followed file says.
    files: BTreeMap<PathBuf, File>,
    /// What is to be done, by connector.
    jobs: BTreeMap<String, Waiting>,
    /// How often files in a row were not there that connectors came from.
    missing: BTreeMap<PathBuf, u32>,
    /// What is complained of the folder, so that it is said once.
    trouble: Option<String>,
    /// Complaints of connectors that two files describe, for the same reason.
    clashes: BTreeSet<String>,
}

/// A job, and how it went so far.
struct Waiting {
    job: Job,
    /// Why the worker refused it.
    refused: Option<String>,
    /// Looks until it is tried again.
    wait: u32,
}

impl Follower {
    /// One look, and all that follows from it.
    async fn round(&mut self, mut looker: Looker) -> anyhow::Result<(Looker, bool)> {
        let looked = tokio::task::spawn_blocking(move || {
            let found = looker.look();
            (looker, found)
        });
        let (looker, found) = looked.await.context("look at the files")?;
        let found = match found {
            Ok(found) => found,
            Err(trouble) => {
                if self.trouble.as_ref() != Some(&trouble) {
                    error!("{trouble}; connectors that came from files go on");
                    self.trouble = Some(trouble);
                }
                return Ok((looker, false));
            }
        };
        self.trouble = None;
        for (path, content) in found.changed {
            self.take(path, content);
        }
        self.files.retain(|path, _| found.present.contains(path));
        let gone = self.gone(&found.present).await;
        let (jobs, clashes) = plan::plan(&self.files, &gone, &self.memory.origins);
        self.clash(clashes);
        self.queue(jobs);
        self.work().await;
        Ok((looker, found.restless))
    }

    fn take(&mut self, path: PathBuf, content: Content) {
        match content {
            Ok(connectors) => {
                self.files.insert(path, File::Says(connectors));
            }
            Err(error) => {
                let keeps = match self.files.get(&path) {
                    Some(File::Says(_)) => "; what it said before holds",
                    _ => "",
                };
                error!("{error}{keeps}");
                self.files.entry(path).or_insert(File::Unread);
            }
        }
    }

    /// Files that connectors came from and that are gone for good. Those that are there and not followed any more are
    /// forgotten: their connectors are nobody's then.
    async fn gone(&mut self, present: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        let came_from: BTreeSet<PathBuf> = self.memory.origins.values().map(|origin| origin.file.clone()).collect();
        self.missing.retain(|path, _| came_from.contains(path) && !present.contains(path));
        let (mut gone, mut released) = (BTreeSet::new(), false);
        for path in came_from.difference(present) {
            let looks = self.missing.entry(path.clone()).or_default();
            *looks = looks.saturating_add(1);
            // An editor may take a file away for a moment.
            if *looks < 2 {
                continue;
            }
            let (first, file) = (*looks == 2, path.display());
            if path.exists() {
                warn!(%file, "is followed no more; its connectors stay as they are");
                self.memory.origins.retain(|_, origin| origin.file != *path);
                released = true;
            } else if path.parent().is_some_and(Path::is_dir) {
                gone.insert(path.clone());
            } else if first {
                warn!(%file, "is gone with its folder, which says nothing; its connectors stay as they are");
            }
        }
        if released {
            self.save().await;
        }
        gone
    }

    fn clash(&mut self, clashes: Vec<plan::Clash>) {
        let text = |(name, file, other): plan::Clash| {
            let (file, other) = (file.display(), other.display());
            format!("{file}: the connector `{name}` is described in {other} already: give it another name")
        };
        let clashes: BTreeSet<String> = clashes.into_iter().map(text).collect();
        for clash in clashes.difference(&self.clashes) {
            error!("{clash}");
        }
        self.clashes = clashes;
    }

    /// What was to be done before and is not any more is dropped; what is new goes first.
    fn queue(&mut self, jobs: BTreeMap<String, Job>) {
        self.jobs.retain(|name, _| jobs.contains_key(name));
        for (name, job) in jobs {
            let is_known = self.jobs.get(&name).is_some_and(|waiting| waiting.job == job);
            if !is_known {
                self.jobs.insert(name, Waiting { job, refused: None, wait: 0 });
            }
        }
    }

    async fn work(&mut self) {
        let mut done = Vec::new();
        for (name, waiting) in &mut self.jobs {
            if waiting.wait > 0 {
                waiting.wait -= 1;
                continue;
            }
            match act(&self.worker, &*self.audit, name, &waiting.job).await {
                Ok(()) => done.push((name.clone(), waiting.job.origin())),
                Err(error) => {
                    waiting.wait = PATIENCE;
                    let text = error.to_string();
                    if waiting.refused.as_ref() != Some(&text) {
                        error!(connector = %name, file = %waiting.job.file(), "cannot follow its file: {text}");
                        waiting.refused = Some(text);
                    }
                }
            }
        }
        if done.is_empty() {
            return;
        }
        for (name, origin) in done {
            self.jobs.remove(&name);
            match origin {
                Some(origin) => self.memory.origins.insert(name, origin),
                None => self.memory.origins.remove(&name),
            };
        }
        self.save().await;
    }

    async fn save(&self) {
        if let Err(error) = self.memory.save().await {
            // Until it can be written, a restart takes files again that were taken already, which changes nothing.
            warn!(%error, "which connectors came from files cannot be stored");
        }
    }
}

/// Does one thing, with the worker's own checks.
async fn act(worker: &Worker, audit: &dyn Auditor, name: &str, job: &Job) -> Result<(), WorkerError> {
    let file = job.file();
    if matches!(job, Job::Move { .. }) {
        return Ok(());
    }
    let before = worker.config(name).await.ok();
    match job {
        Job::Put { connector, .. } => {
            let (config, name) = (connector.config.clone(), name.to_owned());
            let by = Some(format!("file {file}"));
            if before.is_none() {
                let state = connector.initial_state.unwrap_or_default();
                worker.create_by(name.clone(), config, state, by).await?;
                info!(connector = %name, %file, "a connector is created from its file");
            } else {
                worker.put_config_by(name.clone(), config, by).await?;
                info!(connector = %name, %file, "a connector follows its file");
            }
        }
        Job::Delete { .. } => match worker.delete(name).await {
            Ok(()) => info!(connector = %name, %file, "a connector is deleted, as its file was"),
            // REST was faster.
            Err(WorkerError::NotFound(_)) => {}
            Err(error) => return Err(error),
        },
        Job::Move { .. } => {}
    }
    let after = worker.config(name).await.ok();
    if before != after {
        told::tell(audit, name, &file.to_string(), before.as_ref(), after.as_ref());
    }
    Ok(())
}

impl Job {
    /// What is remembered once it is done; `None`: nothing.
    fn origin(&self) -> Option<Origin> {
        match self {
            Self::Put { file, digest, .. } | Self::Move { file, digest } => {
                Some(Origin { file: file.clone(), digest: digest.clone() })
            }
            Self::Delete { .. } => None,
        }
    }

    fn file(&self) -> String {
        match self {
            Self::Put { file, .. } | Self::Move { file, .. } | Self::Delete { file } => file.display().to_string(),
        }
    }
}
