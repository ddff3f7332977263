//! What a guest does with a descriptor: judged here where it names something, and carried out by wasmtime-wasi.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, ErrorCode, Filesize, HostDescriptor, MetadataHashValue,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsResult, ReaddirIterator};

use super::{Place, View, reading, refused};

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
        let asked = path.clone();
        let answer: FsResult<Resource<Descriptor>> = async {
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
        .await;
        self.told("open", &asked, answer)
    }

    async fn stat_at(&mut self, fd: Resource<Descriptor>, follow: PathFlags, path: String) -> FsResult<DescriptorStat> {
        let asked = path.clone();
        let answer: FsResult<DescriptorStat> = async {
            match self.place(&fd, path)? {
                Place::Plain(fd, path) => self.inner.stat_at(fd, follow, path).await,
                Place::Entry(fd, path) => self.inner.stat_at(fd, PathFlags::empty(), path).await,
                Place::Itself(_) => self.inner.stat(fd).await,
            }
        }
        .await;
        self.told("stat", &asked, answer)
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let asked = path.clone();
        let answer: FsResult<MetadataHashValue> = async {
            match self.place(&fd, path)? {
                Place::Plain(fd, path) => self.inner.metadata_hash_at(fd, follow, path).await,
                Place::Entry(fd, path) => self.inner.metadata_hash_at(fd, PathFlags::empty(), path).await,
                Place::Itself(_) => self.inner.metadata_hash(fd).await,
            }
        }
        .await;
        self.told("stat", &asked, answer)
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        follow: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        let asked = path.clone();
        let answer: FsResult<()> = async {
            match self.place(&fd, path)? {
                Place::Plain(fd, path) => self.inner.set_times_at(fd, follow, path, accessed, modified).await,
                Place::Entry(fd, path) => {
                    self.inner.set_times_at(fd, PathFlags::empty(), path, accessed, modified).await
                }
                Place::Itself(_) => refused(),
            }
        }
        .await;
        self.told("set the times of", &asked, answer)
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let asked = path.clone();
        let answer: FsResult<()> = async {
            let (fd, path) = self.place_of_entry(&fd, path)?;
            self.inner.create_directory_at(fd, path).await
        }
        .await;
        self.told("create the directory", &asked, answer)
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let asked = path.clone();
        let answer: FsResult<()> = async {
            let (fd, path) = self.place_of_entry(&fd, path)?;
            self.inner.remove_directory_at(fd, path).await
        }
        .await;
        self.told("remove the directory", &asked, answer)
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        let asked = path.clone();
        let answer: FsResult<()> = async {
            let (fd, path) = self.place_of_entry(&fd, path)?;
            self.inner.unlink_file_at(fd, path).await
        }
        .await;
        self.told("remove", &asked, answer)
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        let asked = path.clone();
        let answer: FsResult<String> = async {
            let (fd, path) = self.place_of_entry(&fd, path)?;
            self.inner.readlink_at(fd, path).await
        }
        .await;
        self.told("read the link", &asked, answer)
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        old: String,
        new_fd: Resource<Descriptor>,
        new: String,
    ) -> FsResult<()> {
        let asked = format!("{old} to {new}");
        let answer: FsResult<()> = async {
            self.whole(&fd)?;
            self.whole(&new_fd)?;
            self.inner.rename_at(fd, old, new_fd, new).await
        }
        .await;
        self.told("rename", &asked, answer)
    }

    async fn link_at(
        &mut self,
        _: Resource<Descriptor>,
        _: PathFlags,
        old: String,
        _: Resource<Descriptor>,
        new: String,
    ) -> FsResult<()> {
        self.told("link", &format!("{old} to {new}"), refused())
    }

    async fn symlink_at(&mut self, _: Resource<Descriptor>, old: String, new: String) -> FsResult<()> {
        self.told("link", &format!("{new} to {old}"), refused())
    }

    // What works on a directory as a whole.

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<ReaddirIterator>> {
        let whole = self.whole(&fd);
        self.told("list", ".", whole)?;
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
        let file = match self.inner.table.get(&fd)? {
            Descriptor::File(file) => Arc::clone(&file.file),
            Descriptor::Dir(_) => return Err(ErrorCode::BadDescriptor.into()),
        };
        let bytes = reading::read(file, len, at).await?;
        let ended = bytes.is_empty();
        Ok((bytes, ended))
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
