//! A worker that moves numbered lines from a file through the log into a file, and what must hold of them.

use std::path::PathBuf;

use serde_json::{Value, json};
use wharf_integration::{Setup, Worker, append, lines, read};

use crate::mount::Mount;

/// Segments are small, so that they follow one another; a task is given up after the third failure that counts, and
/// tried again soon.
pub(crate) const CONFIG: &str = "[log]\nsegment-bytes = 1048576\n\
    [restart]\nbackoff-initial-ms = 5\nbackoff-max-ms = 100\nmax-failures = 3\n";

/// As `CONFIG`, and no number of failures is too many.
pub(crate) const PATIENT: &str = "[log]\nsegment-bytes = 1048576\n\
    [restart]\nbackoff-initial-ms = 5\nbackoff-max-ms = 100\nmax-failures = 100000\n";

pub(crate) struct Scene {
    pub(crate) worker: Worker,
    input: PathBuf,
    pub(crate) output: PathBuf,
    /// How many lines there are in all.
    count: u64,
}

impl Scene {
    /// Starts the worker; nothing moves yet.
    #[track_caller]
    pub(crate) fn new(setup: Setup) -> Self {
        Self::of(setup.start())
    }

    /// As `new`, with all that the worker keeps on a small disk.
    #[track_caller]
    pub(crate) fn on(disk: &Mount, config: &str) -> Self {
        Self::new(Setup::new().config(config).data_dir(disk.path().join("data")))
    }

    /// With a worker that was started.
    pub(crate) fn of(worker: Worker) -> Self {
        let (input, output) = (worker.path("in.txt"), worker.path("out.txt"));
        Self { worker, input, output, count: 0 }
    }

    /// Creates the source `from` and the sink `to`.
    #[track_caller]
    pub(crate) fn connect(&self) {
        append(&self.input, "");
        self.worker.create_source("from", &self.input, "lines");
        self.worker.create(
            "to",
            json!({"connector.class": "file-sink", "file": self.output, "topics": "lines",
                "errors.retry.delay.max.ms": "100"}),
        );
    }

    /// So many lines more for the source.
    pub(crate) fn feed(&mut self, more: u64) {
        append(&self.input, lines::text(self.count..self.count + more));
        self.count += more;
    }

    /// Waits until the sink has all lines, each at least once.
    #[track_caller]
    pub(crate) fn arrive(&self) {
        let expected = lines::text(self.count.saturating_sub(1)..self.count);
        self.worker.wait_until("the last line is there", || read(&self.output).ends_with(expected.as_bytes()));
        let numbers = lines::numbers(&read(&self.output)).unwrap();
        lines::at_least_once(&numbers, self.count).unwrap();
    }

    /// The log and the sink have the first `count` lines once and nothing else.
    #[track_caller]
    pub(crate) fn arrive_of(&self, count: u64) {
        let numbers = lines::numbers(&self.worker.topic("lines")).unwrap();
        lines::exactly_once(&numbers, count).unwrap();
        lines::exactly_once(&lines::numbers(&read(&self.output)).unwrap(), count).unwrap();
    }

    /// The log has each line once.
    #[track_caller]
    pub(crate) fn is_exact(&self) {
        let numbers = lines::numbers(&self.worker.topic("lines")).unwrap();
        lines::exactly_once(&numbers, self.count).unwrap();
    }

    /// All has arrived, now and again after the worker was ended and started, and the log has each line once.
    #[track_caller]
    pub(crate) fn is_whole(&mut self) {
        self.arrive();
        self.is_exact();
        assert_eq!(self.worker.terminate().code(), Some(0));
        self.worker.start_again();
        self.feed(100);
        self.arrive();
        self.is_exact();
    }

    /// `tasks[0]` of a connector's status.
    #[track_caller]
    pub(crate) fn task(&self, connector: &str) -> Value {
        self.worker.status(connector).pointer("/tasks/0").cloned().unwrap_or_default()
    }

    /// The text of a connector's last failure.
    #[track_caller]
    pub(crate) fn last_failure(&self, connector: &str) -> String {
        text(&self.task(connector), "/last_failure/message")
    }

    /// Waits until a connector's task has failed with a text that has all of `parts`.
    #[track_caller]
    pub(crate) fn until_failure_says(&self, connector: &str, parts: &[&str]) {
        let mut last = String::new();
        self.worker.wait_until(&format!("{connector} says {parts:?}"), || {
            last = self.last_failure(connector);
            parts.iter().all(|part| last.contains(part))
        });
    }

    /// Waits until `/health` answers with this code, and gives its text.
    #[track_caller]
    pub(crate) fn until_health(&self, code: u16) -> String {
        let mut said = String::new();
        self.worker.wait_until(&format!("/health answers {code}"), || {
            let answer = self.worker.rest().get("/health");
            said = answer.message().to_owned();
            answer.status == code
        });
        said
    }

    /// The one directory of the topic's segments.
    pub(crate) fn segments_dir(&self) -> PathBuf {
        self.worker.data_dir().join("log/topics/lines/0")
    }

    /// Files of the topic with this extension, the oldest first.
    pub(crate) fn files(&self, extension: &str) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.segments_dir()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
        paths.sort();
        paths
    }
}

/// The text at a place of a JSON value; empty where there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}
