//! One worker for each data directory.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use rustix::fs::{FlockOperation, flock};

/// Held by the worker that owns a data directory; the lock goes with the process, however it ends.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held for the lock on it")] File);

/// Takes `<data>/lock`, or says which process has it.
pub(crate) fn take(data: &Path) -> anyhow::Result<Lock> {
    let path = data.join("lock");
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.with_context(|| format!("open `{}`", path.display()))?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(error).with_context(|| format!("lock `{}`", path.display()));
        }
        let mut owner = String::new();
        file.read_to_string(&mut owner).with_context(|| format!("read `{}`", path.display()))?;
        let owner = owner.trim();
        let owner = if owner.is_empty() { "another process".to_owned() } else { format!("process {owner}") };
        bail!(
            "{owner} already runs a worker on `{}`: stop it, or name another directory with --data-dir",
            data.display()
        );
    }
    sign(&mut file).with_context(|| format!("write `{}`", path.display()))?;
    Ok(Lock(file))
}

fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    writeln!(file, "{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_worker_on_one_directory_is_told_who_has_it() {
        let data = tempfile::tempdir().unwrap();
        let first = take(data.path()).unwrap();
        let refusal = take(data.path()).unwrap_err().to_string();
        assert!(refusal.starts_with(&format!("process {} already runs a worker", std::process::id())), "{refusal}");
        drop(first);
        take(data.path()).unwrap();
    }
}
