//! Opening the database, and refusing what cannot be opened.

use std::fs::DirBuilder;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::database::Database;
use super::durable::Durable;
use super::{leftovers, marker, value};
use crate::store::StoreError;

/// sled's cache, in bytes. Everything Wharf keeps here is small; what does not fit is read from the file.
const CACHE: u64 = 8 << 20;

/// How long a worker that is just ending may keep the lock.
const PATIENCE: Duration = Duration::from_millis(500);

/// In the tree of our own: that the layout (trees, keys) is the one of this version.
const LAYOUT: &[u8] = b"layout";

/// Opens or makes the database in `dir`. Blocks.
pub(super) fn open(dir: &Path) -> Result<(Database, Durable), StoreError> {
    let shown = dir.display().to_string();
    let failed = |error: io::Error| super::trouble::failed("opening", dir, &error);
    make_dir(dir).map_err(failed)?;
    // Before sled touches anything.
    let known = marker::read(dir).map_err(failed)?.transpose().map_err(|why| damaged(&shown, &why))?;
    let db = open_sled(dir, known.is_some())?;
    let database = Database::new(dir, db).map_err(|error| refused(dir, &error))?;
    check_layout(&database, dir, known.is_some())?;
    let (generation, count) = database.last()?;
    if let Some(known) = known.filter(|known| *known > generation) {
        return Err(damaged(&shown, &format!("of its {known} changes only {generation} can be found")));
    }
    let found = database.count()?;
    if found != count {
        return Err(damaged(&shown, &format!("of its {count} values {found} can be found")));
    }
    database.flush()?;
    let durable = Durable::new(dir).map_err(failed)?;
    if known != Some(generation) {
        durable.mark(generation)?;
    }
    Ok((database, durable))
}

/// The error for a store that cannot be read as a whole.
pub(super) fn damaged(dir: &str, why: &str) -> StoreError {
    StoreError::Unreadable(format!(
        "cannot read the store in {dir}: {why}; put back a backup of that directory, or move it away to begin with an \
         empty store, without the connectors and source offsets that it held"
    ))
}

fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    // Configurations may hold secrets.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// `known`: there is a marker.
fn open_sled(dir: &Path, known: bool) -> Result<sled::Db, StoreError> {
    // We flush each change ourselves, so sled's own timer would only wake the process up.
    let config = sled::Config::new().path(dir).cache_capacity(CACHE).flush_every_ms(None);
    let since = Instant::now();
    loop {
        leftovers::remove(dir, known).map_err(|error| super::trouble::failed("opening", dir, &error))?;
        match config.open() {
            Ok(db) => return Ok(db),
            Err(error) if is_locked(&error) && since.elapsed() < PATIENCE => {
                std::thread::sleep(PATIENCE / 20);
            }
            Err(error) => return Err(refused(dir, &error)),
        }
    }
}

/// Whether somebody else has the database open. The version of sled is pinned, and so is this text; a test says so.
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().starts_with("could not acquire lock"))
}

fn refused(dir: &Path, error: &sled::Error) -> StoreError {
    let shown = dir.display();
    match error {
        error if is_locked(error) => StoreError::Locked(format!(
            "the store in {shown} is in use by another wharf process; stop that one, or choose another data directory"
        )),
        sled::Error::Io(error) => super::trouble::failed("opening", dir, error),
        error => damaged(&shown.to_string(), &error.to_string()),
    }
}

