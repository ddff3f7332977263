//! Files in WebAssembly: the functions of `wasi:filesystem` themselves.

use std::io;

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{Descriptor, DescriptorFlags, DescriptorType, ErrorCode, OpenFlags, PathFlags};

use super::Identity;

#[derive(Debug)]
pub(super) struct File(Descriptor);

impl File {
    pub(super) fn open(path: &str, write: bool) -> io::Result<Self> {
        let (directory, rest) = locate(path)?;
        let (create, access) = if write {
            (OpenFlags::CREATE, DescriptorFlags::READ | DescriptorFlags::WRITE)
        } else {
            (OpenFlags::empty(), DescriptorFlags::READ)
        };
        directory.open_at(PathFlags::SYMLINK_FOLLOW, &rest, create, access).map(Self).map_err(error)
    }

    pub(super) fn is_directory(&self) -> io::Result<bool> {
        Ok(self.0.get_type().map_err(error)? == DescriptorType::Directory)
    }

    pub(super) fn read_at(&self, offset: u64, max: usize) -> io::Result<Vec<u8>> {
        let (bytes, _) = self.0.read(max as u64, offset).map_err(error)?;
        Ok(bytes)
    }

    pub(super) fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let written = self.0.write(bytes, offset).map_err(error)?;
        Ok(usize::try_from(written).unwrap_or(usize::MAX))
    }

    pub(super) fn size(&self) -> io::Result<u64> {
        Ok(self.0.stat().map_err(error)?.size)
    }

    pub(super) fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_size(size).map_err(error)
    }

    pub(super) fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data().map_err(error)
    }

    pub(super) fn identity(&self) -> io::Result<Identity> {
        let hash = self.0.metadata_hash().map_err(error)?;
        Ok(Identity(hash.lower, hash.upper))
    }
}

pub(super) fn identity_of(path: &str) -> io::Result<Identity> {
    let (directory, rest) = locate(path)?;
    let hash = directory.metadata_hash_at(PathFlags::SYMLINK_FOLLOW, &rest).map_err(error)?;
    Ok(Identity(hash.lower, hash.upper))
}

/// The granted directory that holds `path`, and the path in it. Asked anew each time: it is asked rarely, and a
/// directory that was replaced must not stay open.
fn locate(path: &str) -> io::Result<(Descriptor, String)> {
    let mut best: Option<(Descriptor, String)> = None;
    for (directory, name) in get_directories() {
        let Some(rest) = inside(&name, path) else { continue };
        if best.as_ref().is_none_or(|(_, shortest)| rest.len() < shortest.len()) {
            best = Some((directory, rest.to_owned()));
        }
    }
    best.ok_or_else(|| {
        io::Error::new(io::ErrorKind::PermissionDenied, "the configuration grants no directory that holds this path")
    })
}

/// `path` as seen from `directory`, when it lies in it.
fn inside<'a>(directory: &str, path: &'a str) -> Option<&'a str> {
    let directory = directory.trim_start_matches("./").trim_end_matches('/');
    let path = path.trim_start_matches("./");
    let rest = match directory {
        // The root, or the current directory.
        "" | "." => path,
        _ => path.strip_prefix(directory).filter(|rest| rest.is_empty() || rest.starts_with('/'))?,
    };
    let rest = rest.trim_start_matches('/');
    Some(if rest.is_empty() { "." } else { rest })
}

fn error(code: ErrorCode) -> io::Error {
    let kind = match code {
        ErrorCode::NoEntry => io::ErrorKind::NotFound,
        ErrorCode::Access | ErrorCode::NotPermitted => io::ErrorKind::PermissionDenied,
        ErrorCode::IsDirectory => io::ErrorKind::IsADirectory,
        ErrorCode::NotDirectory => io::ErrorKind::NotADirectory,
        ErrorCode::Exist => io::ErrorKind::AlreadyExists,
        ErrorCode::InsufficientSpace => io::ErrorKind::StorageFull,
        ErrorCode::Quota => io::ErrorKind::QuotaExceeded,
        ErrorCode::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
        ErrorCode::FileTooLarge => io::ErrorKind::FileTooLarge,
        ErrorCode::Interrupted => io::ErrorKind::Interrupted,
        ErrorCode::Busy | ErrorCode::TextFileBusy => io::ErrorKind::ResourceBusy,
        ErrorCode::Unsupported => io::ErrorKind::Unsupported,
        ErrorCode::Invalid => io::ErrorKind::InvalidInput,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, code.message().to_owned())
}
