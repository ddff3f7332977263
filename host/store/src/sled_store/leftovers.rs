//! What a process that was killed while it opened the database has left, and sled would take for damage.
//!
//! sled writes its snapshot aside, to `snap.<n>.generating`, syncs it, and renames it. But at the next start it takes the
//! one with the longest name for the newest, and a half written one for a damaged store: a kill within those few
//! milliseconds would make it unreadable for good. Without that file nothing is missing: the snapshot before is removed
//! only after the rename, and what follows it is in the log. `conf` is written in place, the text first and its checksum
//! after that; it is the first file of a new store, and where it is not whole there is nothing else yet.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Removes it, unless another process has the database open. `known`: the store was open before.
pub(super) fn remove(dir: &Path, known: bool) -> io::Result<()> {
    // As sled locks it, for as long as this takes.
    let _lock = match File::open(dir.join("db")) {
        Ok(db) => match db.try_lock() {
            Ok(()) => Some(db),
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "generating") {
            tracing::warn!(file = %path.display(), "removed a snapshot of the store that was never finished");
            fs::remove_file(&path)?;
        }
    }
    let conf = dir.join("conf");
    // Whole, it ends with the checksum of a text that is always the same, and not with the end of a line.
    if !known && fs::read(&conf).is_ok_and(|text| text.ends_with(b"\n")) {
        fs::remove_file(&conf)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::open::open;
    use super::*;
    use crate::store::{Bucket, Change, Condition};

    fn change() -> Change {
        let value = Some(b"value".to_vec());
        Change { bucket: Bucket::Meta, key: "key".to_owned(), condition: Condition::Any, value }
    }

    #[test]
    fn a_snapshot_that_is_half_written_is_no_damage() {
        let dir = tempfile::tempdir().unwrap();
        {
            let (database, mut durable) = open(dir.path()).unwrap();
            database.change(&[change()], &mut Vec::new()).unwrap();
            durable.make(&database).unwrap();
        }
        // Opening after a change makes a snapshot.
        drop(open(dir.path()).unwrap());
        let names = || fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let snapshot = names().find(|name| name.starts_with("snap.")).unwrap();
        let whole = fs::read(dir.path().join(&snapshot)).unwrap();
        for half in [0, 5, whole.len() - 1, whole.len()] {
            for name in [snapshot.as_str(), "snap.0000000000FFFFFF"] {
                fs::write(dir.path().join(format!("{name}.generating")), &whole[..half]).unwrap();
                let (database, _durable) = open(dir.path()).unwrap();
                assert!(database.get(Bucket::Meta, "key").unwrap().is_some());
                assert!(names().all(|name| !name.ends_with("generating")), "{half} bytes of {name}");
            }
        }
    }

    #[test]
    fn a_new_store_whose_first_file_is_half_written_is_begun_again() {
        let whole = tempfile::tempdir().unwrap();
        drop(open(whole.path()).unwrap());
        let conf = fs::read(whole.path().join("conf")).unwrap();
        for half in [0, conf.len() - 4] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("conf"), &conf[..half]).unwrap();
            drop(open(dir.path()).unwrap());
            assert_eq!(fs::read(dir.path().join("conf")).unwrap(), conf);
        }
    }

    #[test]
    fn nothing_is_removed_under_a_process_that_has_it_open() {
        let dir = tempfile::tempdir().unwrap();
        let _open = open(dir.path()).unwrap();
        let file = dir.path().join("snap.00.generating");
        fs::write(&file, "being written").unwrap();
        remove(dir.path(), true).unwrap();
        assert!(file.exists());
    }
}
