//! Of what comes too fast only the beginning is taken; the rest is counted.
//!
//! Counted by connector and code, so that one that floods hides nothing of another.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use wharf_core::audit::AuditEvent;

/// In each window so many are taken.
const TAKEN: u32 = 10;
/// How long a window lasts.
pub(super) const WINDOW: Duration = Duration::from_secs(1);

/// The windows that are open: by connector, then by code.
#[derive(Debug, Default)]
pub(super) struct Flood(BTreeMap<String, BTreeMap<String, Window>>);

#[derive(Debug)]
struct Window {
    began: Instant,
    taken: u32,
    suppressed: u64,
    /// Of those that were suppressed.
    last: Option<AuditEvent>,
}

/// What was suppressed in a window.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) last: AuditEvent,
    pub(super) suppressed: u64,
}

/// What to do with an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// To be told first: of a window that is over.
    pub(super) summary: Option<Summary>,
    pub(super) is_taken: bool,
}

impl Window {
    fn new(now: Instant) -> Self {
        Self { began: now, taken: 0, suppressed: 0, last: None }
    }

    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.began) >= WINDOW
    }

    fn summary(&mut self) -> Option<Summary> {
        let suppressed = std::mem::take(&mut self.suppressed);
        self.last.take().map(|last| Summary { last, suppressed })
    }
}

impl Flood {
    pub(super) fn count(&mut self, event: &AuditEvent, now: Instant) -> Verdict {
        let window = self.window(event, now);
        let summary = if window.is_over(now) {
            let summary = window.summary();
            *window = Window::new(now);
            summary
        } else {
            None
        };
        let is_taken = window.taken < TAKEN;
        if is_taken {
            window.taken += 1;
        } else {
            window.suppressed += 1;
            // One copy for a whole window.
            window.last.get_or_insert_with(|| event.clone());
        }
        Verdict { summary, is_taken }
    }

    fn window(&mut self, event: &AuditEvent, now: Instant) -> &mut Window {
        let codes = self.0.entry(event.connector.clone()).or_default();
        codes.entry(event.code.clone()).or_insert_with(|| Window::new(now))
    }

    /// What was suppressed in windows that are over, which are forgotten.
    pub(super) fn ended(&mut self, now: Instant) -> Vec<Summary> {
        let mut summaries = Vec::new();
        self.0.retain(|_, codes| {
            codes.retain(|_, window| {
                let is_over = window.is_over(now);
                if is_over {
                    summaries.extend(window.summary());
                }
                !is_over
            });
            !codes.is_empty()
        });
        summaries
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(connector: &str, code: &str) -> AuditEvent {
        let (connector, code) = (connector.to_owned(), code.to_owned());
        AuditEvent { code, connector, task: None, plugin: String::new(), detail: String::new() }
    }

    #[test]
    fn each_connector_and_code_has_its_own_window() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        let mut taken =
            |connector, code| (0..50).filter(|_| flood.count(&event(connector, code), now).is_taken).count();
        assert_eq!((taken("a", "x"), taken("a", "y"), taken("b", "x")), (10, 10, 10));
    }

    #[test]
    fn what_was_suppressed_is_told_before_the_next_or_when_the_window_is_over() {
        let (mut flood, now) = (Flood::default(), Instant::now());
        (0..25).for_each(|_| drop(flood.count(&event("a", "x"), now)));
        let later = now + WINDOW;
        let summary = Some(Summary { last: event("a", "x"), suppressed: 15 });
        assert_eq!(flood.count(&event("a", "x"), later), Verdict { summary, is_taken: true });
        (0..14).for_each(|_| drop(flood.count(&event("a", "x"), later)));
        assert_eq!(flood.ended(later), []);
        assert_eq!(flood.ended(later + WINDOW), [Summary { last: event("a", "x"), suppressed: 5 }]);
        assert!(flood.is_empty(), "nothing is kept of what is over");
    }
}
