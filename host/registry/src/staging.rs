//! Putting a file into the plugins directory whole or not at all, and taking one out. Everything here blocks.
//!
//! A file is written in `<plugins>/.staging`, which only this user may enter, synced, and renamed to its place; then the
//! directory is synced. Links are never followed on the way: a link at the place is replaced, not what it leads to.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::scan::signature_path;

const DIR: &str = ".staging";

/// Makes the staging directory, or checks that it is ours, and removes what a crash left in it.
fn staging(plugins: &Path) -> io::Result<PathBuf> {
    let dir = plugins.join(DIR);
    match DirBuilder::new().mode(0o700).create(&dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let metadata = fs::symlink_metadata(&dir)?;
    if !metadata.is_dir() || metadata.uid() != rustix::process::geteuid().as_raw() {
        let message = format!("{} is no directory of this user: remove it", dir.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    if metadata.mode() & 0o077 != 0 {
        fs::set_permissions(&dir, Permissions::from_mode(0o700))?;
    }
    Ok(dir)
}

/// Removes what a crash left half written.
pub(crate) fn tidy(plugins: &Path) -> io::Result<()> {
    match fs::symlink_metadata(plugins.join(DIR)) {
        Ok(metadata) if metadata.is_dir() => {
            for entry in fs::read_dir(plugins.join(DIR))? {
                fs::remove_file(entry?.path())?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Writes `name`.wasm, and its signature or none, into the plugins directory. Only one at a time may do so.
pub(crate) fn place(plugins: &Path, file: &str, bytes: &[u8], signature: Option<&str>) -> io::Result<()> {
    let dir = staging(plugins)?;
    let (aside, target) = (dir.join(file), plugins.join(file));
    let (aside_signature, target_signature) = (signature_path(&aside), signature_path(&target));
    let placed = (|| {
        write(&aside, bytes)?;
        match signature {
            Some(text) => {
                write(&aside_signature, text.as_bytes())?;
                // First the signature: between the two renames the file is refused rather than taken for unsigned.
                fs::rename(&aside_signature, &target_signature)?;
            }
            None => remove(&target_signature)?,
        }
        fs::rename(&aside, &target)?;
        File::open(plugins)?.sync_all()
    })();
    if placed.is_err() {
        // Best effort: what failed is reported already.
        drop(remove(&aside).and(remove(&aside_signature)));
    }
    placed
}

/// Writes the signature of a file that is there.
pub(crate) fn place_signature(plugins: &Path, file: &str, text: &str) -> io::Result<()> {
    let aside = signature_path(&staging(plugins)?.join(file));
    write(&aside, text.as_bytes())?;
    fs::rename(&aside, signature_path(&plugins.join(file)))?;
    File::open(plugins)?.sync_all()
}

/// Removes files and their signatures. What is gone already is no error.
pub(crate) fn take_out(plugins: &Path, files: &[PathBuf]) -> io::Result<()> {
    for path in files {
        remove(path)?;
        remove(&signature_path(path))?;
    }
    File::open(plugins)?.sync_all()
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    remove(path)?;
    // Never what somebody else put there in the meantime.
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut file = OpenOptions::new().write(true).create_new(true).custom_flags(no_follow).mode(0o644).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_placed_with_its_signature_and_replaced_without() {
        let dir = tempfile::tempdir().unwrap();
        place(dir.path(), "a.wasm", b"one", Some("signed")).unwrap();
        let text = |name: &str| fs::read_to_string(dir.path().join(name)).ok();
        assert_eq!((text("a.wasm").as_deref(), text("a.wasm.minisig").as_deref()), (Some("one"), Some("signed")));
        place(dir.path(), "a.wasm", b"two", None).unwrap();
        assert_eq!((text("a.wasm").as_deref(), text("a.wasm.minisig")), (Some("two"), None));
        assert_eq!(fs::read_dir(dir.path().join(DIR)).unwrap().count(), 0);
        assert_eq!(fs::metadata(dir.path().join(DIR)).unwrap().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_link_at_the_place_is_replaced_and_what_it_leads_to_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let plugins = dir.path().join("plugins");
        fs::create_dir(&plugins).unwrap();
        fs::write(dir.path().join("victim"), "precious").unwrap();
        symlink(dir.path().join("victim"), plugins.join("a.wasm")).unwrap();
        symlink(dir.path().join("victim"), plugins.join("a.wasm.minisig")).unwrap();
        place(&plugins, "a.wasm", b"new", Some("signed")).unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("victim")).unwrap(), "precious");
        assert!(fs::symlink_metadata(plugins.join("a.wasm")).unwrap().is_file());
    }

    #[test]
    fn a_staging_directory_that_leads_elsewhere_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (plugins, elsewhere) = (dir.path().join("plugins"), dir.path().join("elsewhere"));
        fs::create_dir(&plugins).unwrap();
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, plugins.join(DIR)).unwrap();
        assert_eq!(place(&plugins, "a.wasm", b"x", None).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        tidy(&plugins).unwrap();
        assert_eq!(fs::read_dir(elsewhere).unwrap().count(), 0);
    }

    #[test]
    fn what_a_crash_left_in_the_staging_directory_goes() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join(DIR)).unwrap();
        fs::write(dir.path().join(DIR).join("half.wasm"), "x").unwrap();
        tidy(dir.path()).unwrap();
        assert_eq!(fs::read_dir(dir.path().join(DIR)).unwrap().count(), 0);
    }
}
