//! Files outside WebAssembly, for unit tests.

use std::fs;
use std::io;

use super::Identity;

#[derive(Debug)]
pub(super) struct File(fs::File);

impl File {
    pub(super) fn open(path: &str, write: bool) -> io::Result<Self> {
        fs::OpenOptions::new().read(true).write(write).create(write).truncate(false).open(path).map(Self)
    }

    pub(super) fn is_directory(&self) -> io::Result<bool> {
        Ok(self.0.metadata()?.is_dir())
    }

    pub(super) fn read_at(&self, offset: u64, max: usize) -> io::Result<Vec<u8>> {
        // As little as the host gives at once, so that tests meet the same seams.
        let mut bytes = vec![0; max.min(64 * 1024)];
        let read = position::read_at(&self.0, &mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        position::write_at(&self.0, bytes, offset)
    }

    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    pub(super) fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    pub(super) fn identity(&self) -> io::Result<Identity> {
        position::identity(&self.0.metadata()?)
    }
}

pub(super) fn identity_of(path: &str) -> io::Result<Identity> {
    position::identity(&fs::metadata(path)?)
}

#[cfg(unix)]
mod position {
    use std::os::unix::fs::{FileExt, MetadataExt};

    use super::{Identity, fs, io};

    pub(super) fn read_at(file: &fs::File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(bytes, offset)
    }

    pub(super) fn write_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    pub(super) fn identity(metadata: &fs::Metadata) -> io::Result<Identity> {
        Ok(Identity(metadata.dev(), metadata.ino()))
    }
}

#[cfg(windows)]
mod position {
    use std::os::windows::fs::{FileExt, MetadataExt};

    use super::{Identity, fs, io};

    pub(super) fn read_at(file: &fs::File, bytes: &mut [u8], offset: u64) -> io::Result<usize> {
        file.seek_read(bytes, offset)
    }

    pub(super) fn write_at(file: &fs::File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.seek_write(bytes, offset)
    }

    /// Stable Rust shows no file index on Windows: the time of creation stands in for it in tests.
    pub(super) fn identity(metadata: &fs::Metadata) -> io::Result<Identity> {
        Ok(Identity(metadata.creation_time(), 0))
    }
}
