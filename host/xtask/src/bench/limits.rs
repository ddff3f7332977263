//! What the machine itself can do with the same bytes, in the same run: our rates as a share of that.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use super::figure::{Figure, Unit};
use super::lab::Lab;
use super::moving;
use super::programs::{ask, number, text};
use super::report::Report;
use crate::process;

pub(super) const SECTION: &str = "the machine's own limits, one thread, same bytes";

pub(super) fn measure(lab: &mut Lab<'_>, report: &mut Report) -> Result<()> {
    for size in [100, 1024] {
        let input = lab.input(size)?;
        let output = lab.dir.join("copy");
        let (mut copied, mut bare, mut bare_cpu) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..3 {
            let begun = Instant::now();
            let file = File::create(&output).context("create a copy")?;
            let mut cat = Command::new("cat");
            cat.arg(&input.path).stdin(Stdio::null()).stdout(file.try_clone().context("open a copy again")?);
            process::run(&mut cat)?;
            file.sync_all().context("make a copy durable")?;
            copied.push(input.lines as f64 / begun.elapsed().as_secs_f64());

            let found = ask(lab, &["floor", "--input", text(&input.path)?, "--output", text(&output)?])?;
            bare.push(input.lines as f64 / number(&found, "seconds")?);
            bare_cpu.push(number(&found, "cpu_seconds")? * 1e6 / input.lines as f64);
            fs::remove_file(&output).context("remove a copy")?;
        }
        let (name, size) = (moving::through_name(size), moving::called(size));
        let ours = report.value(moving::SECTION, &name);
        for (what, rates) in [("cat and fsync", &copied), ("read lines, frame, append, fdatasync each MiB", &bare)] {
            let figure = Figure::of(SECTION, format!("{what}, {size}"), Unit::RecordsPerSecond, rates);
            let share = figure.as_ref().and_then(|limit| Some(ours? / limit.value * 100.0));
            report.add(figure);
            if let Some(share) = share {
                report.add(Figure::of(SECTION, format!("{name}, of that"), Unit::Percent, &[share]));
            }
        }
        report.add(Figure::of(SECTION, format!("the bare loop's CPU a record, {size}"), Unit::Microseconds, &bare_cpu));
    }
    Ok(())
}
