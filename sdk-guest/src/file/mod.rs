//! Files at full speed.
//!
//! `std::fs` works in a connector, but each of its reads and writes passes through a stream: three calls to the host
//! and one more copy for every 64 KiB. [`File`] reads and writes at positions with one call each, tells whether a path
//! still names the same file, and behaves the same natively, for unit tests.
//!
//! A connector can open only what a configuration key of a [file or path type](crate::ValueType) names.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasi;

#[cfg(not(target_family = "wasm"))]
use native as system;
#[cfg(target_family = "wasm")]
use wasi as system;

use std::io;

/// What makes a file this one rather than another of the same name. Two open files, or an open file and a path, are
/// the same file when these are equal. It means nothing once the file is closed: a new file may get it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity(u64, u64);

/// An open file.
#[derive(Debug)]
pub struct File(system::File);

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    /// `NotFound`; `PermissionDenied`, also where no configuration key grants the path; `IsADirectory`.
    pub fn open(path: &str) -> io::Result<Self> {
        system::File::open(path, false).and_then(Self::checked)
    }

    /// Opens a file for reading and writing, and creates it where it is missing; what is in it stays. The directory
    /// must exist.
    ///
    /// # Errors
    /// `NotFound` where the directory is missing; `PermissionDenied`; `IsADirectory`.
    pub fn open_or_create(path: &str) -> io::Result<Self> {
        system::File::open(path, true).and_then(Self::checked)
    }

    fn checked(file: system::File) -> io::Result<Self> {
        if file.is_directory()? {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(Self(file))
    }

    /// Reads up to `max` bytes at `offset`: fewer where the host gives fewer at once (1 MiB at most, and what its
    /// cache holds rather than what must be waited for) or the file ends, none only at the end.
    ///
    /// # Errors
    /// When the host cannot read.
    pub fn read_at(&self, offset: u64, max: usize) -> io::Result<Vec<u8>> {
        self.0.read_at(offset, max)
    }

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// When the host cannot write; some of the bytes may be written then.
    pub fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            // The host copies a call's bytes before it writes them: bound what it must hold.
            let piece = bytes.get(..1024 * 1024).unwrap_or(bytes);
            let written = self.0.write_at(piece, offset)?;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero));
            }
            bytes = bytes.get(written..).unwrap_or_default();
            offset += written as u64;
        }
        Ok(())
    }

    /// How many bytes the file has.
    ///
    /// # Errors
    /// When the host cannot say.
    pub fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    /// Cuts the file, or lengthens it with zeros.
    ///
    /// # Errors
    /// When the host cannot.
    pub fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_size(size)
    }

    /// Returns once what was written is on the disk.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    /// Which file this is.
    ///
    /// # Errors
    /// When the host cannot say.
    pub fn identity(&self) -> io::Result<Identity> {
        self.0.identity()
    }
}

/// Which file `path` names now.
///
/// # Errors
/// `NotFound`; `PermissionDenied`.
pub fn identity_of(path: &str) -> io::Result<Identity> {
    system::identity_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_at_a_position_is_read_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f").to_str().unwrap().to_owned();
        assert_eq!(File::open(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let file = File::open_or_create(&path).unwrap();
        file.write_all_at(b"hello world", 0).unwrap();
        file.write_all_at(b"W", 6).unwrap();
        file.sync_data().unwrap();
        assert_eq!(file.read_at(6, 100).unwrap(), b"World");
        assert_eq!(file.read_at(11, 100).unwrap(), b"");
        file.set_size(5).unwrap();
        assert_eq!(File::open(&path).unwrap().size().unwrap(), 5);
    }

    #[test]
    fn a_replaced_file_has_another_identity() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f").to_str().unwrap().to_owned();
        let first = File::open_or_create(&path).unwrap();
        assert_eq!(identity_of(&path).unwrap(), first.identity().unwrap());
        std::fs::rename(&path, dir.path().join("old")).unwrap();
        File::open_or_create(&path).unwrap();
        assert_ne!(identity_of(&path).unwrap(), first.identity().unwrap());
    }

    #[test]
    fn a_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(File::open(dir.path().to_str().unwrap()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
