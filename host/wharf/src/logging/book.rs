//! The last lines of each connector, in memory.
//!
//! Each connector has a shelf: a ring of lines, bounded by their number and by their bytes. All shelves together are
//! bounded too: where many connectors share [`TOTAL_BYTES`], each may keep less. Lines are written in the middle of whatever
//! a task does, so nothing here waits for a reader: who follows reads from the shelf, at a pace of their own, and is told
//! what was gone by then.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde_json::{Map, Value};
use tokio::sync::Notify;
use wharf_core::logs::{LogBook, LogFeed, LogLevel, LogLine, LogQuery};

use super::follow::Feed;
use crate::audit::rfc3339;

/// What all lines may take in memory, about.
const TOTAL_BYTES: usize = 64 << 20;
/// So many connectors have a shelf; one more takes the place of the one that was silent for longest.
const MOST_SHELVES: usize = 10_000;
/// What a line takes beside its texts.
const LINE_BYTES: usize = 256;

/// What is kept of each connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// So many lines.
    pub(crate) lines: usize,
    /// So many bytes, about.
    pub(crate) bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { lines: 500, bytes: 256 << 10 }
    }
}

/// A line before it has its number and its time.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) level: LogLevel,
    pub(super) task: Option<u32>,
    pub(super) logger: String,
    pub(super) message: String,
    pub(super) fields: Map<String, Value>,
    /// Of message and fields.
    pub(super) bytes: usize,
}

/// The last lines of each connector. Cheap to clone; all clones are the same book.
#[derive(Debug, Clone)]
pub(crate) struct Book {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    shelves: HashMap<String, Shelf>,
    /// Of all shelves.
    bytes: usize,
    /// Grows by one with each line.
    clock: u64,
}

#[derive(Debug, Default)]
struct Shelf {
    /// With the bytes that each takes.
    lines: VecDeque<(LogLine, usize)>,
    bytes: usize,
    /// The number of the newest line.
    last: u64,
    /// When it was written to, by the book's clock.
    touched: u64,
    /// Rung for each line. Who follows holds it too.
    bell: Arc<Notify>,
}

/// What a reader that stands behind a line finds.
#[derive(Debug, PartialEq)]
pub(super) enum Found {
    Line(LogLine),
    /// So many lines are gone.
    Gone(u64),
    /// Nothing yet.
    Nothing,
}

impl Book {
    /// Longer lines are cut.
    pub(super) const MAX_LINE_BYTES: usize = 8 << 10;

    pub(super) fn new(limits: Limits) -> Self {
        let state = State { limits, shelves: HashMap::new(), bytes: 0, clock: 0 };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is kept of each connector.
    pub(crate) fn limit(&self, limits: Limits) {
        let mut state = self.state();
        state.limits = limits;
        state.trim_all();
    }

    pub(super) fn write(&self, connector: &str, line: Line) {
        let mut state = self.state();
        // Under the lock, so that the times of lines are in their order.
        let time = rfc3339(SystemTime::now());
        state.clock += 1;
        let clock = state.clock;
        let Line { level, task, logger, message, fields, bytes } = line;
        let bytes = bytes + logger.len() + LINE_BYTES;
        let shelf = state.shelf(connector);
        shelf.last += 1;
        shelf.touched = clock;
        shelf.lines.push_back((LogLine { number: shelf.last, time, level, task, logger, message, fields }, bytes));
        shelf.bytes += bytes;
        shelf.bell.notify_waiters();
        state.bytes += bytes;
        state.trim(connector);
    }

    /// The names of all connectors that have lines and that nobody follows.
    pub(super) fn idle(&self) -> Vec<String> {
        let state = self.state();
        state.shelves.iter().filter(|(_, shelf)| !shelf.is_followed()).map(|(name, _)| name.clone()).collect()
    }

    /// Forgets a connector, unless somebody follows it.
    pub(super) fn forget(&self, connector: &str) {
        let mut state = self.state();
        if state.shelves.get(connector).is_some_and(|shelf| !shelf.is_followed())
            && let Some(shelf) = state.shelves.remove(connector)
        {
            state.bytes -= shelf.bytes;
        }
    }

    /// The first line after `cursor` that is asked for; `cursor` moves behind what was looked at.
    pub(super) fn next(&self, connector: &str, query: &LogQuery, cursor: &mut u64) -> Found {
        let state = self.state();
        let Some(shelf) = state.shelves.get(connector) else { return Found::Nothing };
        let first = shelf.first();
        if *cursor + 1 < first {
            let gone = first - 1 - *cursor;
            *cursor = first - 1;
            return Found::Gone(gone);
        }
        let from = usize::try_from(*cursor + 1 - first).unwrap_or(usize::MAX);
        for (line, _) in shelf.lines.iter().skip(from) {
            *cursor = line.number;
            if query.takes(line) {
                return Found::Line(line.clone());
            }
        }
        Found::Nothing
    }
}

impl LogBook for Book {
    fn recent(&self, connector: &str, query: &LogQuery) -> Vec<LogLine> {
        let state = self.state();
        let Some(shelf) = state.shelves.get(connector) else { return Vec::new() };
        let is_new = |line: &LogLine| query.after.is_none_or(|after| line.number > after);
        let lines = shelf.lines.iter().rev().map(|(line, _)| line);
        let mut found: Vec<_> =
            lines.take_while(|line| is_new(line)).filter(|line| query.takes(line)).take(query.limit).cloned().collect();
        found.reverse();
        found
    }

