//! Writing every file of the store anew, after the disk has failed.
//!
//! When a sync fails, the system may take what it could not write for written: it is in memory, whoever reads it finds it,
//! and the next sync says that all is well; but it is not on the disk. So nothing that was there when a sync failed is
//! trusted. It is copied into new files, whose syncs speak of every byte. A store is small, and this is rare.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::durable::sync_dir;

/// Where copies lie until they are whole and durable.
const ASIDE: &str = "mending";

/// Replaces each file by a durable copy of itself, one by one: an end in the middle changes nothing.
pub(super) fn files(dir: &Path) -> io::Result<()> {
    let aside = dir.join(ASIDE);
    match fs::create_dir(&aside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let rewritten = folder(dir, &aside).and_then(|()| folder(&dir.join("blobs"), &aside));
    // Also when it failed: half a copy takes room that may be what is missing.
    fs::remove_dir_all(&aside).and(rewritten)
}

fn folder(dir: &Path, aside: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() {
            continue;
        }
        let copy = aside.join(entry.file_name());
        let (mut from, mut to) = (File::open(entry.path())?, File::create(&copy)?);
        io::copy(&mut from, &mut to)?;
        wharf_faults::hit("store.sync")?;
        to.sync_all()?;
        to.set_permissions(from.metadata()?.permissions())?;
        fs::rename(&copy, entry.path())?;
    }
    sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_another_with_the_same_content() {
        use std::os::unix::fs::MetadataExt;
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("blobs")).unwrap();
        // What an end in the middle left is no obstacle.
        fs::create_dir(dir.path().join(ASIDE)).unwrap();
        fs::write(dir.path().join(ASIDE).join("db"), "half").unwrap();
        let paths = ["db", "conf", "blobs/17"].map(|name| dir.path().join(name));
        for path in &paths {
            fs::write(path, path.to_string_lossy().as_bytes()).unwrap();
        }
        let inodes = || paths.each_ref().map(|path| fs::metadata(path).unwrap().ino());
        let held: Vec<File> = paths.iter().map(|path| File::open(path).unwrap()).collect();
        let before = inodes();
        files(dir.path()).unwrap();
        assert!(before.iter().zip(inodes()).all(|(before, after)| *before != after));
        for path in &paths {
            assert_eq!(fs::read(path).unwrap(), path.to_string_lossy().as_bytes());
        }
        assert!(!dir.path().join(ASIDE).exists());
        drop(held);
    }
}
