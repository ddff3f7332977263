//! What lies in the directory: names, stamps and bytes of files. Everything here blocks.

use std::fmt::Write as _;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use wharf_core::plugin::LoadError;

use crate::signature;

/// A file that changed so short a time ago may change again without a new stamp: clocks of file systems are coarse.
const SETTLED_AFTER: Duration = Duration::from_secs(1);

/// By what a change of a file is noticed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    size: u64,
    inode: u64,
    modified: (i64, i64),
    /// Also moves when a file is replaced by one that keeps its times, and when its permissions change.
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether the last change is so long ago that a further one must show in the stamp.
    fn is_settled(&self, now: SystemTime) -> bool {
        let (seconds, nanos) = self.changed;
        let since_epoch = Duration::new(u64::try_from(seconds).unwrap_or(0), u32::try_from(nanos).unwrap_or(0));
        let changed = SystemTime::UNIX_EPOCH + since_epoch;
        // A change in the future is a clock gone wrong: waiting for it would mean reading the file at every look.
        now.duration_since(changed).map_or(true, |age| age > SETTLED_AFTER)
    }
}

/// The stamps of a `.wasm` and of the signature beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    wasm: Stamp,
    signature: Option<Stamp>,
}

/// A `.wasm` in the directory, and its stamps where they can be told.
pub(crate) type Found = (PathBuf, Result<Stamps, LoadError>);

/// Where the signature of a file stands.
pub(crate) fn signature_path(wasm: &Path) -> PathBuf {
    let mut path = wasm.as_os_str().to_owned();
    path.push(".");
    path.push(signature::SUFFIX);
    path.into()
}

/// All `.wasm` files in `dir`, by name. Links are followed; folders and other files are left out.
pub(crate) fn scan(dir: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => {
                let signature = fs::metadata(signature_path(&path)).ok().map(|metadata| Stamp::of(&metadata));
                found.push((path, Ok(Stamps { wasm: Stamp::of(&metadata), signature })));
            }
            Ok(_) => {}
            // Gone since the directory was read; a link that leads nowhere is still there.
            Err(_) if fs::symlink_metadata(&path).is_err() => {}
            Err(error) => {
                let error = unreadable(&error);
                found.push((path, Err(error)));
            }
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// A file as it was read.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) stamps: Stamps,
    /// Whether another change would show in the stamp. Where not, the file is to be read again at the next look.
    pub(crate) settled: bool,
    pub(crate) sha256: String,
    /// The text of the signature beside it, or why it cannot be read; `None`: there is none.
    pub(crate) signature: Option<Result<String, String>>,
    pub(crate) bytes: Bytes,
}

impl Content {
    /// When the bytes were written last, in seconds and nanoseconds since 1970.
    pub(crate) fn modified(&self) -> (i64, i64) {
        self.stamps.wasm.modified
    }
}

/// Reads a file of at most `max` bytes, and its signature.
pub(crate) fn read(path: &Path, max: u64) -> Result<Content, LoadError> {
    let unreadable = |error: io::Error| unreadable(&error);
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let stamp = Stamp::of(&metadata);
    if stamp.size > max {
        return Err(too_large(stamp.size, max));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0));
    // It may grow while it is read.
    file.by_ref().take(max.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max {
        return Err(too_large(bytes.len() as u64, max));
    }
    let (signed, signature) = read_signature(&signature_path(path));
    let after = Stamp::of(&file.metadata().map_err(unreadable)?);
    let now = SystemTime::now();
    let settled = after == stamp && stamp.is_settled(now) && signed.is_none_or(|signed| signed.is_settled(now));
    let stamps = Stamps { wasm: stamp, signature: signed };
    Ok(Content { stamps, settled, sha256: sha256(&bytes), signature, bytes: bytes.into() })
}

/// The stamp and the text of a signature. What is there and cannot be read is not taken for none.
fn read_signature(path: &Path) -> (Option<Stamp>, Option<Result<String, String>>) {
    let read = || {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > signature::MAX_BYTES {
            return Err(io::Error::other("it is no file, or too large for a signature"));
        }
        let mut text = String::new();
        file.take(signature::MAX_BYTES).read_to_string(&mut text)?;
        Ok((Stamp::of(&metadata), text))
    };
    match read() {
        Ok((stamp, text)) => (Some(stamp), Some(Ok(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
        Err(error) => {
            let stamp = fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata));
            (stamp, Some(Err(format!("the signature cannot be read: {error}"))))
        }
    }
}

/// In lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(digest.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        if write!(text, "{byte:02x}").is_err() {
            text.clear();
        }
        text
    })
}

fn unreadable(error: &io::Error) -> LoadError {
    let message = format!("the file cannot be read ({error}): give the worker's user the right to, or remove it");
    LoadError { code: "UNREADABLE", message }
}

pub(crate) fn too_large(size: u64, max: u64) -> LoadError {
    let message = format!("the file has {size} bytes and a plugin may have {max}: strip it, or build it for release");
    LoadError { code: "TOO_LARGE", message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_sha_256_in_lower_case() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.wasm");
        fs::write(&path, "abc").expect("written");
        let content = read(&path, 3).expect("read");
        assert_eq!(content.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(!content.settled, "it was written just now");
        assert_eq!(read(&path, 2).expect_err("refused").code, "TOO_LARGE");
    }

    #[test]
    fn a_file_settles_a_second_after_its_last_change() {
        let stamp = Stamp { size: 1, inode: 1, modified: (100, 0), changed: (100, 5) };
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_millis(seconds);
        assert!(!stamp.is_settled(at(100_900)));
        assert!(stamp.is_settled(at(101_100)));
        assert!(stamp.is_settled(at(90_000)), "a clock gone wrong must not make it be read for ever");
    }

    #[test]
    fn only_wasm_files_are_found_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().expect("a directory");
        for name in ["b.wasm", "a.wasm", "notes.txt", "c.wasm.part", "wasm"] {
            fs::write(dir.path().join(name), "x").expect("written");
        }
        fs::create_dir(dir.path().join("folder.wasm")).expect("made");
        std::os::unix::fs::symlink(dir.path().join("notes.txt"), dir.path().join("link.wasm")).expect("linked");
        std::os::unix::fs::symlink(dir.path().join("nowhere"), dir.path().join("void.wasm")).expect("linked");
        let found = scan(dir.path()).expect("scanned");
        let names: Vec<_> = found.iter().map(|(path, _)| path.file_name().expect("a name").to_owned()).collect();
        assert_eq!(names, ["a.wasm", "b.wasm", "link.wasm", "void.wasm"]);
        assert_eq!(found[3].1.as_ref().expect_err("leads nowhere").code, "UNREADABLE");
    }
}
