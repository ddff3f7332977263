//! Moving rows through the real binary: generator to log, log to blackhole, file to log to file.
//!
//! The log syncs in groups, its default: `fdatasync` returns before a row is acknowledged. Time runs from the request
//! that creates the connector.

use std::fs::File;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::figure::{Figure, Target, Unit};
use super::lab::{self, Lab};
use super::report::Report;
use crate::procfs::{self, Usage};
use crate::worker::Worker;

pub(super) const SECTION: &str = "moving rows (fdatasync before a row is acknowledged)";

/// One stretch of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) time: Duration,
    pub(super) cpu: Duration,
    /// In bytes.
    pub(super) peak: u64,
}

impl Run {
    pub(super) fn records_per_second(&self) -> f64 {
        self.rows as f64 / self.time.as_secs_f64()
    }

    pub(super) fn megabytes_per_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.time.as_secs_f64()
    }

    fn cpu_micros(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.rows.max(1) as f64
    }
}

/// Measures a stretch of work of one worker.
#[derive(Debug)]
struct Watch {
    pid: u32,
    begun: Instant,
    before: Usage,
}

impl Watch {
    fn begin(worker: &Worker) -> Result<Self> {
        let pid = worker.id();
        procfs::forget_peak(pid)?;
        Ok(Self { pid, before: procfs::usage(pid)?, begun: Instant::now() })
    }

    fn end(self, rows: u64, bytes: u64) -> Result<Run> {
        let time = self.begun.elapsed();
        let after = procfs::usage(self.pid)?;
        Ok(Run { rows, bytes, time, cpu: after.cpu_since(&self.before, time), peak: after.peak })
    }
}

pub(super) fn measure(lab: &mut Lab<'_>, report: &mut Report) -> Result<()> {
    for size in [100, 1024] {
        let (mut into, mut out_of, mut through) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            let (first, second) = generated(lab, size)?;
            into.push(first);
            out_of.push(second);
            through.push(file_to_file(lab, size)?);
        }
        figures(report, &format!("generator → log, {}", called(size)), &into);
        figures(report, &format!("log → blackhole, {}", called(size)), &out_of);
        figures(report, &through_name(size), &through);
    }
    Ok(())
}

/// What the way from file to file is called in the report.
pub(super) fn through_name(size: usize) -> String {
    format!("file → log → file, {}", called(size))
}

pub(super) fn called(size: usize) -> &'static str {
    if size < 1000 { "100 B" } else { "1 KiB" }
}

fn figures(report: &mut Report, name: &str, runs: &[Run]) {
    let of = |what: &str, unit, value: fn(&Run) -> f64| {
        let values: Vec<f64> = runs.iter().map(value).collect();
        Figure::of(SECTION, format!("{name}{what}"), unit, &values)
    };
    let (short, long) = (name == through_name(100), name == through_name(1024));
    let wanted = |figure: Option<Figure>, applies: bool, target| {
        figure.map(|figure| if applies { figure.should_be(target) } else { figure })
    };
    let rate = of("", Unit::RecordsPerSecond, Run::records_per_second);
    report.add(wanted(rate, short, Target::AtLeast(1_000_000.0)));
    let rate = of(", bytes", Unit::MegabytesPerSecond, Run::megabytes_per_second);
    report.add(wanted(rate, long, Target::AtLeast(400.0)));
    let cpu = of(", CPU a record", Unit::Microseconds, Run::cpu_micros);
    report.add(wanted(cpu, short, Target::AtMost(1.5)));
    report.add(of(", CPU in all", Unit::Seconds, |run| run.cpu.as_secs_f64()));
    report.add(of(", peak RSS", Unit::Megabytes, |run| run.peak as f64 / 1e6));
}

/// Generator to log until the last row is acknowledged, then log to blackhole until it took the last row.
fn generated(lab: &Lab<'_>, size: usize) -> Result<(Run, Run)> {
    let (setup, mut worker) = lab.start("worker")?;
    let rows = lab.rows(size);
    let bytes = rows * size as u64;
    let watch = Watch::begin(&worker)?;
    lab::create(
        &worker,
        "generator",
        &json!({"connector.class": "generator-source", "topic": "rows", "count": rows, "size": size}),
    )?;
    lab::until_rows(&setup, &mut worker, "generator", rows)?;
    let into = watch.end(rows, bytes)?;
    let watch = Watch::begin(&worker)?;
    lab::create(&worker, "blackhole", &json!({"connector.class": "blackhole-sink", "topics": "rows"}))?;
    lab::until_rows(&setup, &mut worker, "blackhole", rows)?;
    let out_of = watch.end(rows, bytes)?;
    Lab::end(&setup, worker)?;
    Ok((into, out_of))
}

/// File to log to file, both connectors at the same time, until the last line is in the output and the output is on the
/// disk.
fn file_to_file(lab: &mut Lab<'_>, size: usize) -> Result<Run> {
    let input = lab.input(size)?;
    let (setup, mut worker) = lab.start("worker")?;
    let output = setup.dir.join("out.txt");
    let watch = Watch::begin(&worker)?;
    lab::create(&worker, "sink", &json!({"connector.class": "file-sink", "file": output, "topics": "lines"}))?;
    lab::create(&worker, "source", &json!({"connector.class": "file-source", "file": input.path, "topic": "lines"}))?;
    lab::until_length(&setup, &mut worker, &output, input.bytes())?;
    File::open(&output).and_then(|file| file.sync_all()).context("make the output durable")?;
    let run = watch.end(input.lines, input.lines * size as u64)?;
    Lab::end(&setup, worker)?;
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_what_was_moved_by_the_time_it_took() {
        let (time, cpu) = (Duration::from_millis(500), Duration::from_millis(200));
        let run = Run { rows: 1000, bytes: 100_000, time, cpu, peak: 0 };
        assert_eq!(run.records_per_second(), 2000.0);
        assert!((run.megabytes_per_second() - 0.2).abs() < 1e-9);
        assert!((run.cpu_micros() - 200.0).abs() < 1e-9);
    }
}
