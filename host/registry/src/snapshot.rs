//! What the directory held at one moment, as the catalog shows it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use wharf_core::plugin::{LoadError, Plugin};

use crate::examine::{Facts, Known, file_name};
use crate::naming;
use crate::version::{self, VersionRange};

/// All plugins and all files that are none.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Sorted by name and version.
    plugins: Vec<Entry>,
    /// Sorted by path.
    broken: Vec<(PathBuf, LoadError)>,
    /// Every file, by path.
    seen: Vec<Seen>,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    version: Version,
    sha256: String,
    plugin: Arc<dyn Plugin>,
}

/// A file, and whether it may run.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    pub(crate) facts: Option<Facts>,
    /// Where it loads.
    pub(crate) plugin: Option<Arc<dyn Plugin>>,
    /// Why it may not run.
    pub(crate) refusal: Option<LoadError>,
}

impl Seen {
    /// Whether it loads as this plugin, allowed or not.
    pub(crate) fn is_of(&self, name: &str, version: &str) -> bool {
        self.plugin.as_ref().is_some_and(|plugin| plugin.id().name == name && plugin.id().version == version)
    }

    pub(crate) fn has(&self, sha256: &str) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.sha256 == sha256)
    }

    /// `name@version`, empty where it does not load.
    pub(crate) fn id(&self) -> String {
        self.plugin.as_ref().map(|plugin| plugin.id().to_string()).unwrap_or_default()
    }
}

/// Says whether a plugin that loads may run.
pub(crate) type Judge<'a> = &'a dyn Fn(&dyn Plugin, &Facts) -> Result<(), LoadError>;

impl Snapshot {
    /// Of several files with the same name and version the one that was written last counts.
    pub(crate) fn of(files: &BTreeMap<PathBuf, Known>, judge: Judge<'_>) -> Self {
        let mut snapshot = Self::default();
        let mut newest: HashMap<(String, Version), usize> = HashMap::new();
        for (index, (path, known)) in files.iter().enumerate() {
            let seen = Seen {
                path: path.clone(),
                facts: known.facts.clone(),
                plugin: known.outcome.as_ref().ok().cloned(),
                refusal: known.outcome.as_ref().err().cloned().or_else(|| refusal(known, judge)),
            };
            if let (None, Some(plugin), Some(version)) = (&seen.refusal, &seen.plugin, version_of(&seen)) {
                let at = newest.entry((plugin.id().name.clone(), version)).or_insert(index);
                let other = snapshot.seen.get(*at);
                if other.is_some_and(|other| modified(other) < modified(&seen)) {
                    *at = index;
                }
            }
            snapshot.seen.push(seen);
        }
        let names: Vec<String> = snapshot.seen.iter().map(|seen| file_name(&seen.path).into_owned()).collect();
        for (index, seen) in snapshot.seen.iter_mut().enumerate() {
            if let (None, Some(plugin), Some(version)) = (&seen.refusal, &seen.plugin, version_of(seen)) {
                let winner = newest.get(&(plugin.id().name.clone(), version.clone())).copied().unwrap_or(index);
                if winner == index {
                    let (path, plugin) = (seen.path.clone(), Arc::clone(plugin));
                    let sha256 = seen.facts.as_ref().map(|facts| facts.sha256.clone()).unwrap_or_default();
                    snapshot.plugins.push(Entry { path, version, sha256, plugin });
                } else {
                    seen.refusal = Some(duplicate(plugin.as_ref(), names.get(winner).map_or("", String::as_str)));
                }
            }
            snapshot.broken.extend(seen.refusal.clone().map(|error| (seen.path.clone(), error)));
        }
        let name = |entry: &Entry| entry.plugin.id().name.clone();
        snapshot.plugins.sort_by(|a, b| name(a).cmp(&name(b)).then_with(|| a.version.cmp(&b.version)));
        snapshot
    }

