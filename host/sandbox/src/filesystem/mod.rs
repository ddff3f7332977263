//! `wasi:filesystem`, narrowed to what was granted.
//!
//! WASI grants directories, configurations name files. A directory of which only single entries are granted is shown to
//! the guest as a *restricted* descriptor: every operation that takes a name must name such an entry, and is then
//! carried out by wasmtime-wasi on the entry's own directory, following no links. The entry's directory is a descriptor
//! that only this module knows. Listing a restricted directory, renaming in it and linking into it are refused.
//!
//! In a directory that is granted as a whole, wasmtime-wasi's confinement holds; links cannot be made there, so that no
//! later grant is led astray by one, and only regular files and directories can be opened, so that no guest holds a
//! thread of the host with a pipe that nobody writes to.

mod descriptor;
mod reading;

use std::collections::HashMap;

use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, DescriptorType, DirectoryEntry, ErrorCode, HostDescriptor, HostDirectoryEntryStream, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult, ReaddirIterator};
use wasmtime_wasi::{FsPerms, OpenMode};

use crate::capability::{EntryGrant, Grant, Scope};
use crate::denials::Denials;

/// What one instance was granted.
#[derive(Default)]
pub(crate) struct Granted {
    directories: Vec<Directory>,
    /// Descriptors, by their number in the table, that stand for a restricted directory.
    restricted: HashMap<u32, usize>,
}

enum Directory {
    Whole { guest_path: String, dir: Dir },
    Restricted { guest_path: String, dir: Dir, entries: Vec<Entry> },
}

struct Entry {
    name: String,
    host_name: String,
    dir: Dir,
    /// The number of `dir` in the table, once it is there.
    hidden: Option<u32>,
}

fn dir(file: std::fs::File, perms: FsPerms) -> Dir {
    let open_mode = match perms {
        FsPerms::ReadOnly => OpenMode::READ,
        FsPerms::ReadWrite => OpenMode::READ | OpenMode::WRITE,
    };
    // The last argument: file operations go to the blocking threads. One that hangs must not hold a thread that guests
    // compute on, and must be waited for in a future that a timeout can drop.
    Dir::new(file, perms, open_mode, false)
}

impl Granted {
    pub(crate) fn new(grants: Vec<Grant>) -> Self {
        let directories = grants.into_iter().filter_map(|Grant { guest_path, scope }| match scope {
            Scope::Whole { dir: file, perms } => Some(Directory::Whole { guest_path, dir: dir(file, perms) }),
            Scope::Entries(grants) => {
                let entries: Vec<Entry> = grants.into_iter().map(Entry::new).collect();
                // Stands for the directory itself where the guest asks for its metadata or syncs it.
                let dir = entries.first()?.dir.clone();
                Some(Directory::Restricted { guest_path, dir, entries })
            }
        });
        Self { directories: directories.collect(), restricted: HashMap::new() }
    }
}

impl Entry {
    fn new(grant: EntryGrant) -> Self {
        let EntryGrant { name, dir: file, host_name, perms } = grant;
        Self { name, host_name, dir: dir(file, perms), hidden: None }
    }
}

/// Where a name in a directory leads.
enum Place {
    /// The directory is granted as a whole.
    Plain(Resource<Descriptor>, String),
    /// A granted entry of a restricted directory.
    Entry(Resource<Descriptor>, String),
    /// The restricted directory itself.
    Itself(usize),
}

/// The names of [`wasmtime::component::bindgen!`] for where the implementation is found.
pub(crate) struct GrantedFilesystem;

impl HasData for GrantedFilesystem {
    type Data<'a> = View<'a>;
}

/// What the host functions work on.
pub(crate) struct View<'a> {
    pub(crate) inner: WasiFilesystemCtxView<'a>,
    pub(crate) granted: &'a mut Granted,
    pub(crate) denials: Denials<'a>,
}

fn refused<T>() -> FsResult<T> {
    Err(ErrorCode::NotPermitted.into())
}

fn again(fd: &Resource<Descriptor>) -> Resource<Descriptor> {
    Resource::new_borrow(fd.rep())
}

