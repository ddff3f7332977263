//! What the directory held at one moment, as the catalog shows it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use wharf_core::plugin::{LoadError, Plugin};

use crate::examine::{Known, file_name};
use crate::naming;
use crate::version::{self, VersionRange};

/// All plugins and all files that are none.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    /// Sorted by name and version.
    plugins: Vec<Entry>,
    /// Sorted by path.
    broken: Vec<(PathBuf, LoadError)>,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    version: Version,
    plugin: Arc<dyn Plugin>,
}

impl Snapshot {
    /// Of two files with the same name and version the first by file name counts.
    pub(crate) fn of(files: &BTreeMap<PathBuf, Known>) -> Self {
        let mut snapshot = Self::default();
        let mut first: HashMap<(&str, Version), &Path> = HashMap::new();
        for (path, known) in files {
            match known.outcome.as_ref().map_err(Clone::clone).and_then(|plugin| {
                let id = plugin.id();
                let version = version::parse(&id.version).ok_or_else(|| bad_version(plugin.as_ref()))?;
                match first.get(&(id.name.as_str(), version.clone())) {
                    Some(other) => return Err(duplicate(plugin.as_ref(), other)),
                    None => first.insert((id.name.as_str(), version.clone()), path),
                };
                Ok(Entry { path: path.clone(), version, plugin: Arc::clone(plugin) })
            }) {
                Ok(entry) => snapshot.plugins.push(entry),
                Err(error) => snapshot.broken.push((path.clone(), error)),
            }
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

    /// Says in the log what is new since `before`, each thing once.
    pub(crate) fn log_changes(&self, before: &Self) {
        for entry in self.plugins.iter().filter(|entry| !before.has(entry)) {
            let id = entry.plugin.id();
            tracing::info!(plugin = %id, sha256 = id.sha256, file = %file_name(&entry.path), "plugin found");
        }
        for entry in before.plugins.iter().filter(|entry| !self.has(entry)) {
            tracing::info!(plugin = %entry.plugin.id(), file = %file_name(&entry.path), "plugin gone or replaced");
        }
        for (path, error) in self.broken.iter().filter(|broken| !before.broken.contains(broken)) {
            tracing::warn!(file = %path.display(), code = error.code, %error, "file is no plugin");
        }
    }

    fn has(&self, other: &Entry) -> bool {
        self.plugins.iter().any(|entry| entry.path == other.path && entry.plugin.id() == other.plugin.id())
    }
}

fn duplicate(plugin: &dyn Plugin, first: &Path) -> LoadError {
    let (id, first) = (plugin.id(), file_name(first));
    let message = format!("{id} is in {first} already: remove one of the two, or give one of them another version");
    LoadError { code: "DUPLICATE", message }
}

fn bad_version(plugin: &dyn Plugin) -> LoadError {
    let id = plugin.id();
    let message = format!("the plugin {} calls itself version {:?}: write SemVer, like 1.0.0", id.name, id.version);
    LoadError { code: "BAD_VERSION", message }
}
