//! How long one waits: start to ready, create to RUNNING, kill to RUNNING.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::figure::{Figure, Target, Unit};
use super::lab::{self, Lab};
use super::report::Report;
use crate::worker::{Setup, Worker};

pub(super) const SECTION: &str = "waiting times (warm compile cache)";

/// Between two questions whether a starting worker is ready.
const ASK: Duration = Duration::from_micros(200);
/// The connectors that the long-lived worker runs.
const CONNECTORS: [&str; 3] = ["live", "copy", "count"];

pub(super) fn measure(lab: &mut Lab<'_>, report: &mut Report) -> Result<()> {
    let times = if lab.quick { 5 } else { 11 };
    let mut add = |name: &str, runs: &[Duration], most: Option<f64>| {
        let millis: Vec<f64> = runs.iter().map(|time| time.as_secs_f64() * 1000.0).collect();
        let figure = Figure::of(SECTION, name, Unit::Milliseconds, &millis);
        report.add(figure.map(|figure| match most {
            Some(most) => figure.should_be(Target::AtMost(most)),
            None => figure,
        }));
    };

    let mut ready = Vec::new();
    for _ in 0..times {
        let setup = lab.setup("times")?;
        let begun = Instant::now();
        let worker = Worker::start_asking(&setup, ASK)?;
        ready.push(begun.elapsed());
        Lab::end(&setup, worker)?;
    }
    add("start to ready, empty data directory", &ready, Some(100.0));

    let (setup, mut worker) = lab.start("times")?;
    add("create to RUNNING, file source", &creations(lab, &worker, times * 3)?, Some(20.0));
    settle(lab, &setup, &mut worker)?;
    add("a task's restart to RUNNING (POST …/tasks/0/restart)", &restarts(&worker, times * 3)?, Some(100.0));

    let (mut ready, mut again, mut running) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..times {
        worker.terminate()?;
        let begun = Instant::now();
        worker = Worker::start_asking(&setup, ASK)?;
        ready.push(begun.elapsed());
        all_run(&worker)?;
    }
    for _ in 0..times {
        let begun = Instant::now();
        worker.kill()?;
        worker = Worker::start_asking(&setup, ASK)?;
        again.push(begun.elapsed());
        all_run(&worker)?;
        running.push(begun.elapsed());
    }
    add("start to ready, three connectors and 500 MB of log", &ready, Some(100.0));
    add("kill -9 of the worker to ready again, the same, rows flowing", &again, None);
    add("kill -9 of the worker to all RUNNING again, the same", &running, Some(100.0));
    Lab::end(&setup, worker)
}

/// From the request to the first status that says RUNNING, over one connection that is kept open.
fn creations(lab: &mut Lab<'_>, worker: &Worker, times: usize) -> Result<Vec<Duration>> {
    let input = lab.input(100)?;
    let empty = input.path.with_file_name("empty.txt");
    std::fs::write(&empty, "").context("write an empty file")?;
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        lab::create(worker, "create", &json!({"connector.class": "file-source", "file": empty, "topic": "empty"}))?;
        lab::until_running(worker, "create", 1)?;
        taken.push(begun.elapsed());
        ensure!(worker.rest.delete("/connectors/create")? == 204, "a connector was not deleted");
    }
    Ok(taken)
}

/// 500 MB in the log (50 in a quick run), and three connectors: rows come, are written to a file, and are counted.
fn settle(lab: &Lab<'_>, setup: &Setup, worker: &mut Worker) -> Result<()> {
    let rows = if lab.quick { 50_000 } else { 500_000 };
    let class = "generator-source";
    lab::create(worker, "fill", &json!({"connector.class": class, "topic": "old", "size": 1024, "count": rows}))?;
    lab::until_rows(setup, worker, "fill", rows)?;
    ensure!(worker.rest.delete("/connectors/fill")? == 204, "a connector was not deleted");
    lab::create(worker, "live", &json!({"connector.class": class, "topic": "new", "rows.per.second": 10_000}))?;
    let copy = setup.dir.join("copy.txt");
    lab::create(worker, "copy", &json!({"connector.class": "file-sink", "topics": "new", "file": copy}))?;
    lab::create(worker, "count", &json!({"connector.class": "blackhole-sink", "topics": "old,new"}))?;
    lab::until_rows(setup, worker, "count", rows)?;
    all_run(worker)
}

fn all_run(worker: &Worker) -> Result<()> {
    CONNECTORS.iter().try_for_each(|name| lab::until_running(worker, name, 1))
}

/// The task is stopped in good order, and a new instance takes over.
fn restarts(worker: &Worker, times: usize) -> Result<Vec<Duration>> {
    let mut taken = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let status = worker.rest.post("/connectors/live/tasks/0/restart")?;
        ensure!(status == 204, "a task was not restarted: {status}");
        lab::until_running(worker, "live", 1)?;
        taken.push(begun.elapsed());
    }
    Ok(taken)
}
