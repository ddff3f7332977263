//! The compile cache: compiled components in a private directory.
//!
//! A file is named after the SHA-256 of the `.wasm` and a hash of everything that shapes compiled code (wasmtime's
//! version, its configuration, the processor). It begins with the SHA-256 of its name and of what follows, so that a file
//! that is damaged, or another's, is compiled anew rather than run. Files are written aside, synced and renamed.

use std::fs::{self, DirBuilder, File, Permissions};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::error::SandboxError;
use crate::trusted;

const SUFFIX: &str = "cwasm";
/// The suffix of a file that is being written.
const ASIDE: &str = "tmp";
const DIGEST_BYTES: usize = 32;

/// A directory with compiled components.
#[derive(Debug)]
pub(crate) struct Cache {
    dir: PathBuf,
    max_bytes: u64,
}

/// Makes the names of temporary files unique within this process, which may have several caches in one directory.
static COUNTER: AtomicU64 = AtomicU64::new(0);

impl Cache {
    /// Makes `dir` if need be, for this user alone.
    pub(crate) fn open(dir: &Path, max_bytes: u64) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Cache { path: dir.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let metadata = fs::metadata(dir).map_err(failed)?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(failed(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to another user")));
        }
        if metadata.mode() & 0o077 != 0 {
            fs::set_permissions(dir, Permissions::from_mode(0o700)).map_err(failed)?;
        }
        let cache = Self { dir: dir.to_owned(), max_bytes };
        cache.tidy().map_err(failed)?;
        Ok(cache)
    }

    /// Removes what a crash left half written. No other process writes here: the worker holds its data directory. This one
    /// may, through another cache in the same directory.
    fn tidy(&self) -> io::Result<()> {
        let own = format!(".{}-", std::process::id());
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let (path, name) = (entry.path(), entry.file_name());
            let is_own = name.as_encoded_bytes().starts_with(own.as_bytes());
            if !is_own && path.extension().is_some_and(|extension| extension == ASIDE) {
                tracing::debug!(path = %path.display(), "remove a compiled plugin that is not whole");
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// The component compiled from the `.wasm` with this digest, if it is here and sound.
    pub(crate) fn get(&self, engine: &Engine, sha256: &str) -> Option<Component> {
        let path = self.path(engine, sha256);
        let artifact = match read(&path) {
            Ok(artifact) => artifact,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return self.discard(&path, &error),
        };
        match trusted::component(engine, &artifact) {
            Ok(component) => Some(component),
            Err(error) => self.discard(&path, &error),
        }
    }

    fn discard(&self, path: &Path, error: &dyn std::fmt::Display) -> Option<Component> {
        tracing::warn!(path = %path.display(), %error, "a compiled plugin in the cache is damaged; compiling it again");
        if let Err(error) = fs::remove_file(path) {
            tracing::debug!(path = %path.display(), %error, "remove a damaged compiled plugin");
        }
        None
    }

    /// Keeps `artifact`, and removes what was not used for longest while there is too much. A cache that cannot be
    /// written is slow, not broken: failures are logged.
    pub(crate) fn put(&self, engine: &Engine, sha256: &str, artifact: &[u8]) {
        let path = self.path(engine, sha256);
        if let Err(error) = self.write(&path, artifact).and_then(|()| self.trim(&path)) {
            tracing::warn!(path = %path.display(), %error, "keep a compiled plugin in the cache");
        }
    }

    fn write(&self, path: &Path, artifact: &[u8]) -> io::Result<()> {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let aside = self.dir.join(format!(".{}-{number}.{ASIDE}", std::process::id()));
        let written = (|| {
            let mut file = File::create(&aside)?;
            file.write_all(&digest(path, artifact))?;
            wharf_faults::hit("cache.write")?;
            file.write_all(artifact)?;
            file.sync_all()?;
            wharf_faults::hit("cache.rename")?;
            fs::rename(&aside, path)?;
            File::open(&self.dir)?.sync_all()
        })();
        if written.is_err() {
            // Best effort: what failed is reported already.
            drop(fs::remove_file(&aside));
        }
        written
    }

    fn trim(&self, keep: &Path) -> io::Result<()> {
        let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            if metadata.is_file() && path.extension().is_some_and(|extension| extension == SUFFIX) {
                files.push((metadata.modified()?, metadata.len(), path));
            }
        }
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, len, _)| len).sum();
        for (_, len, path) in files.iter().filter(|(_, _, path)| path != keep) {
            if bytes <= self.max_bytes {
                break;
            }
            fs::remove_file(path)?;
            bytes -= len;
        }
        Ok(())
    }

