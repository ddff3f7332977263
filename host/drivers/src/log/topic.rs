//! Topics: which there are, and their directories.
//!
//! A topic is there once its `topic.json` is. A directory without one, and without files in its partitions, is what a
//! crash left of a creation.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use wharf_core::histogram::{Histogram, SECONDS};

use super::files::{self, Doing, FileError};
use super::options::{LogOptions, MOST_PARTITIONS};
use super::partition::{Partition, Place, recover};
use super::{lock, names};
use crate::driver::DriverError;

const FILE: &str = "topic.json";

/// What `topic.json` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Description {
    version: u32,
    /// How many partitions.
    pub(crate) partitions: u32,
    /// When the topic was created, in milliseconds since 1970.
    pub(crate) created: i64,
}

/// A topic that is open.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    /// When it was created, in milliseconds since 1970.
    pub(crate) created: i64,
    /// Its partitions, by number.
    pub(crate) partitions: Vec<Arc<Partition>>,
}

/// All topics of a log.
#[derive(Debug)]
pub(crate) struct Topics {
    dir: PathBuf,
    trash: PathBuf,
    options: Arc<LogOptions>,
    /// How long the disk takes to sync.
    pub(crate) syncs: Arc<Histogram>,
    runtime: Handle,
    held: Arc<File>,
    open: RwLock<BTreeMap<Arc<str>, Arc<Topic>>>,
    /// Held while a topic is created or deleted.
    changing: Mutex<()>,
}

impl Topics {
    /// Opens all topics. Blocks.
    pub(crate) fn open(
        root: &Path,
        options: Arc<LogOptions>,
        runtime: Handle,
        held: Arc<File>,
    ) -> Result<Self, FileError> {
        let (dir, trash) = (root.join("topics"), root.join("trash"));
        files::create_dir(&dir)?;
        files::create_dir(&trash)?;
        for leftover in files::entries(&trash)? {
            std::fs::remove_dir_all(&leftover).doing("delete", &leftover)?;
        }
        let (open, changing) = (RwLock::default(), Mutex::default());
        let syncs = Arc::new(Histogram::new(&SECONDS));
        let topics = Self { dir, trash, options, syncs, runtime, held, open, changing };
        for (name, description) in described(&topics.dir)? {
            let topic = topics.open_topic(&name, &description)?;
            topics.insert(topic);
        }
        Ok(topics)
    }

    fn open_topic(&self, name: &str, description: &Description) -> Result<Arc<Topic>, FileError> {
        let name: Arc<str> = name.into();
        let partitions = (0..description.partitions).map(|number| {
            let dir = self.dir.join(&*name).join(number.to_string());
            // Also where it was deleted by hand: that one partition is then empty, and the others go on.
            files::create_dir(&dir)?;
            let (options, _held) = (Arc::clone(&self.options), Arc::clone(&self.held));
            let syncs = Arc::clone(&self.syncs);
            let place = Place { topic: Arc::clone(&name), number, dir, options, syncs, _held };
            recover(place, self.runtime.clone())
        });
        let partitions = partitions.collect::<Result<_, _>>()?;
        Ok(Arc::new(Topic { name, created: description.created, partitions }))
    }

    fn insert(&self, topic: Arc<Topic>) {
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(Arc::clone(&topic.name), topic);
    }

    /// The topic of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// All topics, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.open.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// All partitions of all topics.
    pub(crate) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.all().iter().flat_map(|topic| topic.partitions.iter().cloned()).collect()
    }

    /// Creates a topic; `false` when it is there already. Blocks.
    pub(crate) fn create(&self, name: &str, partitions: u32) -> Result<bool, DriverError> {
        names::check_topic(name)?;
        if !(1..=MOST_PARTITIONS).contains(&partitions) {
            return Err(DriverError::Rejected(format!(
                "topic `{name}` cannot have {partitions} partitions: write 1 to {MOST_PARTITIONS}"
            )));
        }
        let _changing = lock(&self.changing);
        if self.get(name).is_some() {
            return Ok(false);
        }
        let dir = self.dir.join(name);
        files::create_dir(&dir)?;
        for number in 0..partitions {
            let dir = dir.join(number.to_string());
            std::fs::create_dir(&dir)
                .or_else(|error| if dir.is_dir() { Ok(()) } else { Err(error) })
                .doing("create directory", &dir)?;
        }
        wharf_faults::hit("log.topic").doing("create directory", &dir)?;
        let description = Description { version: 1, partitions, created: now() };
        let json = serde_json::to_vec(&description).unwrap_or_default();
        files::replace(&dir.join(FILE), &json)?;
        self.insert(self.open_topic(name, &description)?);
        tracing::info!(topic = name, partitions, "topic created");
        Ok(true)
    }

    /// Deletes a topic and its rows; `false` where there is none. Blocks.
    pub(crate) fn delete(&self, name: &str) -> Result<bool, DriverError> {
        let _changing = lock(&self.changing);
        let Some(topic) = self.get(name) else { return Ok(false) };
        topic.partitions.iter().for_each(|partition| partition.set_deleted());
        self.open.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        let (dir, gone) = (self.dir.join(name), self.trash.join(name));
        std::fs::rename(&dir, &gone).doing("delete", &dir)?;
        files::sync_dir(&self.dir)?;
        // The topic is gone; should this fail, the rest goes at the next start.
        if let Err(error) = std::fs::remove_dir_all(&gone) {
            tracing::warn!(dir = %gone.display(), %error, "cannot delete the files of a deleted topic yet");
        }
        tracing::info!(topic = name, "topic deleted");
        Ok(true)
    }
}

/// Names and descriptions of the topics in a directory.
pub(crate) fn described(dir: &Path) -> Result<Vec<(String, Description)>, FileError> {
    let mut found = Vec::new();
    for path in files::entries(dir)? {
        let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| path.is_dir()) else { continue };
        match description(&path)? {
            Some(description) if names::check_topic(name).is_ok() => found.push((name.to_owned(), description)),
            _ => tracing::warn!(dir = %path.display(), "ignoring a directory that is no topic"),
        }
    }
    Ok(found)
}

/// What is known of the topic in a directory; `None` where it is none, or what a crash left of its creation.
///
/// The partitions that are there count too: a description that was damaged or lost must not hide their rows.
fn description(dir: &Path) -> Result<Option<Description>, FileError> {
    let file = dir.join(FILE);
    let json = match std::fs::read(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        read => Some(read.doing("read", &file)?),
    };
    let (mut found, mut has_files) = (0, false);
    for path in files::entries(dir)? {
        let number = path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()).filter(|_| path.is_dir());
        if let Some(number) = number.filter(|number| *number < MOST_PARTITIONS) {
            found = found.max(number + 1);
            has_files |= !files::entries(&path)?.is_empty();
        }
    }
    if json.is_none() && !has_files {
        return Ok(None);
    }
    let written = json.and_then(|json| serde_json::from_slice(&json).ok());
    let written = written.filter(|it: &Description| it.version == 1 && (1..=MOST_PARTITIONS).contains(&it.partitions));
    if written.as_ref().is_none_or(|it| it.partitions < found) {
        tracing::warn!(
            file = %file.display(), partitions = found,
            "damaged or lost: the partitions that are there are taken"
        );
    }
    // Where nobody knows: long ago, before whoever reads "from now on" began to.
    let created = written.as_ref().map_or(0, |it| it.created);
    let partitions = written.map_or(found, |it| it.partitions.max(found));
    Ok((partitions > 0).then_some(Description { version: 1, partitions, created }))
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
