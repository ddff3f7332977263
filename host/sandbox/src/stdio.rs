//! A guest's stdout and stderr, line by line into its log.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::log::GuestLog;

/// What a guest may write at once; also what is kept of a line that never ends.
const CAPACITY: usize = 16 << 10;

/// One of the two streams. All handles that a guest makes share the line that is being written.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    log: Arc<GuestLog>,
    is_error: bool,
    line: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    pub(crate) fn stdout(log: &Arc<GuestLog>) -> Self {
        Self { log: log.clone(), is_error: false, line: Arc::default() }
    }

    pub(crate) fn stderr(log: &Arc<GuestLog>) -> Self {
        Self { is_error: true, ..Self::stdout(log) }
    }

    fn push(&self, mut bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            let (head, tail) = bytes.split_at(end);
            line.extend_from_slice(head);
            self.log.output(self.is_error, &line);
            line.clear();
            bytes = tail.get(1..).unwrap_or_default();
        }
        let room = CAPACITY.saturating_sub(line.len());
        line.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for it, which is off.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl OutputStream for Lines {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CAPACITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn pieces_become_lines() {
        let log = Arc::new(GuestLog::new(&Limits::default(), "c", 0, "p@1"));
        let stderr = Lines::stderr(&log);
        stderr.push(b"one\nt");
        stderr.clone().push(b"wo\n\nthree");
        assert_eq!(log.take_tail(), ["one", "two"]);
    }

    #[test]
    fn a_line_without_end_does_not_grow_for_ever() {
        let log = Arc::new(GuestLog::new(&Limits::default(), "c", 0, "p@1"));
        let stdout = Lines::stdout(&log);
        (0..10).for_each(|_| stdout.push(&[b'x'; CAPACITY]));
        assert_eq!(stdout.line.lock().unwrap().len(), CAPACITY);
    }
}
