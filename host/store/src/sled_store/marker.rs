//! A file beside the database that says how far the database had come.
//!
//! Where sled finds something in its files that it cannot read, it takes that for the end of the log, or for the
//! beginning of a new one, and goes on without a word: connectors would vanish and sources read everything again. The
//! marker is how that is noticed. It is written when the store is closed, when it is opened, and every thousand
//! changes in between, always after those were made durable; so a database that is behind its marker was damaged.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::durable::sync_dir;

const NAME: &str = "wharf-store";
const HEAD: &str = "The store of a Wharf worker, format 1. Its last change when this was written: ";

/// The generation that the database had at least; `None` when there was no store. Otherwise what is wrong.
pub(super) fn read(dir: &Path) -> io::Result<Option<Result<u64, String>>> {
    let text = match fs::read_to_string(dir.join(NAME)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let generation = text.strip_prefix(HEAD).and_then(|rest| rest.trim_end().parse().ok());
    Ok(Some(generation.ok_or_else(|| format!("its file `{NAME}` is not one that this version of wharf has written"))))
}

/// Writes the marker, the old or the new one being there at any time.
pub(super) fn write(dir: &Path, generation: u64) -> io::Result<()> {
    let temporary = dir.join(format!("{NAME}.new"));
    let mut file = File::create(&temporary)?;
    file.write_all(format!("{HEAD}{generation}\n").as_bytes())?;
    file.sync_all()?;
    wharf_faults::hit("store.mark")?;
    fs::rename(&temporary, dir.join(NAME))?;
    sync_dir(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_read_back_and_a_foreign_one_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_none());
        write(dir.path(), 7).unwrap();
        write(dir.path(), 12).unwrap();
        assert_eq!(read(dir.path()).unwrap(), Some(Ok(12)));
        fs::write(dir.path().join(NAME), HEAD.replace("format 1", "format 2") + "12\n").unwrap();
        assert!(read(dir.path()).unwrap().unwrap().is_err());
    }
}
