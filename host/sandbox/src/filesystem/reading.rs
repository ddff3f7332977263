//! Reading from a file: as much at once as makes the way to the guest and back cheap.
//!
//! wasmtime-wasi gives 64 KiB a call and sends each to another thread and back, which costs more than the reading does
//! when the file is in the page cache, as it is when it is read from front to back. Here what is in the cache is read
//! at once, and only what must come from a device goes to a thread that may block.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use rustix::io::{Errno, ReadWriteFlags, preadv2};

/// The most that one call brings, in bytes.
const MOST: usize = 1024 * 1024;

/// Reads up to `len` bytes at `at`; fewer where less is in the cache or the file ends, none only at the end.
pub(super) async fn read(file: Arc<File>, len: u64, at: u64) -> io::Result<Vec<u8>> {
    if i64::try_from(at).is_err() {
        // -1 would mean "wherever the last read ended".
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(MOST).min(MOST)];
    if let Some(read) = cached(&file, &mut bytes, at)? {
        bytes.truncate(read);
        return Ok(bytes);
    }
    let reading = tokio::task::spawn_blocking(move || {
        let read = loop {
            match file.read_at(&mut bytes, at) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        bytes.truncate(read);
        Ok(bytes)
    });
    reading.await.map_err(io::Error::other)?
}

/// Reads what can be had without waiting for a device; `None`: it cannot be known without waiting.
fn cached(file: &File, bytes: &mut [u8], at: u64) -> io::Result<Option<usize>> {
    loop {
        match preadv2(file, &mut [IoSliceMut::new(bytes)], at, ReadWriteFlags::NOWAIT) {
            Ok(read) => return Ok(Some(read)),
            // Not in the cache, or a file system that cannot tell.
            Err(Errno::AGAIN | Errno::OPNOTSUPP | Errno::NOSYS) => return Ok(None),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_from_any_place_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let file = Arc::new(File::open(&path).unwrap());
        let mut seen = Vec::new();
        loop {
            let more = read(Arc::clone(&file), u64::MAX, seen.len() as u64).await.unwrap();
            assert!(more.len() <= MOST);
            if more.is_empty() {
                break;
            }
            seen.extend(more);
        }
        assert!(seen == content);
        assert_eq!(read(Arc::clone(&file), 10, 1 << 40).await.unwrap(), b"");
        assert_eq!(read(file, 10, u64::MAX).await.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Arc::new(File::open(dir.path()).unwrap());
        assert_eq!(read(folder, 10, 0).await.unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
