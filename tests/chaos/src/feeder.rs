//! Appends numbered lines to a file while everything else happens.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wharf_integration::lines;

/// Lines in one piece; between two pieces the file rests for [`PAUSE`]. A worker would read a file that is there as a
/// whole in less than a second, and most kills would hit nothing.
const PIECE: u64 = 500;
const PAUSE: Duration = Duration::from_millis(3);

/// A thread that appends the lines `0, 1, 2, …` as far as it is allowed to. It ends with this value.
#[derive(Debug)]
pub struct Feeder {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    allowed: AtomicU64,
    written: AtomicU64,
    done: AtomicBool,
}

impl Feeder {
    /// Begins the file, and waits to be allowed more than nothing.
    pub fn start(path: &Path) -> Self {
        let shared = Arc::new(Shared::default());
        let (path, known) = (path.to_owned(), Arc::clone(&shared));
        let thread = Some(thread::spawn(move || feed(path, &known)));
        Self { shared, thread }
    }

    /// Lets it go on until there are `lines` in all.
    pub fn allow(&self, lines: u64) {
        self.shared.allowed.fetch_max(lines, Ordering::AcqRel);
    }

    /// How many lines there are.
    pub fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Acquire)
    }

    /// Whether it has written all that it may.
    pub fn rests(&self) -> bool {
        self.written() >= self.shared.allowed.load(Ordering::Acquire)
    }

    /// Ends it where it is, and says how many lines there are.
    #[track_caller]
    pub fn stop(mut self) -> u64 {
        self.shared.done.store(true, Ordering::Release);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => panic!("cannot write the lines: {error}"),
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            Some(Ok(Ok(()))) | None => self.written(),
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.shared.done.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // Whoever wants to know how it ended calls `stop`.
            drop(thread.join());
        }
    }
}

fn feed(path: PathBuf, shared: &Shared) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    while !shared.done.load(Ordering::Acquire) {
        let written = shared.written.load(Ordering::Acquire);
        let upto = shared.allowed.load(Ordering::Acquire).min(written + PIECE);
        if upto > written {
            let text = lines::text(written..upto);
            // A reader finds a line that is not whole yet.
            let (first, second) = text.split_at_checked(text.len() / 2 + 7).unwrap_or((&text, ""));
            file.write_all(first.as_bytes())?;
            file.write_all(second.as_bytes())?;
            shared.written.store(upto, Ordering::Release);
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}
