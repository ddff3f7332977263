//! Is memory bounded whatever goes through, and whatever waits?

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::figure::{Figure, Target, Unit};
use super::lab::{self, Lab};
use super::report::Report;
use crate::procfs;

pub(super) const SECTION: &str = "memory check, rows of 1 KiB";

const ROW: u64 = 1024;
/// In bytes.
const MOST: f64 = 150.0;

pub(super) fn measure(lab: &Lab<'_>, report: &mut Report) -> Result<()> {
    let (through, backlog) = if lab.quick { (200, 100) } else { (10_000, 5_000) };
    let rows = |megabytes: u64| megabytes * 1_000_000 / ROW;
    room(lab, through + backlog)?;
    let (setup, mut worker) = lab.start("memory")?;
    let generator = |topic: &str, megabytes| {
        let count = rows(megabytes);
        json!({"connector.class": "generator-source", "topic": topic, "size": ROW, "count": count})
    };
    let mut peak = |name: String, pid: u32| -> Result<()> {
        let figure = Figure::of(SECTION, name, Unit::Megabytes, &[procfs::usage(pid)?.peak as f64 / 1e6]);
        report.add(figure.map(|figure| figure.should_be(Target::AtMost(MOST))));
        procfs::forget_peak(pid)
    };

    lab::create(&worker, "sink", &json!({"connector.class": "blackhole-sink", "topics": "first,second"}))?;
    lab::create(&worker, "first", &generator("first", through))?;
    lab::until_rows(&setup, &mut worker, "sink", rows(through))?;
    peak(format!("peak RSS while {through} MB go through the log"), worker.id())?;

    ensure!(worker.rest.put("/connectors/sink/pause")? == 202, "the sink was not paused");
    until_paused(&worker)?;
    lab::create(&worker, "second", &generator("second", backlog))?;
    lab::until_rows(&setup, &mut worker, "second", rows(backlog))?;
    peak(format!("peak RSS while a backlog of {backlog} MB builds up"), worker.id())?;
    ensure!(worker.rest.put("/connectors/sink/resume")? == 202, "the sink was not resumed");
    lab::until_rows(&setup, &mut worker, "sink", rows(through) + rows(backlog))?;
    peak(format!("peak RSS while the backlog of {backlog} MB is read"), worker.id())?;
    Lab::end(&setup, worker)
}

fn until_paused(worker: &crate::worker::Worker) -> Result<()> {
    for _ in 0..6_000 {
        let (_, status) = worker.rest.get("/connectors/sink/status")?;
        if status.pointer("/tasks/0/state").is_some_and(|state| state == "PAUSED") {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(10));
    }
    anyhow::bail!("the sink did not pause within a minute")
}

/// Nothing is deleted while it runs, so the disk must hold all of it.
fn room(lab: &Lab<'_>, megabytes: u64) -> Result<()> {
    let disk = rustix::fs::statvfs(&lab.dir).context("look how full the disk is")?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000;
    let wanted = megabytes + megabytes / 10;
    ensure!(
        free >= wanted,
        "the memory check needs {wanted} MB of disk and {free} are free: free some, or use --quick"
    );
    Ok(())
}