    pub(crate) fn find(&self, class: &str, version: Option<&str>) -> Option<Arc<dyn Plugin>> {
        let range: Option<VersionRange> = version.map(str::parse).transpose().ok()?;
        let fits = self.plugins.iter().filter(|entry| range.as_ref().is_none_or(|range| range.has(&entry.version)));
        let best =
            fits.filter_map(|entry| Some((naming::fit(entry.plugin.descriptor(), class)?, &entry.version, entry)));
        let (.., entry) = best.max_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)))?;
        Some(Arc::clone(&entry.plugin))
    }

    /// Why a plugin that fits the class may not run.
    pub(crate) fn refused(&self, class: &str) -> Option<LoadError> {
        let fits =
            |seen: &&Seen| seen.plugin.as_ref().is_some_and(|plugin| naming::fit(plugin.descriptor(), class).is_some());
        self.seen.iter().filter(fits).find_map(|seen| seen.refusal.clone())
    }

    pub(crate) fn versions(&self, class: &str) -> Vec<String> {
        let fits = self.plugins.iter().filter(|entry| naming::fit(entry.plugin.descriptor(), class).is_some());
        fits.map(|entry| entry.plugin.id().version.clone()).collect()
    }

    pub(crate) fn nearest(&self, class: &str) -> Option<String> {
        let descriptors = self.plugins.iter().map(|entry| entry.plugin.descriptor());
        naming::nearest(descriptors, class).map(str::to_owned)
    }

    pub(crate) fn list(&self) -> Vec<Arc<dyn Plugin>> {
        self.plugins.iter().map(|entry| Arc::clone(&entry.plugin)).collect()
    }

    pub(crate) fn broken(&self) -> &[(PathBuf, LoadError)] {
        &self.broken
    }

    /// Every file, by path.
    pub(crate) fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// Says in the log what is new since `before`, each thing once.
    pub(crate) fn log_changes(&self, before: &Self) {
        for entry in self.plugins.iter().filter(|entry| !before.has(entry)) {
            let (id, file) = (entry.plugin.id(), file_name(&entry.path));
            let sha256 = entry.sha256.as_str();
            match before.plugins.iter().find(|other| other.plugin.id().to_string() == id.to_string()) {
                Some(old) if old.sha256 != entry.sha256 => tracing::warn!(
                    plugin = %id, sha256, before = old.sha256, file = %file,
                    "plugin changed on disk; connectors that run it keep the old bytes until they are restarted"
                ),
                _ => tracing::info!(plugin = %id, sha256, file = %file, "plugin found"),
            }
        }
        let is_gone = |entry: &&Entry| {
            !self.plugins.iter().any(|other| other.plugin.id().to_string() == entry.plugin.id().to_string())
        };
        for entry in before.plugins.iter().filter(is_gone) {
            tracing::info!(plugin = %entry.plugin.id(), file = %file_name(&entry.path), "plugin gone");
        }
        for (path, error) in self.broken.iter().filter(|broken| !before.broken.contains(broken)) {
            tracing::warn!(file = %path.display(), code = error.code, %error, "file is not run as a plugin");
        }
    }

    fn has(&self, other: &Entry) -> bool {
        let is_it = |entry: &Entry| {
            entry.path == other.path && entry.sha256 == other.sha256 && entry.plugin.id() == other.plugin.id()
        };
        self.plugins.iter().any(is_it)
    }
}

fn refusal(known: &Known, judge: Judge<'_>) -> Option<LoadError> {
    let (plugin, facts) = (known.outcome.as_ref().ok()?, known.facts.as_ref()?);
    if version::parse(&plugin.id().version).is_none() {
        return Some(bad_version(plugin.as_ref()));
    }
    judge(plugin.as_ref(), facts).err()
}

fn version_of(seen: &Seen) -> Option<Version> {
    version::parse(&seen.plugin.as_ref()?.id().version)
}

fn modified(seen: &Seen) -> (i64, i64) {
    seen.facts.as_ref().map(|facts| facts.modified).unwrap_or_default()
}

fn duplicate(plugin: &dyn Plugin, newest: &str) -> LoadError {
    let id = plugin.id();
    let message =
        format!("{id} is in {newest} too, which is newer: remove one of the two, or give one of them another version");
    LoadError { code: "DUPLICATE", message }
}

pub(crate) fn bad_version(plugin: &dyn Plugin) -> LoadError {
    let id = plugin.id();
    let message = format!("the plugin {} calls itself version {:?}: write SemVer, like 1.0.0", id.name, id.version);
    LoadError { code: "BAD_VERSION", message }
}

/// The name of a file as text; only what the operating system cannot say in UTF-8 is changed.
pub(crate) fn name_of(path: &Path) -> String {
    file_name(path).into_owned()
}
