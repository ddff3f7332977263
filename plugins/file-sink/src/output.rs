//! The file that is appended to.

use std::io;

use wharf_sdk::file::{self, File, Identity};

/// Bytes looked at in one step when the last line end is searched.
const STEP: u64 = 64 * 1024;

/// An open output file that ends with a whole line.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    identity: Identity,
}

impl Output {
    /// Opens the file, creates it where it is missing, and cuts a torn last line: what a crash left of a row that will
    /// be put again.
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        let file = File::open_or_create(path)?;
        let size = file.size()?;
        let whole = whole_lines(&file, size)?;
        if whole < size {
            log::warn!("{path} ended in the middle of a line: its last {} bytes are cut", size - whole);
            file.set_size(whole)?;
        }
        let identity = file.identity()?;
        Ok(Self { file, identity })
    }

    /// Appends all of `bytes`, or nothing.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        // Asked each time: the file may have been emptied by whoever rotates it.
        let size = self.file.size()?;
        self.file.write_all_at(bytes, size).inspect_err(|_| {
            if let Err(error) = self.file.set_size(size) {
                log::warn!("a part of a write could not be taken back: {error}");
            }
        })
    }

    /// Returns once all is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Where the path names another file now, or none, goes on with that one.
    pub(crate) fn follow(&mut self, path: &str) -> io::Result<()> {
        match file::identity_of(path) {
            Ok(identity) if identity == self.identity => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        log::info!("{path} was moved away: going on with a new one");
        *self = Self::open(path)?;
        Ok(())
    }
}

/// How many bytes of the file are whole lines: up to and with the last line end.
fn whole_lines(file: &File, size: u64) -> io::Result<u64> {
    let mut end = size;
    while end > 0 {
        let begin = end.saturating_sub(STEP);
        let block = read_exactly(file, begin, (end - begin) as usize)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

fn read_exactly(file: &File, offset: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let more = file.read_at(offset + bytes.len() as u64, len - bytes.len())?;
        if more.is_empty() {
            break;
        }
        bytes.extend_from_slice(&more);
    }
    Ok(bytes)
}