/// `known`: there is a marker, and it is only ever written after the layout.
fn check_layout(database: &Database, dir: &Path, known: bool) -> Result<(), StoreError> {
    let own = database.own();
    let shown = dir.display().to_string();
    match own.get(LAYOUT).map_err(|error| refused(dir, &error))? {
        Some(bytes) => {
            value::decode(&bytes).map(drop).map_err(|why| damaged(&shown, &format!("its layout cannot be read: {why}")))
        }
        None if known => Err(damaged(&shown, "what it held is not there any more")),
        None => own.insert(LAYOUT, value::encode(0, b"")).map(drop).map_err(|error| refused(dir, &error)),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::{Bucket, Change, Condition};

    fn fill(dir: &Path) {
        let (database, mut durable) = open(dir).unwrap();
        for n in 0..400 {
            let key = format!("key-{n}");
            let value = Some(vec![b'v'; 100]);
            let change = Change { bucket: Bucket::Offsets, key, condition: Condition::Any, value };
            database.change(&[change], &mut Vec::new()).unwrap();
        }
        durable.make(&database).unwrap();
        durable.mark(400).unwrap();
    }

    fn refusal(dir: &Path) -> String {
        match open(dir) {
            Err(StoreError::Unreadable(why)) => why,
            Err(other) => panic!("refused with {other:?}"),
            Ok(_) => panic!("opened"),
        }
    }

    #[test]
    fn a_store_whose_database_is_gone_is_not_taken_for_a_new_one() {
        // The marker of a worker that was killed early tells of no change at all.
        for marked in [0, 400] {
            let dir = tempfile::tempdir().unwrap();
            fill(dir.path());
            marker::write(dir.path(), marked).unwrap();
            for entry in fs::read_dir(dir.path()).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name();
                if name == "db" || name.to_string_lossy().starts_with("snap.") {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
            let why = refusal(dir.path());
            assert!(why.contains(&dir.path().display().to_string()) && why.contains("put back a backup"), "{why}");
        }
    }

    #[test]
    fn damage_that_sled_takes_for_the_end_of_its_log_is_refused_again_and_again() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        let db = dir.path().join("db");
        let mut bytes = fs::read(&db).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].iter_mut().for_each(|byte| *byte ^= 0x5a);
        fs::write(&db, bytes).unwrap();
        for _ in 0..2 {
            let why = refusal(dir.path());
            assert!(why.contains("of its 400 changes only"), "{why}");
        }
    }

    #[test]
    fn a_value_that_is_missing_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        let db = open_sled(dir.path(), true).unwrap();
        db.open_tree("offsets").unwrap().remove("key-7").unwrap();
        drop(db);
        assert!(refusal(dir.path()).contains("of its 400 values 399 can be found"));
    }

    #[test]
    fn a_store_of_another_version_of_sled_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        let mut text = b"segment_size: 524288\nuse_compression: false\nversion: 0.99\n".to_vec();
        text.extend_from_slice(&[0; 4]);
        fs::write(dir.path().join("conf"), text).unwrap();
        assert!(refusal(dir.path()).contains("version"), "names what is wrong");
    }

    #[test]
    fn a_store_with_a_later_layout_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        {
            let (database, mut durable) = open(dir.path()).unwrap();
            database.own().insert(LAYOUT, vec![2, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
            durable.make(&database).unwrap();
        }
        assert!(refusal(dir.path()).contains("format 2"));
    }

    #[test]
    fn a_value_with_a_later_format_is_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let db = open_sled(dir.path(), true).unwrap();
        db.open_tree("offsets").unwrap().insert("who", vec![9; 20]).unwrap();
        let database = Database::new(dir.path(), db).unwrap();
        for result in [database.get(Bucket::Offsets, "who").map(drop), database.list(Bucket::Offsets, "").map(drop)] {
            let Err(StoreError::Unreadable(why)) = result else { panic!("was read") };
            assert!(why.contains("`who`") && why.contains("format 9"), "{why}");
        }
    }

    #[test]
    fn opening_again_after_a_crash_before_the_marker_was_written_works() {
        let dir = tempfile::tempdir().unwrap();
        fill(dir.path());
        fs::remove_file(dir.path().join("wharf-store")).unwrap();
        let (database, _durable) = open(dir.path()).unwrap();
        assert!(database.get(Bucket::Offsets, "key-99").unwrap().is_some());
        assert_eq!(marker::read(dir.path()).unwrap(), Some(Ok(400)));
    }
}
