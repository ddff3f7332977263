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

use std::collections::HashMap;

use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, Dir, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize, HostDescriptor,
    HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult, ReaddirIterator};
use wasmtime_wasi::{FsPerms, OpenMode};

use crate::capability::{EntryGrant, Grant, Scope};

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
}

fn refused<T>() -> FsResult<T> {
    Err(ErrorCode::NotPermitted.into())
}

fn again(fd: &Resource<Descriptor>) -> Resource<Descriptor> {
    Resource::new_borrow(fd.rep())
}

impl View<'_> {
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

impl HostDescriptor for View<'_> {
    // What takes a name.

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        match self.place(&fd, path)? {
            Place::Plain(fd, path) => {
                self.check_type(&fd, follow, &path).await?;
                self.inner.open_at(fd, follow, path, open, flags).await
            }
            Place::Entry(fd, path) => {
                self.check_type(&fd, PathFlags::empty(), &path).await?;
                self.inner.open_at(fd, PathFlags::empty(), path, open, flags).await
            }
            Place::Itself(index) => {
                let opened = self.inner.open_at(fd, PathFlags::empty(), ".".into(), open, flags).await?;
                self.granted.restricted.insert(opened.rep(), index);
                Ok(opened)
            }
        }
    }

    async fn stat_at(&mut self, fd: Resource<Descriptor>, follow: PathFlags, path: String) -> FsResult<DescriptorStat> {
        match self.place(&fd, path)? {
            Place::Plain(fd, path) => self.inner.stat_at(fd, follow, path).await,
            Place::Entry(fd, path) => self.inner.stat_at(fd, PathFlags::empty(), path).await,
            Place::Itself(_) => self.inner.stat(fd).await,
        }
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        match self.place(&fd, path)? {
            Place::Plain(fd, path) => self.inner.metadata_hash_at(fd, follow, path).await,
            Place::Entry(fd, path) => self.inner.metadata_hash_at(fd, PathFlags::empty(), path).await,
            Place::Itself(_) => self.inner.metadata_hash(fd).await,
        }
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        match self.place(&fd, path)? {
            Place::Plain(fd, path) => self.inner.set_times_at(fd, follow, path, accessed, modified).await,
            Place::Entry(fd, path) => self.inner.set_times_at(fd, PathFlags::empty(), path, accessed, modified).await,
            Place::Itself(_) => refused(),
        }
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (fd, path) = self.place_of_entry(&fd, path)?;
        self.inner.create_directory_at(fd, path).await
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (fd, path) = self.place_of_entry(&fd, path)?;
        self.inner.remove_directory_at(fd, path).await
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let (fd, path) = self.place_of_entry(&fd, path)?;
        self.inner.unlink_file_at(fd, path).await
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let (fd, path) = self.place_of_entry(&fd, path)?;
        self.inner.readlink_at(fd, path).await
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old: String,
        new_fd: Resource<Descriptor>,
        new: String,
    ) -> FsResult<()> {
        self.whole(&fd)?;
        self.whole(&new_fd)?;
        self.inner.rename_at(fd, old, new_fd, new).await
    }

    async fn link_at(
        &mut self,
        _: Resource<Descriptor>,
        _: PathFlags,
        _: String,
        _: Resource<Descriptor>,
        _: String,
    ) -> FsResult<()> {
        refused()
    }

    async fn symlink_at(&mut self, _: Resource<Descriptor>, _: String, _: String) -> FsResult<()> {
        refused()
    }

    // What works on a directory as a whole.

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<ReaddirIterator>> {
        self.whole(&fd)?;
        self.inner.read_directory(fd).await
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.whole(&fd)?;
        self.inner.set_times(fd, accessed, modified).await
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.granted.restricted.remove(&fd.rep());
        HostDescriptor::drop(&mut self.inner, fd)
    }

    // What works on an open file, or changes nothing.

    fn read_via_stream(&mut self, fd: Resource<Descriptor>, at: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.inner.read_via_stream(fd, at)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, at: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.inner.write_via_stream(fd, at)
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        self.inner.append_via_stream(fd)
    }

    async fn advise(&mut self, fd: Resource<Descriptor>, at: Filesize, len: Filesize, advice: Advice) -> FsResult<()> {
        self.inner.advise(fd, at, len, advice).await
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.inner.sync_data(fd).await
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.inner.sync(fd).await
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        self.inner.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        self.inner.get_type(fd).await
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        self.inner.set_size(fd, size).await
    }

    async fn read(&mut self, fd: Resource<Descriptor>, len: Filesize, at: Filesize) -> FsResult<(Vec<u8>, bool)> {
        self.inner.read(fd, len, at).await
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, at: Filesize) -> FsResult<Filesize> {
        self.inner.write(fd, bytes, at).await
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.inner.stat(fd).await
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        self.inner.is_same_object(a, b).await
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        self.inner.metadata_hash(fd).await
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
