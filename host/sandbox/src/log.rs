//! What a guest says, on its way into the worker's log.
//!
//! A guest can say anything, as often as it likes. Here lines are cut, cleaned of what could forge another line or move
//! a terminal's cursor, and counted; a flood is dropped and its size told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing::Level;
use wharf_core::plugin::TaskSetup;
use wharf_core::secret::Redactor;

use crate::denials::Denials;
use crate::limits::Limits;

const WINDOW: Duration = Duration::from_secs(1);
/// What is kept of stderr for the report of a death.
const TAIL_LINES: usize = 10;
const TAIL_LINE_BYTES: usize = 500;

/// The log of one instance.
#[derive(Debug)]
pub(crate) struct GuestLog {
    connector: String,
    task: u32,
    plugin: String,
    lines_per_second: u32,
    line_bytes: usize,
    state: Mutex<State>,
    /// The task whose audit is told of floods and forgeries; absent where an instance belongs to none.
    setup: Option<TaskSetup>,
    /// What is taken out of every line.
    redactor: Redactor,
    /// A forgery was told: once is enough.
    escaped: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Instant>,
    lines: u32,
    suppressed: u64,
    tail: VecDeque<String>,
}

/// What to do with a line.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    write: bool,
    /// Lines dropped in the window that has just ended.
    suppressed: u64,
}

impl State {
    fn count(&mut self, now: Instant, allowed: u32) -> Verdict {
        let mut suppressed = 0;
        if self.window.is_none_or(|began| now.duration_since(began) >= WINDOW) {
            self.window = Some(now);
            self.lines = 0;
            suppressed = std::mem::take(&mut self.suppressed);
        }
        self.lines = self.lines.saturating_add(1);
        let write = self.lines <= allowed;
        self.suppressed += u64::from(!write);
        Verdict { write, suppressed }
    }
}

impl GuestLog {
    pub(crate) fn new(limits: &Limits, connector: &str, task: u32, plugin: &str) -> Self {
        Self {
            connector: connector.into(),
            task,
            plugin: plugin.into(),
            lines_per_second: limits.log_lines_per_second,
            line_bytes: limits.log_line_bytes,
            state: Mutex::default(),
            setup: None,
            redactor: Redactor::default(),
            escaped: AtomicBool::new(false),
        }
    }

    /// With the task that it is the log of.
    pub(crate) fn of(mut self, setup: &TaskSetup) -> Self {
        self.setup = Some(setup.clone());
        self
    }

    /// With secrets that no line may show.
    pub(crate) fn hiding(mut self, redactor: &Redactor) -> Self {
        self.redactor = redactor.clone();
        self
    }

    /// A guest's text as it may be shown: cleaned, cut, and without secrets. These are looked for before and after, because
    /// a cut leaves half of one, and a control sequence may stand in the middle of one.
    fn shown(&self, text: &str, max: usize) -> String {
        let cleaned = clean(&self.redactor.redact(text), max);
        self.redactor.redact_owned(cleaned)
    }

