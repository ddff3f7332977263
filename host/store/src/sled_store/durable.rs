//! What it takes until a change has reached the disk.
//!
//! sled's `flush` is `sync_file_range` on Linux: the bytes have left the page cache, so a killed process loses nothing,
//! but the disk may still hold them in a cache of its own, and the file's new length may not be written at all. So
//! `sync_data` on the database file follows. A page over 128 KiB (one large configuration is enough) sled writes to a
//! file of its own in `blobs/` and never syncs it; that is done here too.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::database::Database;
use super::marker;
use crate::store::StoreError;

/// Makes changes durable; owned by the committer.
#[derive(Debug)]
pub(super) struct Durable {
    dir: PathBuf,
    /// A second handle of the database file, which sled keeps to itself.
    file: File,
    /// The blobs that are known to be on the disk.
    blobs: HashSet<OsString>,
}

impl Durable {
    /// Syncs everything that opening has made: the directory's own entries included.
    pub(super) fn new(dir: &Path) -> io::Result<Self> {
        let mut durable = Self { dir: dir.to_owned(), file: File::open(dir.join("db"))?, blobs: HashSet::new() };
        File::open(dir.join("conf"))?.sync_all()?;
        durable.sync_blobs()?;
        durable.file.sync_all()?;
        sync_dir(dir)?;
        if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            sync_dir(parent)?;
        }
        Ok(durable)
    }

    /// Everything that was changed before is durable when this returns.
    pub(super) fn make(&mut self, database: &Database) -> Result<(), StoreError> {
        // Blobs first: the log must never name one that a power loss could take away.
        wharf_faults::hit("store.change").and_then(|()| self.sync_blobs()).map_err(|error| self.failed(&error))?;
        database.flush()?;
        wharf_faults::hit("store.sync").and_then(|()| self.file.sync_data()).map_err(|error| self.failed(&error))
    }

    /// Notes beside the database that it has come as far as `generation`, which must be durable.
    pub(super) fn mark(&self, generation: u64) -> Result<(), StoreError> {
        marker::write(&self.dir, generation).map_err(|error| self.failed(&error))
    }

    /// Syncs the blobs that are new; answers how many.
    fn sync_blobs(&mut self) -> io::Result<usize> {
        let blobs = self.dir.join("blobs");
        let mut found = HashSet::with_capacity(self.blobs.len());
        let mut new = 0;
        for entry in fs::read_dir(&blobs)? {
            let entry = entry?;
            let name = entry.file_name();
            if !self.blobs.contains(&name) {
                match File::open(entry.path()) {
                    Ok(file) => file.sync_all()?,
                    // sled has just dropped it as garbage.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
                new += 1;
            }
            found.insert(name);
        }
        if new > 0 {
            sync_dir(&blobs)?;
        }
        self.blobs = found;
        Ok(new)
    }

    fn failed(&self, error: &io::Error) -> StoreError {
        super::trouble::failed("syncing", &self.dir, error)
    }
}

/// Makes the entries of a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use crate::store::{Bucket, Change, Condition};

    #[test]
    fn a_value_that_sled_puts_into_a_file_of_its_own_is_synced_once() {
        let dir = tempfile::tempdir().unwrap();
        let (database, mut durable) = super::super::open::open(dir.path()).unwrap();
        let change = |key: &str, size: usize| Change {
            bucket: Bucket::Connectors,
            key: key.to_owned(),
            condition: Condition::Any,
            value: Some(vec![b'x'; size]),
        };
        database.change(&[change("small", 100)], &mut Vec::new()).unwrap();
        assert_eq!(durable.sync_blobs().unwrap(), 0);
        database.change(&[change("large", 1 << 20)], &mut Vec::new()).unwrap();
        assert_ne!(durable.sync_blobs().unwrap(), 0);
        assert_eq!(durable.sync_blobs().unwrap(), 0);
    }
}
