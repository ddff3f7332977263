//! One line that says how far it is: rewritten on a terminal, written now and then elsewhere.

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

use super::input::Input;

/// Millions of bytes.
pub(super) fn mb(bytes: u64) -> u64 {
    bytes / 1_000_000
}

/// The progress of the transfer, seen from its far end.
#[derive(Debug)]
pub(super) struct Progress {
    bytes: u64,
    /// Records in a byte, on average.
    density: f64,
    terminal: bool,
    begun: Instant,
    shown: Option<(Instant, u64)>,
}

impl Progress {
    pub(super) fn new(input: &Input) -> Self {
        Self {
            bytes: input.bytes,
            density: input.lines as f64 / input.bytes.max(1) as f64,
            terminal: stdout().is_terminal(),
            begun: Instant::now(),
            shown: None,
        }
    }

    /// `arrived`: bytes in the sink's file. What is shown is the rate since it was shown last.
    pub(super) fn show(&mut self, arrived: u64) {
        let every = Duration::from_millis(if self.terminal { 200 } else { 1000 });
        let (last, before) = self.shown.unwrap_or((self.begun, 0));
        let seconds = last.elapsed();
        if seconds < every {
            return;
        }
        self.shown = Some((Instant::now(), arrived));
        let rate = arrived.saturating_sub(before) as f64 / seconds.as_secs_f64();
        let line = format!(
            "  {:>5} of {} MB  {:>3} %  {:>6.2} million records/s  {:>5.0} MB/s",
            mb(arrived),
            mb(self.bytes),
            (arrived * 100 / self.bytes.max(1)).min(100),
            rate * self.density / 1e6,
            rate / 1e6
        );
        self.write(&line);
    }

    /// A line that stays.
    pub(super) fn say(&mut self, line: &str) {
        self.write(&format!("  {line}"));
        self.end();
    }

    /// Leaves the line that is being rewritten.
    pub(super) fn end(&mut self) {
        if self.terminal {
            println!();
        }
    }

    fn write(&self, line: &str) {
        if self.terminal {
            print!("\r\x1b[2K{line}");
            // A terminal that went away is no reason to stop.
            stdout().flush().ok();
        } else {
            println!("{line}");
        }
    }
}
