//! A file that is followed: waited for, read to its end, truncated, replaced.

use std::io;
use std::time::{Duration, Instant};

use wharf_sdk::file::{self, File, Identity};
use wharf_sdk::{BatchBuilder, Failure};

use crate::lines::{Cut, Lines};

/// Bytes asked for at once: many enough to make the call cheap, few enough to stay in a processor's cache.
const BLOCK: usize = 256 * 1024;

/// How long a replaced file must be quiet before the new one is read: whoever writes the old one may take a while to
/// notice. Tests need not wait.
const GRACE: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(1) };

/// What [`Tail::read`] came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The batch takes no more.
    Full,
    /// There is nothing more now.
    Quiet,
    /// Something changed: look again at once.
    Again,
}

/// A followed file.
#[derive(Debug)]
pub(crate) struct Tail {
    path: String,
    open: Option<Open>,
    lines: Lines,
    /// The place after the last line that was handed out.
    position: u64,
    /// The log says once that the file is missing, not at every look.
    told: bool,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: Identity,
    /// Since when the path names another file and this one is quiet.
    replaced: Option<Instant>,
}

impl Tail {
    pub(crate) fn new(path: &str, position: u64, max_line: usize) -> Self {
        Self { path: path.to_owned(), open: None, lines: Lines::new(max_line), position, told: false }
    }

    /// The place after the last line that was handed out.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Opens the file where it is not open. Answers whether it is; a file that does not exist is no error.
    pub(crate) fn open(&mut self) -> io::Result<bool> {
        if self.open.is_some() {
            return Ok(true);
        }
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !self.told {
                    log::info!("waiting for {} to be created", self.path);
                    self.told = true;
                }
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        let identity = file.identity()?;
        log::debug!("reading {} from byte {}", self.path, self.position);
        self.open = Some(Open { file, identity, replaced: None });
        self.told = false;
        Ok(true)
    }

    /// Puts whole lines into `batch` until it is full or the file has no more.
    ///
    /// # Errors
    /// Outside what ends the task, inside what the file answered.
    pub(crate) fn read(&mut self, batch: &mut BatchBuilder) -> Result<io::Result<Turn>, Failure> {
        match self.open() {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(Turn::Quiet)),
            Err(error) => return Ok(Err(error)),
        }
        loop {
            let (cut, taken) = self.lines.cut(batch).map_err(|failure| self.located(failure))?;
            self.position += taken;
            if cut == Cut::Full {
                return Ok(Ok(Turn::Full));
            }
            let Some(open) = &mut self.open else { return Ok(Ok(Turn::Quiet)) };
            match open.file.read_at(self.position + self.lines.pending() as u64, BLOCK) {
                Ok(block) if block.is_empty() => return Ok(self.at_end(batch)),
                Ok(block) => {
                    open.replaced = None;
                    self.lines.feed(block);
                }
                // Rows that were pushed already are not lost: the error comes again at the next poll.
                Err(_) if batch.rows() > 0 => return Ok(Ok(Turn::Quiet)),
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// At the end of the file: was it truncated or replaced?
    fn at_end(&mut self, batch: &mut BatchBuilder) -> io::Result<Turn> {
        // Rows first; the file is looked at when it has been quiet for a whole turn.
        let Some(open) = &mut self.open else { return Ok(Turn::Quiet) };
        if batch.rows() > 0 {
            return Ok(Turn::Quiet);
        }
        let size = open.file.size()?;
        if size < self.position + self.lines.pending() as u64 {
            if size < self.position {
                log::warn!(
                    "{} was truncated from {} to {size} bytes: reading from the start",
                    self.path,
                    self.position
                );
                self.position = 0;
            }
            self.lines.clear();
            return Ok(Turn::Again);
        }
        match file::identity_of(&self.path) {
            Ok(identity) if identity == open.identity => open.replaced = None,
            // Removed, or moved with nothing in its place yet: whoever has it open may still write.
            Err(error) if error.kind() == io::ErrorKind::NotFound => open.replaced = None,
            Ok(_) => match open.replaced {
                Some(since) if since.elapsed() >= GRACE => return Ok(self.switch(batch)),
                Some(_) => {}
                None => open.replaced = Some(Instant::now()),
            },
            Err(error) => return Err(error),
        }
        Ok(Turn::Quiet)
    }

    /// Goes on to the file that the path names now. A last line of the old one that never got its end is a line.
    fn switch(&mut self, batch: &mut BatchBuilder) -> Turn {
        self.lines.end(batch);
        log::info!("{} was replaced: reading the new file from the start", self.path);
        self.open = None;
        self.position = 0;
        Turn::Again
    }

    fn located(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Fatal(reason) => Failure::Fatal(format!("{} after byte {}: {reason}", self.path, self.position)),
            other => other,
        }
    }
}