    fn path(&self, engine: &Engine, sha256: &str) -> PathBuf {
        let mut hasher = Sha256Hasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let environment = hasher.0.finalize();
        let short: String = environment.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.dir.join(format!("{sha256}-{short}.{SUFFIX}"))
    }
}

/// What says that `artifact` is whole, and the one that belongs at `path`.
fn digest(path: &Path, artifact: &[u8]) -> [u8; DIGEST_BYTES] {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    Sha256::new().chain_update(name).chain_update(artifact).finalize().into()
}

/// Reads an artifact, checks its digest, and marks the file as used now.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut said = [0; DIGEST_BYTES];
    file.read_exact(&mut said)?;
    let mut artifact = Vec::new();
    file.read_to_end(&mut artifact)?;
    if digest(path, &artifact) != said {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "its digest is wrong"));
    }
    if let Err(error) = file.set_modified(SystemTime::now()) {
        tracing::debug!(path = %path.display(), %error, "mark a compiled plugin as used");
    }
    Ok(artifact)
}

/// Hashes with SHA-256, which stays the same from one compiler to the next as the standard hasher does not.
struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |sum, &byte| (sum << 8) | u64::from(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn files(dir: &Path) -> Vec<PathBuf> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn what_was_put_is_there_for_the_same_wasm_only() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), crate::engine::start().unwrap());
        let cache = Cache::open(&dir.path().join("cache"), 1 << 20).unwrap();
        assert!(cache.get(&engine, "aa").is_none());
        cache.put(&engine, "aa", &engine.precompile_component(EMPTY).unwrap());
        assert!(cache.get(&engine, "aa").is_some());
        assert!(cache.get(&engine, "bb").is_none());
    }

    #[test]
    fn what_was_compiled_from_another_wasm_is_not_used_whatever_its_file_is_called() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), crate::engine::start().unwrap());
        let cache = Cache::open(dir.path(), 1 << 20).unwrap();
        cache.put(&engine, "aa", &engine.precompile_component(EMPTY).unwrap());
        fs::rename(cache.path(&engine, "aa"), cache.path(&engine, "bb")).unwrap();
        assert!(cache.get(&engine, "bb").is_none());
        assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_a_crash_left_half_written_goes_and_the_rest_stays() {
        let dir = tempfile::tempdir().unwrap();
        for name in [".1-0.tmp", "aa-bb.cwasm"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        Cache::open(dir.path(), 1 << 20).unwrap();
        assert_eq!(files(dir.path()), [dir.path().join("aa-bb.cwasm")]);
    }

    #[test]
    fn nobody_else_can_look_into_the_directory() {
        let dir = tempfile::tempdir().unwrap();
        let cache = dir.path().join("a/b");
        fs::create_dir_all(&cache).unwrap();
        fs::set_permissions(&cache, Permissions::from_mode(0o777)).unwrap();
        Cache::open(&cache, 1).unwrap();
        assert_eq!(fs::metadata(&cache).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_file_that_is_damaged_anywhere_is_not_used_and_goes_away() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), crate::engine::start().unwrap());
        let cache = Cache::open(dir.path(), 1 << 20).unwrap();
        let artifact = engine.precompile_component(EMPTY).unwrap();
        for position in [0, DIGEST_BYTES, DIGEST_BYTES + artifact.len() - 1] {
            cache.put(&engine, "aa", &artifact);
            let file = files(dir.path()).pop().unwrap();
            let mut bytes = fs::read(&file).unwrap();
            bytes[position] ^= 1;
            fs::write(&file, bytes).unwrap();
            assert!(cache.get(&engine, "aa").is_none(), "position {position}");
            assert!(files(dir.path()).is_empty());
        }
    }

    #[test]
    fn the_oldest_files_go_when_there_is_too_much() {
        let (dir, engine) = (tempfile::tempdir().unwrap(), crate::engine::start().unwrap());
        let cache = Cache::open(dir.path(), 2 * (100 + DIGEST_BYTES as u64)).unwrap();
        for (age, name) in [(3, "aa"), (2, "bb"), (1, "cc")] {
            cache.put(&engine, name, &[0; 100]);
            let file = File::options().append(true).open(cache.path(&engine, name)).unwrap();
            file.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
        }
        assert!(!cache.path(&engine, "aa").exists());
        assert!(cache.path(&engine, "bb").exists());
        assert!(cache.path(&engine, "cc").exists());
    }
}