impl View<'_> {
    /// Passes an answer on, and tells the audit where it is that something is not permitted.
    fn told<T>(&self, what: &str, path: &str, answer: FsResult<T>) -> FsResult<T> {
        answer.inspect_err(|error| {
            if matches!(error.downcast_ref(), Some(ErrorCode::NotPermitted)) {
                self.denials.path(what, path);
            }
        })
    }

    fn restricted(&self, fd: &Resource<Descriptor>) -> Option<usize> {
        self.granted.restricted.get(&fd.rep()).copied()
    }

    fn place(&mut self, fd: &Resource<Descriptor>, path: String) -> FsResult<Place> {
        let Some(index) = self.restricted(fd) else { return Ok(Place::Plain(again(fd), path)) };
        let mut name = path.as_str();
        while let Some(rest) = name.strip_prefix("./") {
            name = rest.trim_start_matches('/');
        }
        if name.is_empty() || name == "." {
            return Ok(Place::Itself(index));
        }
        let Some(Directory::Restricted { entries, .. }) = self.granted.directories.get_mut(index) else {
            return refused();
        };
        let Some(entry) = entries.iter_mut().find(|entry| entry.name == name) else { return refused() };
        let hidden = match entry.hidden {
            Some(hidden) => hidden,
            None => self.inner.table.push(Descriptor::Dir(entry.dir.clone()))?.rep(),
        };
        entry.hidden = Some(hidden);
        Ok(Place::Entry(Resource::new_borrow(hidden), entry.host_name.clone()))
    }

    /// The place of something that is made, changed or removed: not the restricted directory itself.
    fn place_of_entry(&mut self, fd: &Resource<Descriptor>, path: String) -> FsResult<(Resource<Descriptor>, String)> {
        match self.place(fd, path)? {
            Place::Plain(fd, path) | Place::Entry(fd, path) => Ok((fd, path)),
            Place::Itself(_) => refused(),
        }
    }

    fn whole(&self, fd: &Resource<Descriptor>) -> FsResult<()> {
        if self.restricted(fd).is_some() { refused() } else { Ok(()) }
    }

    /// Refuses what is neither a file nor a directory, and links where none are followed.
    async fn check_type(&mut self, fd: &Resource<Descriptor>, follow: PathFlags, path: &str) -> FsResult<()> {
        match self.inner.stat_at(again(fd), follow, path.to_owned()).await {
            Ok(stat) if matches!(stat.type_, DescriptorType::RegularFile | DescriptorType::Directory) => Ok(()),
            Ok(stat) if stat.type_ == DescriptorType::SymbolicLink => Err(ErrorCode::Loop.into()),
            Ok(_) => refused(),
            // It does not exist, or opening it will give the same error.
            Err(error) => match error.downcast_ref() {
                Some(_) => Ok(()),
                None => Err(error),
            },
        }
    }
}

impl preopens::Host for View<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut all = Vec::with_capacity(self.granted.directories.len());
        for (index, directory) in self.granted.directories.iter().enumerate() {
            let (guest_path, dir, restricted) = match directory {
                Directory::Whole { guest_path, dir } => (guest_path, dir, false),
                Directory::Restricted { guest_path, dir, .. } => (guest_path, dir, true),
            };
            let fd = self.inner.table.push(Descriptor::Dir(dir.clone()))?;
            if restricted {
                self.granted.restricted.insert(fd.rep(), index);
            }
            all.push((fd, guest_path.clone()));
        }
        Ok(all)
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        types::Host::convert_error_code(&mut self.inner, error)
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        types::Host::filesystem_error_code(&mut self.inner, error)
    }
}

impl HostDirectoryEntryStream for View<'_> {
    async fn read_directory_entry(&mut self, stream: Resource<ReaddirIterator>) -> FsResult<Option<DirectoryEntry>> {
        self.inner.read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<ReaddirIterator>) -> wasmtime::Result<()> {
        HostDirectoryEntryStream::drop(&mut self.inner, stream)
    }
}
