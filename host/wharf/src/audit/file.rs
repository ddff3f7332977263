//! A file of lines that does not grow without end.
//!
//! `audit.log` is the newest; at 10 MiB it becomes `audit.log.1`, that `audit.log.2`, and so on; the fifth is the last.
//! Lines are handed to the operating system one by one and not synced: a power failure may take the last ones.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file of this size is put aside.
const MAX_BYTES: u64 = 10 << 20;
/// Files in all.
const FILES: u32 = 5;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Rotating {
    path: PathBuf,
    max_bytes: u64,
    /// The file and its length; `None`: to be opened with the next line.
    open: Option<(File, u64)>,
}

impl Rotating {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, max_bytes: MAX_BYTES, open: None }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line, which ends with a line feed. After an error it is not there, not even in part, as far as the disk
    /// lets that be undone.
    pub(super) fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let (mut file, mut length) = match self.open.take() {
            Some(open) => open,
            None => self.reopen()?,
        };
        if length > 0 && length + line.len() as u64 > self.max_bytes {
            drop(file);
            self.rotate()?;
            (file, length) = self.reopen()?;
        }
        if let Err(error) = file.write_all(line) {
            // A part of a line must not stand before the next one.
            file.set_len(length).ok();
            return Err(error);
        }
        self.open = Some((file, length + line.len() as u64));
        Ok(())
    }

    fn reopen(&self) -> io::Result<(File, u64)> {
        // Only for the worker's own user: it tells what connectors do.
        let mut file = OpenOptions::new().create(true).read(true).append(true).mode(0o600).open(&self.path)?;
        let length = file.metadata()?.len();
        if length == 0 {
            return Ok((file, 0));
        }
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        if last == *b"\n" {
            return Ok((file, length));
        }
        // A crash cut the last line short: what follows begins a new one.
        file.write_all(b"\n")?;
        Ok((file, length + 1))
    }

    fn rotate(&self) -> io::Result<()> {
        for number in (1..FILES).rev() {
            let from = if number == 1 { self.path.clone() } else { self.aside(number - 1) };
            match fs::rename(from, self.aside(number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    fn aside(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        name.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rotating(folder: &Path) -> Rotating {
        Rotating { max_bytes: 10, ..Rotating::new(folder.join("a")) }
    }

    fn read(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap_or_default()
    }

    #[test]
    fn full_files_are_put_aside_and_the_oldest_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = rotating(folder.path());
        for line in 0..14 {
            file.append(format!("{line:04}\n").as_bytes()).unwrap();
        }
        let all: Vec<_> = ["a", "a.1", "a.2", "a.3", "a.4", "a.5"].map(|name| read(folder.path(), name)).into();
        assert_eq!(
            all,
            ["0012\n0013\n", "0010\n0011\n", "0008\n0009\n", "0006\n0007\n", "0004\n0005\n", ""],
            "five files, two lines each"
        );
    }

    #[test]
    fn a_line_longer_than_a_file_still_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = rotating(folder.path());
        file.append(b"short\n").unwrap();
        file.append(b"longer than ten bytes\n").unwrap();
        assert_eq!(
            (read(folder.path(), "a"), read(folder.path(), "a.1")),
            ("longer than ten bytes\n".into(), "short\n".into())
        );
    }

    #[test]
    fn a_file_goes_on_where_it_was_left_also_after_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "torn").unwrap();
        rotating(folder.path()).append(b"x\n").unwrap();
        rotating(folder.path()).append(b"y\n").unwrap();
        assert_eq!(read(folder.path(), "a"), "torn\nx\ny\n");
    }
}
