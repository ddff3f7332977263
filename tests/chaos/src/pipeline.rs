//! A route at work: its connectors, how far it has come, and what it left.

use std::path::PathBuf;

use serde_json::json;
use wharf_integration::{Worker, read};

use crate::Feeder;
use crate::plan::Route;
use crate::verdict::{self, reached};

/// Bytes in a row of a generator.
const SIZE: usize = 60;
/// How fast a generator is, so that kills hit it at work.
const PER_SECOND: u64 = 60_000;

/// A route and its connectors.
#[derive(Debug)]
pub(crate) struct Pipeline {
    route: Route,
    topic: String,
    output: PathBuf,
    feeder: Option<Feeder>,
}

impl Pipeline {
    /// Creates the connectors of a route; `number` tells it from the others.
    pub(crate) fn create(worker: &Worker, number: usize, route: &Route) -> Self {
        let (topic, output) = (format!("topic-{number}"), worker.path(&format!("out-{number}.txt")));
        let mut feeder = None;
        let source = match route {
            Route::Lines(_) => {
                let input = worker.path(&format!("in-{number}.txt"));
                let started = feeder.insert(Feeder::start(&input));
                worker.wait_until("there is a file to read", || input.exists());
                started.allow(1);
                json!({"connector.class": "file-source", "file": input, "topic": topic})
            }
            Route::Generated { rows, tasks, keyed } => json!({
                "connector.class": "generator-source", "topic": topic, "count": rows, "size": SIZE,
                "tasks.max": tasks, "rows.per.second": PER_SECOND, "key.space": if *keyed { 100 } else { 0 },
            }),
        };
        worker.create(&format!("from-{number}"), source);
        worker.create_sink(&format!("to-{number}"), &output, &topic);
        Self { route: route.clone(), topic, output, feeder }
    }

    /// Lets it come as far as this share of its rows.
    pub(crate) fn allow(&self, share: u64, of: u64) {
        if let (Some(feeder), Route::Lines(rows)) = (&self.feeder, &self.route) {
            feeder.allow(rows * share / of);
        }
    }

    /// Whether all rows seem to have arrived; [`verify`](Self::verify) says whether they have.
    pub(crate) fn is_done(&self) -> bool {
        match &self.route {
            Route::Lines(rows) => reached(&self.output) == *rows,
            Route::Generated { rows, .. } => {
                let length = self.output.metadata().map_or(0, |data| data.len());
                // Rows that came again make it longer, so then only a look at all of them tells.
                length >= rows * (SIZE as u64 + 1)
                    && verdict::of_numbers(&read(&self.output), *rows, SIZE, false).is_ok()
            }
        }
    }

    /// Checks the log and the file. `deaths`: how often the worker died. Gives back how many rows came again.
    pub(crate) fn verify(self, worker: &Worker, deaths: usize) -> Result<u64, String> {
        if let Some(feeder) = self.feeder {
            feeder.stop();
        }
        let (log, file) = (worker.topic(&self.topic), read(&self.output));
        let checked = match self.route {
            Route::Lines(rows) => verdict::of_lines(&log, &file, rows, deaths),
            Route::Generated { rows, keyed, .. } => {
                verdict::of_numbers(&log, rows, SIZE, !keyed).map_err(|error| format!("in the log: {error}")).and_then(
                    |_| verdict::of_numbers(&file, rows, SIZE, false).map_err(|error| format!("in the file: {error}")),
                )
            }
        };
        checked.map_err(|error| format!("{}: {error}", self.topic))
    }
}
