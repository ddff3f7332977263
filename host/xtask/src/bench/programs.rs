//! The sections that `wharf-bench` (`tests/bench`) measures, because a worker cannot be asked for them from outside:
//! the boundary, and the same source with and without the sandbox.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::figure::{Figure, Target, Unit};
use super::lab::{self, Lab};
use super::moving::called;
use super::report::Report;
use crate::process;

pub(super) const BOUNDARY: &str = "the boundary between host and guest";
pub(super) const OVERHEAD: &str = "what the sandbox costs: the file source into the log";

/// Runs `wharf-bench` and reads its one object.
pub(super) fn ask(lab: &Lab<'_>, args: &[&str]) -> Result<Value> {
    let mut command = Command::new(lab.workspace.target.join("release").join("wharf-bench"));
    command.current_dir(&lab.workspace.root).args(args);
    let said = process::output(&mut command)?;
    serde_json::from_str(&said).with_context(|| format!("read the answer of `{}`", process::show(&command)))
}

pub(super) fn number(of: &Value, key: &str) -> Result<f64> {
    of.get(key).and_then(Value::as_f64).with_context(|| format!("wharf-bench answered without `{key}`"))
}

/// A path as an argument.
pub(super) fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is no UTF-8", path.display()))
}

pub(super) fn boundary(lab: &Lab<'_>, report: &mut Report) -> Result<()> {
    let (plugins, calls) = (lab.workspace.dist(), if lab.quick { "100" } else { "500" });
    let found = ask(lab, &["boundary", "--plugins", text(&plugins)?, "--calls", calls])?;
    let calls = found.get("calls").and_then(Value::as_array).context("wharf-bench answered without calls")?;
    for call in calls {
        let name = call.get("call").and_then(Value::as_str).unwrap_or_default();
        let (rows, size, headers) = (number(call, "rows")?, number(call, "size")?, number(call, "headers")?);
        let size_name = called(size as usize);
        let mut figure = Figure {
            section: BOUNDARY,
            name: format!("{name} {rows} × {size_name}, {headers} headers, a record"),
            unit: Unit::Microseconds,
            value: number(call, "us_per_row")?,
            min: number(call, "us_per_row_min")?,
            max: number(call, "us_per_row_max")?,
            runs: number(&found, "times")? as usize,
            target: None,
        };
        if rows == 500.0 && size == 1024.0 {
            figure = figure.should_be(Target::AtMost(0.1));
        }
        report.add(Some(figure));
    }
    let start = found.get("start").context("wharf-bench answered without `start`")?;
    let start = Figure {
        section: BOUNDARY,
        name: "a new instance, up to the end of on-start".to_owned(),
        unit: Unit::Milliseconds,
        value: number(start, "us")? / 1000.0,
        min: number(start, "us_min")? / 1000.0,
        max: number(start, "us_max")? / 1000.0,
        runs: number(&found, "times")? as usize,
        target: Some(Target::AtMost(5.0)),
    };
    report.add(Some(start));
    Ok(())
}

/// Seconds and µs of CPU a record, of each run.
#[derive(Debug, Default)]
struct Runs {
    seconds: Vec<f64>,
    cpu: Vec<f64>,
}

pub(super) fn overhead(lab: &mut Lab<'_>, report: &mut Report) -> Result<()> {
    for size in [100, 1024] {
        let input = lab.input(size)?;
        let mut native = Runs::default();
        let mut sandbox = Runs::default();
        // In turn, so that what else the machine does falls on both.
        for _ in 0..if lab.quick { 3 } else { 5 } {
            for (how, runs) in [("native", &mut native), ("sandbox", &mut sandbox)] {
                let dir = lab.dir.join("source");
                lab::clear(&dir)?;
                std::fs::create_dir(&dir).with_context(|| format!("create {}", dir.display()))?;
                let (plugins, lines) = (lab.workspace.dist(), input.lines.to_string());
                let args = ["source", "--how", how, "--plugins", text(&plugins)?, "--input", text(&input.path)?];
                let rest = ["--lines", &lines, "--dir", text(&dir)?];
                let found = ask(lab, &[&args[..], &rest[..]].concat())?;
                runs.seconds.push(number(&found, "seconds")?);
                runs.cpu.push(number(&found, "cpu_seconds")? * 1e6 / input.lines as f64);
                lab::clear(&dir)?;
            }
        }
        let size = called(size);
        for (how, runs) in [("native", &native), ("sandbox", &sandbox)] {
            let rates: Vec<f64> = runs.seconds.iter().map(|seconds| input.lines as f64 / seconds).collect();
            report.add(Figure::of(OVERHEAD, format!("{how}, {size}"), Unit::RecordsPerSecond, &rates));
            report.add(Figure::of(OVERHEAD, format!("{how}, {size}, CPU a record"), Unit::Microseconds, &runs.cpu));
        }
        for (what, of) in [("time", (&native.seconds, &sandbox.seconds)), ("CPU", (&native.cpu, &sandbox.cpu))] {
            let over = more(of.0, of.1).map(|percent| {
                let name = format!("{what} in the sandbox over native, {size}");
                Figure { runs: of.0.len(), ..percent.named(OVERHEAD, name) }.should_be(Target::AtMost(10.0))
            });
            report.add(over);
        }
    }
    Ok(())
}

/// By how many percent the median of `b` is above that of `a`; least and most are those of neighbouring runs.
fn more(a: &[f64], b: &[f64]) -> Option<Figure> {
    let percent = |a: f64, b: f64| (b / a - 1.0) * 100.0;
    let pairs: Vec<f64> = a.iter().zip(b).map(|(&a, &b)| percent(a, b)).collect();
    let of = |values: &[f64]| Figure::of("", "", Unit::Percent, values);
    let (a, b, pairs) = (of(a)?, of(b)?, of(&pairs)?);
    Some(Figure { value: percent(a.value, b.value), ..pairs })
}

impl Figure {
    /// The same figure under a name.
    fn named(self, section: &'static str, name: String) -> Self {
        Self { section, name, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overhead_is_that_of_the_medians() {
        let figure = more(&[1.0, 2.0, 4.0], &[1.1, 2.5, 4.0]).unwrap();
        assert_eq!((figure.value.round(), figure.min.round(), figure.max.round()), (25.0, 0.0, 25.0));
        assert_eq!(more(&[], &[]), None);
    }
}
