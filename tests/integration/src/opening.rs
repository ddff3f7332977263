//! How most tests begin.

use std::path::PathBuf;

use crate::{Worker, write};

impl Worker {
    /// Starts the source `from`, which reads `in.txt`, where `text` is, into the topic `lines`. Gives the file back.
    #[track_caller]
    pub fn reads(&self, text: &str) -> PathBuf {
        let input = self.path("in.txt");
        write(&input, text);
        self.create_source("from", &input, "lines");
        input
    }

    /// As [`Worker::reads`], and the sink `to`, which writes what is in the topic to `out.txt`; returns when `text` is
    /// there. Gives both files back.
    #[track_caller]
    pub fn copies(&self, text: &str) -> (PathBuf, PathBuf) {
        let (input, output) = (self.reads(text), self.path("out.txt"));
        self.create_sink("to", &output, "lines");
        self.wait_for_text(&output, text);
        (input, output)
    }
}
