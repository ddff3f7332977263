//! Answers that go on: lines as they come.

use std::io::{BufRead as _, BufReader};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;
use ureq::http::HeaderMap;

use crate::wait_until;

/// An answer that is read in the background, line for line.
#[derive(Debug)]
pub struct Streamed {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    lines: Arc<Mutex<Vec<String>>>,
    ended: Arc<AtomicBool>,
}

impl Streamed {
    pub(crate) fn of(response: ureq::http::Response<ureq::Body>) -> Self {
        let (parts, body) = response.into_parts();
        let (lines, ended) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (into, at_end) = (lines.clone(), ended.clone());
        // Ends with the answer, or with the test.
        drop(thread::spawn(move || {
            for line in BufReader::new(body.into_reader()).lines().map_while(Result::ok) {
                into.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            }
            at_end.store(true, Ordering::Release);
        }));
        Self { status: parts.status.as_u16(), headers: parts.headers, lines, ended }
    }

    /// All lines so far, empty ones too.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether it is over.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Waits until it is over, and gives all its lines.
    #[track_caller]
    pub fn wait_for_end(&self) -> Vec<String> {
        wait_until("the answer is over", || self.has_ended());
        self.lines()
    }

    /// Of server-sent events: the data of all so far that are called `event`, read as JSON.
    pub fn events(&self, event: &str) -> Vec<Value> {
        let (lines, name) = (self.lines(), format!("event: {event}"));
        let blocks = lines.split(String::is_empty).filter(|block| block.contains(&name));
        let data =
            |block: &[String]| block.iter().find_map(|line| serde_json::from_str(line.strip_prefix("data: ")?).ok());
        blocks.filter_map(data).collect()
    }
}
