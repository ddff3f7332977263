//! Looking at files again and again. Everything here blocks.
//!
//! A file is taken once two looks in a row find the same stamp, or its last change is a second ago; so half a file is
//! not, unless whoever writes it pauses that long. What is read is compared by its digest, because a clock of a file
//! system may be too coarse to show two changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::Sources;
use crate::connector_file::{self, Declared, Format};

/// A file that changed so short a time ago may still be being written, or change again without a new stamp.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// By what a change of a file is noticed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    inode: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn is_settled(&self, now: SystemTime) -> bool {
        let seconds = u64::try_from(self.changed.0).unwrap_or(0);
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.saturating_add(1));
        // A change in the future is a clock gone wrong: waiting for it would take for ever.
        now.duration_since(changed).is_ok_and(|age| age > SETTLED_AFTER)
            || changed.duration_since(now).is_ok_and(|ahead| ahead > 2 * SETTLED_AFTER)
    }
}

/// What a file says, or why it cannot be read.
pub(super) type Content = Result<Vec<Declared>, String>;

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Every file that is followed.
    pub(super) present: BTreeSet<PathBuf>,
    /// Those whose content is another than at the last look, with what they say or why they cannot be read.
    pub(super) changed: Vec<(PathBuf, Content)>,
    /// Whether one of them has just changed and is to be looked at again soon.
    pub(super) restless: bool,
}

/// Looks at files, and knows what they were like before.
#[derive(Debug)]
pub(super) struct Looker {
    sources: Sources,
    last: BTreeMap<PathBuf, Stamp>,
    /// What was read, and at which stamp.
    read: BTreeMap<PathBuf, (Stamp, [u8; 32])>,
}

impl Looker {
    pub(super) fn new(sources: Sources) -> Self {
        Self { sources, last: BTreeMap::new(), read: BTreeMap::new() }
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// When the folder cannot be listed: nothing can be said then.
    pub(super) fn look(&mut self) -> Result<Found, String> {
        let now = SystemTime::now();
        let stamps = stamps(&self.sources)?;
        let mut found = Found { present: stamps.keys().cloned().collect(), ..Found::default() };
        for (path, stamp) in &stamps {
            let settled = stamp.is_settled(now);
            let read = self.read.get(path);
            if read.is_some_and(|(known, _)| known == stamp) && settled {
                continue;
            }
            if !settled && self.last.get(path) != Some(stamp) {
                found.restless = true;
                continue;
            }
            let Some((digest, content)) = take(path, stamp) else {
                // It changed while it was read.
                found.restless = true;
                continue;
            };
            if read.is_none_or(|(_, known)| *known != digest) {
                found.changed.push((path.clone(), content));
            }
            self.read.insert(path.clone(), (*stamp, digest));
        }
        self.read.retain(|path, _| stamps.contains_key(path));
        self.last = stamps;
        Ok(found)
    }
}

/// Reads a file, unless it changes meanwhile.
fn take(path: &Path, stamp: &Stamp) -> Option<([u8; 32], Content)> {
    let file = path.display().to_string();
    let (digest, content) = match connector_file::load(path) {
        Ok(bytes) => {
            let format = Format::of(path).unwrap_or_else(|| Format::guess(&bytes));
            let content = connector_file::parse(&bytes, format, &file).map_err(|error| error.to_string());
            (Sha256::digest(&bytes).into(), content)
        }
        // The same trouble is the same content: it is told once.
        Err(error) => (Sha256::digest(error.to_string().as_bytes()).into(), Err(error.to_string())),
    };
    let is_same = fs::metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == *stamp);
    is_same.then_some((digest, content))
}

fn stamps(sources: &Sources) -> Result<BTreeMap<PathBuf, Stamp>, String> {
    let mut stamps = BTreeMap::new();
    if let Some(folder) = &sources.folder {
        let listed = list(folder).map_err(|error| format!("list the folder `{}`: {error}", folder.display()))?;
        stamps.extend(listed);
    }
    for path in &sources.files {
        if let Ok(metadata) = fs::metadata(path) {
            stamps.insert(path.clone(), Stamp::of(&metadata));
        }
    }
    Ok(stamps)
}

fn list(folder: &Path) -> io::Result<Vec<(PathBuf, Stamp)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // Links are followed: a mounted Kubernetes ConfigMap is made of them.
        if is_connector(&path)
            && let Ok(metadata) = fs::metadata(&path)
            && metadata.is_file()
        {
            found.push((path, Stamp::of(&metadata)));
        }
    }
    Ok(found)
}

/// Whether a file of the folder is meant: by its extension, and not one that editors leave beside it (`.a.yaml.swp`,
/// `a.yaml~`, `#a.yaml#`, `.#a.yaml`).
fn is_connector(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    !name.starts_with(['.', '#', '~']) && Format::of(path).is_some()
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    #[test]
    fn files_of_editors_are_left_alone() {
        for name in ["a.yaml", "a.yml", "A.JSON", "a.b.toml", "a.properties"] {
            assert!(is_connector(Path::new(name)), "{name}");
        }
        for name in
            ["a.yaml~", ".a.yaml.swp", ".a.yaml", "#a.yaml#", ".#a.yaml", "a.yaml.tmp", "README.md", "a", "4913"]
        {
            assert!(!is_connector(Path::new(name)), "{name}");
        }
    }

    fn looker(folder: &Path) -> Looker {
        Looker::new(Sources { files: Vec::new(), folder: Some(folder.to_owned()) })
    }

    #[test]
    fn a_file_that_has_just_changed_is_taken_when_two_looks_agree() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        let mut looker = looker(folder.path());
        fs::write(&file, r#"{"k": "#).unwrap();
        let found = looker.look().unwrap();
        assert!(found.restless && found.changed.is_empty() && found.present.contains(&file));
        fs::write(&file, r#"{"k": 1}"#).unwrap();
        let found = looker.look().unwrap();
        assert!(found.restless && found.changed.is_empty());
        let found = looker.look().unwrap();
        assert_eq!(found.changed.len(), 1);
        assert_eq!(found.changed[0].1.as_ref().unwrap()[0].name, "a");
        // And is not taken again.
        assert!(looker.look().unwrap().changed.is_empty());
        fs::remove_file(&file).unwrap();
        assert!(looker.look().unwrap().present.is_empty());
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_once_for_each_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        let mut looker = looker(folder.path());
        let mut errors = |text: &str| {
            fs::write(&file, text).unwrap();
            let mut all = Vec::new();
            for _ in 0..4 {
                all.extend(looker.look().unwrap().changed.into_iter().map(|(_, content)| content.is_err()));
            }
            all
        };
        assert_eq!(errors("{"), [true]);
        assert!(errors("{").is_empty());
        assert_eq!(errors("["), [true]);
        assert_eq!(errors(r#"{"k": 1}"#), [false]);
    }

    #[test]
    fn a_clock_that_went_wrong_does_not_stop_anything() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        fs::write(&file, r#"{"k": 1}"#).unwrap();
        let ahead = SystemTime::now() + Duration::from_secs(1_000_000);
        File::options().write(true).open(&file).unwrap().set_times(FileTimes::new().set_modified(ahead)).unwrap();
        let mut looker = looker(folder.path());
        let taken: usize = (0..3).map(|_| looker.look().unwrap().changed.len()).sum();
        assert_eq!(taken, 1);
    }

    #[test]
    fn a_folder_that_is_not_there_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut looker = looker(&folder.path().join("nowhere"));
        assert!(looker.look().unwrap_err().contains("nowhere"));
    }
}
