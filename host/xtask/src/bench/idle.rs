//! What tasks cost that have nothing to do.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use super::figure::{Figure, Target, Unit};
use super::lab::{self, Lab};
use super::report::Report;
use crate::procfs::{self, Usage};
use crate::worker::Worker;

pub(super) const SECTION: &str = "idle tasks";

/// How long tasks are watched while they do nothing: each has polled some times, and each connector has had its turn.
const WATCHED: Duration = Duration::from_secs(3);

pub(super) fn measure(lab: &mut Lab<'_>, report: &mut Report) -> Result<()> {
    let (setup, worker) = lab.start("idle")?;
    let (nothing, _) = watch(&worker)?;
    add(report, "a worker without connectors", nothing, None);
    Lab::end(&setup, worker)?;

    let counts: &[u64] = if lab.quick { &[1, 10, 1_000] } else { &[1, 10, 1_000, 5_000] };
    for &tasks in counts {
        let (setup, worker) = lab.start("idle")?;
        // One row a second among all of them.
        let config = json!({
            "connector.class": "generator-source", "topic": "idle", "rows.per.second": 1, "tasks.max": tasks,
            "size": 1});
        lab::create(&worker, "idle", &config)?;
        lab::until_running(&worker, "idle", usize::try_from(tasks)?)?;
        let (usage, busy) = watch(&worker)?;
        let name = format!("{tasks} idle task{}", if tasks == 1 { "" } else { "s" });
        add(report, &name, usage, Some(busy));
        if tasks >= 1_000 {
            let each = usage.rss.saturating_sub(nothing.rss) as f64 / 1000.0 / tasks as f64;
            let figure = Figure::of(SECTION, format!("{name}, each"), Unit::Kilobytes, &[each]);
            report.add(figure.map(|figure| figure.should_be(Target::AtMost(250.0))));
        }
        Lab::end(&setup, worker)?;
    }
    ten_connectors(lab, report)
}

/// Five files followed, five written, after each has moved some lines.
fn ten_connectors(lab: &Lab<'_>, report: &mut Report) -> Result<()> {
    const LINES: u64 = 10_000;
    let (setup, mut worker) = lab.start("idle")?;
    for pair in 0..5 {
        let (from, to) = (setup.dir.join(format!("from{pair}.txt")), setup.dir.join(format!("to{pair}.txt")));
        std::fs::write(&from, "just a line of some hundred bytes\n".repeat(LINES as usize)).context("write lines")?;
        let topic = format!("topic{pair}");
        let source = format!("source{pair}");
        lab::create(&worker, &source, &json!({"connector.class": "file-source", "file": from, "topic": topic}))?;
        let sink = format!("sink{pair}");
        lab::create(&worker, &sink, &json!({"connector.class": "file-sink", "file": to, "topics": topic}))?;
        lab::until_rows(&setup, &mut worker, &sink, LINES)?;
    }
    let (usage, busy) = watch(&worker)?;
    let rss = Figure::of(SECTION, "ten file connectors, RSS", Unit::Megabytes, &[usage.rss as f64 / 1e6]);
    report.add(rss.map(|figure| figure.should_be(Target::AtMost(50.0))));
    report.add(Figure::of(SECTION, "ten file connectors, threads", Unit::Count, &[usage.threads as f64]));
    report.add(Figure::of(SECTION, "ten file connectors, CPU of one core", Unit::Percent, &[busy]));
    Lab::end(&setup, worker)
}

/// What a worker uses after some time, and which share of one core it was busy meanwhile, in percent.
fn watch(worker: &Worker) -> Result<(Usage, f64)> {
    // What starting cost is not the cost of being idle.
    thread::sleep(Duration::from_secs(1));
    let (begun, before) = (Instant::now(), procfs::usage(worker.id())?);
    thread::sleep(WATCHED);
    let after = procfs::usage(worker.id())?;
    let time = begun.elapsed();
    let busy = after.cpu_since(&before, time).as_secs_f64() / time.as_secs_f64();
    Ok((after, busy * 100.0))
}

fn add(report: &mut Report, name: &str, usage: Usage, busy: Option<f64>) {
    report.add(Figure::of(SECTION, format!("{name}, RSS"), Unit::Megabytes, &[usage.rss as f64 / 1e6]));
    report.add(Figure::of(SECTION, format!("{name}, threads"), Unit::Count, &[usage.threads as f64]));
    if let Some(busy) = busy {
        report.add(Figure::of(SECTION, format!("{name}, CPU of one core"), Unit::Percent, &[busy]));
    }
}