    /// The plugin, `name@version`.
    pub(crate) fn plugin(&self) -> &str {
        &self.plugin
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line that the guest logged under `target`, a name of its own choice.
    pub(crate) fn line(&self, level: Level, target: &str, message: &str) {
        let (verdict, is_first) = {
            let mut state = self.state();
            let verdict = state.count(Instant::now(), self.lines_per_second);
            let is_first = !verdict.write && state.suppressed == 1;
            (verdict, is_first)
        };
        self.notice(verdict.suppressed);
        if is_first {
            self.tell("log.suppressed", || format!("more than {} log lines in a second", self.lines_per_second));
        }
        if verdict.write {
            if (forges(target) || forges(message)) && !self.escaped.swap(true, Ordering::Relaxed) {
                self.tell("log.escaped", || "a log line with control characters, which are escaped".to_owned());
            }
            self.write(level, &self.shown(target, 100), &self.shown(message, self.line_bytes));
        }
    }

    /// Writes a line of the guest's stdout or stderr; of stderr the end is kept for [`GuestLog::take_tail`].
    pub(crate) fn output(&self, is_error: bool, line: &[u8]) {
        // Its length is bounded by the stream; it is cut once secrets are taken out.
        let text = String::from_utf8_lossy(line);
        if text.trim().is_empty() {
            return;
        }
        if is_error {
            let mut state = self.state();
            if state.tail.len() == TAIL_LINES {
                state.tail.pop_front();
            }
            state.tail.push_back(self.shown(&text, TAIL_LINE_BYTES));
        }
        let (level, target) = if is_error { (Level::WARN, "stderr") } else { (Level::INFO, "stdout") };
        self.line(level, target, &text);
    }

    /// The last lines of stderr. A panic's message is among them.
    pub(crate) fn take_tail(&self) -> Vec<String> {
        self.state().tail.drain(..).collect()
    }

    fn tell(&self, code: &str, detail: impl FnOnce() -> String) {
        Denials::new(self.setup.as_ref(), &self.plugin).tell(code, detail);
    }

    fn notice(&self, suppressed: u64) {
        if suppressed > 0 {
            let message = format!("suppressed {suppressed} lines: at most {} a second", self.lines_per_second);
            self.write(Level::WARN, "wharf", &message);
        }
    }

    fn write(&self, level: Level, module: &str, message: &str) {
        let Self { connector, task, plugin, .. } = self;
        // A tracing level is fixed at compile time, hence five times the same.
        macro_rules! at {
            ($level:expr) => {
                tracing::event!(target: "wharf::plugin", $level, connector, task, plugin, module, "{message}")
            };
        }
        match level {
            Level::TRACE => at!(Level::TRACE),
            Level::DEBUG => at!(Level::DEBUG),
            Level::INFO => at!(Level::INFO),
            Level::WARN => at!(Level::WARN),
            _ => at!(Level::ERROR),
        }
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        let suppressed = self.state().suppressed;
        self.notice(suppressed);
    }
}

/// Marks that turn the direction of writing, with which a line can be made to look like another.
fn turns(char: char) -> bool {
    matches!(char, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a text could pass for something else on a terminal. Line ends are not counted: honest texts have them too.
fn forges(text: &str) -> bool {
    text.chars().any(|char| turns(char) || (char.is_control() && !matches!(char, '\t' | '\n' | '\r')))
}

/// `text` cut to `max` bytes, on one line and without control characters: terminal sequences are taken out, the rest is
/// shown escaped.
pub(crate) fn clean(text: &str, max: usize) -> String {
    let end = text.floor_char_boundary(max);
    let cut = text.get(..end).unwrap_or_default();
    let mut out = String::with_capacity(cut.len());
    let mut chars = cut.trim_end_matches(['\n', '\r']).chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                // A control sequence: parameters, then one final byte from `@` to `~`.
                chars.next();
                for part in chars.by_ref() {
                    if ('@'..='~').contains(&part) {
                        break;
                    }
                }
            }
            '\t' => out.push(' '),
            char if char.is_control() || turns(char) => {
                out.extend(char.escape_default());
            }
            char => out.push(char),
        }
    }
    if end < text.len() {
        out.push_str("… (cut)");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_forge_another_or_move_the_cursor() {
        assert_eq!(clean("a\nERROR b\r\n", 100), "a\\nERROR b");
        assert_eq!(clean("\u{1b}[31;1mred\u{1b}[0m", 100), "red");
        assert_eq!(clean("\u{1b}]0;title\u{7}x", 100), "\\u{1b}]0;title\\u{7}x");
        assert_eq!(clean("a\u{202e}b\0", 100), "a\\u{202e}b\\u{0}");
    }

    #[test]
    fn a_forgery_is_told_from_an_honest_text() {
        assert!(["\u{1b}[2J", "\0", "a\u{202e}b", "\u{9b}31m"].into_iter().all(forges));
        assert!(!["two\nlines\r\n", "a\ttab", "äöü 漢字", ""].into_iter().any(forges));
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(clean("äöü", 3), "ä… (cut)");
        assert_eq!(clean("äöü", 6), "äöü");
    }

    #[test]
    fn a_flood_is_dropped_and_its_size_told_in_the_next_window() {
        let (mut state, start) = (State::default(), Instant::now());
        let verdicts: Vec<Verdict> = (0..5).map(|_| state.count(start, 2)).collect();
        assert_eq!(verdicts.iter().filter(|verdict| verdict.write).count(), 2);
        assert!(verdicts.iter().all(|verdict| verdict.suppressed == 0));
        assert_eq!(state.count(start + WINDOW, 2), Verdict { write: true, suppressed: 3 });
        assert_eq!(state.count(start + WINDOW, 2), Verdict { write: true, suppressed: 0 });
    }

    #[test]
    fn the_end_of_stderr_is_kept_for_the_report() {
        let log = GuestLog::new(&Limits::default(), "c", 0, "p@1");
        log.output(false, b"to stdout");
        (0..20).for_each(|line| log.output(true, format!("line {line}").as_bytes()));
        let tail = log.take_tail();
        assert_eq!((tail.len(), tail[9].as_str()), (TAIL_LINES, "line 19"));
        assert!(log.take_tail().is_empty());
    }

    #[test]
    fn a_secret_is_shown_neither_whole_nor_in_part_nor_split_by_colours() {
        let redactor = Redactor::new(["hunter22".to_owned()]);
        let log = GuestLog::new(&Limits::default(), "c", 0, "p@1").hiding(&redactor);
        assert_eq!(log.shown("pw=hunter22!", 100), "pw=[hidden]!");
        assert_eq!(log.shown("pw=hunter22!", 8), "pw=[hidd… (cut)");
        assert_eq!(log.shown("pw=hunt\u{1b}[1mer22", 100), "pw=[hidden]");
        log.output(true, b"panicked at hunter22");
        assert_eq!(log.take_tail(), ["panicked at [hidden]"]);
    }
}
