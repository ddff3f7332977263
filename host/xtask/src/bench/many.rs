//! A thousand connectors: how long they take, how they are listed, and what is left of them when they are deleted.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::figure::{Figure, Target, Unit};
use super::lab::{self, Lab};
use super::report::Report;
use crate::procfs;
use crate::worker::Worker;

pub(super) const SECTION: &str = "a thousand connectors";

const CONNECTORS: usize = 1000;
/// They are commanded by so many clients at a time.
const CLIENTS: usize = 16;
/// After so long the allocator has given back what is free: it holds it for five seconds, in case.
const SETTLED: Duration = Duration::from_secs(8);
/// Longer than any machine needs until all of them run.
const STUCK: Duration = Duration::from_secs(120);
const LIST: &str = "/connectors?expand=status&expand=info";

pub(super) fn measure(lab: &Lab<'_>, report: &mut Report) -> Result<()> {
    let rounds = if lab.quick { 4 } else { 12 };
    let (setup, worker) = lab.start("many")?;
    let (mut created, mut listed, mut deleted, mut with, mut without) =
        <(Vec<_>, Vec<_>, Vec<_>, Vec<_>, Vec<_>)>::default();
    let before = rss(&worker)?;
    for _ in 0..rounds {
        let begun = Instant::now();
        each(&worker, create)?;
        until_running(&worker)?;
        created.push(begun.elapsed().as_secs_f64());
        let begun = Instant::now();
        let (status, all) = worker.rest.get(LIST)?;
        listed.push(begun.elapsed().as_secs_f64() * 1000.0);
        ensure!(status == 200 && running(&all) == CONNECTORS, "the list is not whole");
        with.push(rss(&worker)?);
        let begun = Instant::now();
        each(&worker, delete)?;
        deleted.push(begun.elapsed().as_secs_f64());
        thread::sleep(SETTLED);
        without.push(rss(&worker)?);
    }
    Lab::end(&setup, worker)?;
    let mut add = |name: &str, unit, runs: &[f64], most: Option<f64>| {
        let figure = Figure::of(SECTION, name, unit, runs);
        report.add(figure.map(|figure| match most {
            Some(most) => figure.should_be(Target::AtMost(most)),
            None => figure,
        }));
    };
    add("RSS before", Unit::Megabytes, &[before], None);
    add("create 1000, until all are RUNNING", Unit::Seconds, &created, None);
    add("list 1000 with status and info", Unit::Milliseconds, &listed, None);
    add("delete 1000", Unit::Seconds, &deleted, None);
    add("RSS with 1000", Unit::Megabytes, &with, None);
    let (Some(&second), Some(&last)) = (without.get(1), without.last()) else { return Ok(()) };
    add("RSS after they were deleted, 2nd round", Unit::Megabytes, &[second], None);
    let name = format!("RSS after they were deleted, {rounds}th round");
    add(&name, Unit::Megabytes, &[last], None);
    // Allocators keep what they may need again; what counts is that it does not grow.
    let growth = (last - second) * 1000.0 / ((rounds - 2) * CONNECTORS) as f64;
    add("what a connector leaves behind, from the 2nd round on", Unit::Kilobytes, &[growth], Some(1.0));
    Ok(())
}

/// Does something for each connector.
fn each(worker: &Worker, what: fn(&Worker, &str) -> Result<()>) -> Result<()> {
    let clients = |client: usize| {
        let mut numbers = (client..CONNECTORS).step_by(CLIENTS);
        numbers.try_for_each(|number| what(worker, &format!("c{number}")))
    };
    thread::scope(|scope| {
        let started: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || clients(client))).collect();
        started.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| anyhow::bail!("a client panicked")))
    })
}

fn create(worker: &Worker, name: &str) -> Result<()> {
    let config = json!({"connector.class": "generator-source", "topic": "many", "rows.per.second": 1, "size": 1});
    lab::create(worker, name, &config)
}

fn delete(worker: &Worker, name: &str) -> Result<()> {
    let status = worker.rest.delete(&format!("/connectors/{name}"))?;
    ensure!(status == 204, "{name} was not deleted: {status}");
    Ok(())
}

fn until_running(worker: &Worker) -> Result<()> {
    let begun = Instant::now();
    while running(&worker.rest.get(LIST)?.1) < CONNECTORS {
        ensure!(begun.elapsed() < STUCK, "not all connectors run after {} seconds", STUCK.as_secs());
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// How many of the listed connectors run, with their task.
fn running(list: &Value) -> usize {
    let is = |shown: &&Value, part: &str| shown.pointer(part).is_some_and(|state| state == "RUNNING");
    let all = list.as_object().into_iter().flat_map(|all| all.values());
    all.filter(|shown| is(shown, "/status/connector/state") && is(shown, "/status/tasks/0/state")).count()
}

/// In MB.
fn rss(worker: &Worker) -> Result<f64> {
    Ok(procfs::usage(worker.id()).context("look at the worker")?.rss as f64 / 1e6)
}