    fn follow(&self, connector: &str, query: LogQuery) -> Box<dyn LogFeed> {
        let mut state = self.state();
        let shelf = state.shelf(connector);
        let cursor = match query.after {
            // A number from before the worker was started again: nothing is known to have been read.
            Some(after) if after > shelf.last => shelf.first() - 1,
            Some(after) => after,
            None => {
                let mut newest = shelf.lines.iter().rev().map(|(line, _)| line).filter(|line| query.takes(line));
                match query.limit.checked_sub(1) {
                    None => shelf.last,
                    Some(index) => newest.nth(index).map_or(shelf.first(), |line| line.number) - 1,
                }
            }
        };
        Box::new(Feed::new(self.clone(), connector, query, cursor, shelf.bell.clone()))
    }
}

impl State {
    /// A connector's shelf, which is made where there is none.
    fn shelf(&mut self, connector: &str) -> &mut Shelf {
        if self.shelves.len() >= MOST_SHELVES && !self.shelves.contains_key(connector) {
            self.drop_oldest();
        }
        self.shelves.entry(connector.to_owned()).or_default()
    }

    fn drop_oldest(&mut self) {
        let idle = self.shelves.iter().filter(|(_, shelf)| !shelf.is_followed());
        let oldest = idle.min_by_key(|(_, shelf)| shelf.touched).map(|(name, _)| name.clone());
        if let Some(shelf) = oldest.and_then(|name| self.shelves.remove(&name)) {
            self.bytes -= shelf.bytes;
        }
    }

    /// What one connector may keep now.
    fn share(&self) -> Limits {
        let bytes = if self.bytes > TOTAL_BYTES { TOTAL_BYTES / self.shelves.len().max(1) } else { usize::MAX };
        Limits { bytes: self.limits.bytes.min(bytes), ..self.limits }
    }

    fn trim(&mut self, connector: &str) {
        let share = self.share();
        if let Some(shelf) = self.shelves.get_mut(connector) {
            self.bytes -= shelf.trim(share);
        }
        if self.bytes > TOTAL_BYTES {
            // Others hold more than their share, from when they were fewer.
            self.trim_all();
        }
    }

    fn trim_all(&mut self) {
        let share = self.share();
        for shelf in self.shelves.values_mut() {
            self.bytes -= shelf.trim(share);
        }
    }
}

impl Shelf {
    /// The number of the oldest line that is kept, or of the next where there is none.
    fn first(&self) -> u64 {
        self.last + 1 - self.lines.len() as u64
    }

    fn is_followed(&self) -> bool {
        Arc::strong_count(&self.bell) > 1
    }

    /// Drops the oldest lines, but never the newest; gives back how many bytes they took.
    fn trim(&mut self, limits: Limits) -> usize {
        let before = self.bytes;
        while self.lines.len() > 1 && (self.lines.len() > limits.lines || self.bytes > limits.bytes) {
            self.bytes -= self.lines.pop_front().map_or(0, |(_, bytes)| bytes);
        }
        before - self.bytes
    }
}

#[cfg(test)]
pub(super) mod tests;
