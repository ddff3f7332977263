//! Small disks.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Something that is mounted, until this value is dropped. Declare it before the worker that uses it: it goes last.
pub(crate) struct Mount {
    at: PathBuf,
    _dir: Option<TempDir>,
}

impl Mount {
    /// A disk in memory of so many MiB; `None` where mounting is not permitted, which is said.
    pub(crate) fn tmpfs(mib: u32) -> Option<Self> {
        let dir = TempDir::with_prefix("wharf-disk-").unwrap();
        let at = dir.path().to_owned();
        Self::tmpfs_at(&at, mib).map(|mount| Self { at: mount.into_path(), _dir: Some(dir) })
    }

    /// As `tmpfs`, at a directory that is there.
    pub(crate) fn tmpfs_at(at: &Path, mib: u32) -> Option<Self> {
        Self::new(&["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"], at)
    }

    /// `mount <arguments> <at>`
    pub(crate) fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        match said(Command::new("mount").args(arguments).arg(at)) {
            Ok(()) => Some(Self { at: at.to_owned(), _dir: None }),
            Err(why) => {
                skipped(&format!("nothing can be mounted here: {why}"));
                None
            }
        }
    }

    fn into_path(self) -> PathBuf {
        // The new owner unmounts it.
        std::mem::ManuallyDrop::new(self).at.clone()
    }

    pub(crate) fn path(&self) -> &Path {
        &self.at
    }

    /// `mount -o remount,<options>`
    #[track_caller]
    pub(crate) fn remount(&self, options: &str) {
        said(Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.at)).unwrap();
    }

    fn ballast(&self) -> PathBuf {
        self.at.join("ballast")
    }

    /// Leaves no byte free.
    pub(crate) fn fill(&self) {
        let mut ballast = File::create(self.ballast()).unwrap();
        let full = |error: io::Error| assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        // First in large steps, then whatever is left.
        for step in [1 << 20, 1 << 12, 1] {
            let block = vec![0; step];
            while ballast.write_all(&block).map_err(full).is_ok() {}
        }
        // As a disk in memory does not, others hand out what is reserved only now.
        ballast.sync_all().ok();
    }

    /// Gives back what `fill` took.
    pub(crate) fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Lazily: a worker that was killed may still hold files.
        if let Err(why) = said(Command::new("umount").arg("-l").arg(&self.at)) {
            writeln!(io::stderr(), "cannot unmount {}: {why}", self.at.display()).ok();
        }
    }
}

/// Runs a command that must succeed.
pub(crate) fn said(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// Says that the test at hand proves nothing here. Past the test harness, which would keep it for itself.
pub(crate) fn skipped(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    writeln!(io::stderr(), "SKIPPED {name}: {why}").ok();
}
