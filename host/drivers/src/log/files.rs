//! What the log asks of the file system, with errors that name the file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;

use crate::driver::DriverError;

/// An I/O error and what was being done to which file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {}", path.display(), explain(source))]
pub(crate) struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::StorageFull => "the disk is full: free space, or let retention delete old rows".to_owned(),
        io::ErrorKind::QuotaExceeded => {
            "the disk quota is used up: free space, or let retention delete old rows".to_owned()
        }
        io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only: mount it for writing again".to_owned(),
        _ if error.raw_os_error() == Some(Errno::IO.raw_os_error()) => {
            "the disk fails (input/output error): see what the system's log says of it".to_owned()
        }
        _ => error.to_string(),
    }
}

impl FileError {
    /// Whether it lasts until somebody frees space or mounts the disk for writing, whoever asks and however often.
    fn is_lasting(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
        matches!(self.source.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
    }
}

impl From<FileError> for DriverError {
    fn from(error: FileError) -> Self {
        if error.is_lasting() { Self::Unavailable(error.to_string()) } else { Self::Retriable(error.to_string()) }
    }
}

/// Adds to an I/O error what was being done to which file.
pub(crate) trait Doing<T> {
    /// `action` completes "cannot … <file>".
    fn doing(self, action: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|source| FileError { action, path: path.to_owned(), source })
    }
}

impl<T> Doing<T> for Result<T, Errno> {
    fn doing(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(io::Error::from).doing(action, path)
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), FileError> {
    File::open(dir).and_then(|dir| dir.sync_all()).doing("sync directory", dir)
}

/// Creates a directory, and makes its name durable. That it is there already is fine.
pub(crate) fn create_dir(dir: &Path) -> Result<(), FileError> {
    match fs::create_dir(dir) {
        Ok(()) => dir.parent().map_or(Ok(()), sync_dir),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error).doing("create directory", dir),
    }
}

/// Replaces a file as a whole: whoever reads it, also after a crash, finds the old content or the new.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    let temporary = path.with_extension("tmp");
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()
    };
    if let Err(error) = write().doing("write", &temporary) {
        // On a full disk what is half written is better gone; that it cannot be removed changes nothing.
        fs::remove_file(&temporary).ok();
        return Err(error);
    }
    wharf_faults::hit("log.replace").doing("replace", path)?;
    fs::rename(&temporary, path).doing("replace", path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Removes what a crash left of [`replace`] in a directory. Only tidies up: where it fails, the files stay.
pub(crate) fn tidy(dir: &Path) {
    for path in entries(dir).unwrap_or_default() {
        if path.extension().is_some_and(|extension| extension == "tmp")
            && let Err(error) = remove(&path)
        {
            tracing::debug!(%error, "a file that was never finished stays");
        }
    }
}

/// Opens for reading and writing, creating the file where it is missing.
pub(crate) fn open_rw(path: &Path) -> Result<File, FileError> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).doing("open", path)
}

/// Removes a file; that it is gone already is fine.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).doing("delete", path),
        _ => Ok(()),
    }
}

/// The entries of a directory, sorted; none where it does not exist.
pub(crate) fn entries(dir: &Path) -> Result<Vec<PathBuf>, FileError> {
    let listing = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.doing("list", dir)?,
    };
    let paths: io::Result<Vec<PathBuf>> = listing.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.doing("list", dir)?;
    paths.sort();
    Ok(paths)
}

/// Writes all slices at `offset`, in as few calls as the system allows. The slices are used up.
pub(crate) fn write_at(file: &File, mut slices: &mut [IoSlice<'_>], mut offset: u64) -> io::Result<()> {
    /// Linux takes no more at once.
    const MOST: usize = 1024;
    while !slices.is_empty() {
        let now = slices.get(..MOST).unwrap_or(slices);
        match rustix::io::pwritev(file, now, offset) {
            Ok(0) if now.iter().any(|slice| !slice.is_empty()) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut slices, written);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads up to `len` bytes at `offset` into `buffer` behind its first `filled` bytes, which grows where it must. Returns
/// how many bytes are filled then: fewer than asked for only at the end of the file.
pub(crate) fn read_at(file: &File, buffer: &mut Vec<u8>, filled: usize, len: usize, offset: u64) -> io::Result<usize> {
    let goal = filled + len;
    if buffer.len() < goal {
        buffer.resize(goal, 0);
    }
    let mut done = filled;
    while let Some(room) = buffer.get_mut(done..goal).filter(|room| !room.is_empty()) {
        match file.read_at(room, offset + (done - filled) as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Reserves room for a file up to `len` without changing its length, so that it is not scattered over the disk. Only a
/// hint: where it fails, the write says so, if it matters.
pub(crate) fn preallocate(file: &File, from: u64, len: u64) {
    if let Err(error) = rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, len) {
        tracing::debug!(%error, "no room reserved ahead");
    }
}

/// Holds a directory for this process; it is free again when the file is dropped, or after [`unlock`].
///
/// Waits a little: who closed the log just now may have a thread that is not quite done with it.
pub(crate) fn lock_dir(dir: &Path) -> Result<File, DriverError> {
    const TRIES: u32 = 100;
    let path = dir.join("lock");
    let file = open_rw(&path).map_err(|error| DriverError::Fatal(error.to_string()))?;
    for _ in 0..TRIES {
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(5)),
            Err(error) => return Err(DriverError::Fatal(format!("cannot lock {}: {error}", path.display()))),
        }
    }
    Err(DriverError::Fatal(format!(
        "the log in {} is in use, perhaps by another process: stop it, or choose another directory",
        dir.display()
    )))
}

/// Gives a directory back while the file is still open.
pub(crate) fn unlock(held: &File) {
    if let Err(error) = rustix::fs::flock(held, FlockOperation::Unlock) {
        tracing::warn!(%error, "the log is not unlocked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_slices_are_written_whole_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let file = open_rw(&path).unwrap();
        let parts: Vec<Vec<u8>> = (0..3000_u32).map(|i| i.to_le_bytes()[..(i % 5) as usize].to_vec()).collect();
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        write_at(&file, &mut slices, 7).unwrap();
        assert_eq!(&fs::read(&path).unwrap()[7..], parts.concat());

        let mut buffer = Vec::new();
        assert_eq!(read_at(&file, &mut buffer, 0, 100, 7).unwrap(), 100);
        let filled = read_at(&file, &mut buffer, 100, 1 << 20, 107).unwrap();
        buffer.truncate(filled);
        assert_eq!(buffer, parts.concat());
    }

    #[test]
    fn a_directory_is_held_by_one_process_only() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock_dir(dir.path()).unwrap();
        assert!(lock_dir(dir.path()).unwrap_err().to_string().contains("is in use"));
        drop(held);
        lock_dir(dir.path()).unwrap();
    }
}
