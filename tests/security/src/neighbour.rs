//! A connector that behaves, and how fast it is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use wharf_integration::Worker;

/// Rows of one stretch: a fraction of a second's work where nobody is in the way.
const ROWS: u64 = 3_000_000;

/// How a neighbour fared for a stretch.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    /// Rows a second of a source that goes as fast as it can, from the request that creates it to its last row in the log.
    pub rows_per_second: f64,
    /// The longest that `GET /connectors` took meanwhile.
    pub slowest_answer: Duration,
}

/// Sources that make rows as fast as they can, into a log whose rows are on the disk before they count.
#[derive(Debug)]
pub struct Neighbour<'a> {
    worker: &'a Worker,
    stretches: u32,
}

impl<'a> Neighbour<'a> {
    /// On a worker that has `generator-source`.
    pub fn new(worker: &'a Worker) -> Self {
        Self { worker, stretches: 0 }
    }

    /// Moves a fixed number of rows.
    #[track_caller]
    pub fn stretch(&mut self) -> Stretch {
        self.stretches += 1;
        let name = format!("neighbour-{}", self.stretches);
        let config =
            json!({"connector.class": "generator-source", "topic": name, "size": "16", "count": ROWS.to_string()});
        let (began, mut slowest_answer) = (Instant::now(), Duration::ZERO);
        self.worker.create(&name, config);
        self.worker.wait_until("the neighbour has moved its rows", || {
            let asked = Instant::now();
            self.worker.rest().get("/connectors").expect(200);
            slowest_answer = slowest_answer.max(asked.elapsed());
            self.rows(&name) >= ROWS
        });
        let rows_per_second = ROWS as f64 / began.elapsed().as_secs_f64();
        self.worker.rest().delete(&format!("/connectors/{name}"));
        self.worker.rest().delete(&format!("/topics/{name}"));
        Stretch { rows_per_second, slowest_answer }
    }

    /// Rows of a topic that are in the log.
    fn rows(&self, topic: &str) -> u64 {
        let answer = self.worker.rest().get(&format!("/topics/{topic}"));
        let partitions = answer.json.get("partitions").and_then(Value::as_array).cloned().unwrap_or_default();
        partitions.iter().filter_map(|partition| partition.get("end")?.as_u64()).sum()
    }
}
