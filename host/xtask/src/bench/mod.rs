//! `cargo xtask bench`: every figure that Wharf promises, measured on this machine. `docs/PERFORMANCE.md` says what
//! each means.
//!
//! What can be seen from outside is measured on the real binary over REST; the rest by `wharf-bench` (`tests/bench`).

mod figure;
mod idle;
mod input;
mod lab;
mod limits;
mod machine;
mod many;
mod memory;
mod moving;
mod programs;
mod report;
mod times;

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use self::lab::Lab;
use self::machine::Machine;
use self::report::Report;
use crate::workspace::Workspace;
use crate::{guests, process};

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Options {
    /// Small sizes, for CI.
    pub(crate) quick: bool,
    /// Measure what was built before.
    pub(crate) no_build: bool,
    /// These parts alone; empty: all.
    pub(crate) only: Vec<Part>,
    /// Where the figures go as JSON; `None`: `bench.json` in the target directory.
    pub(crate) json: Option<PathBuf>,
    /// A page with markers, between which the table goes.
    pub(crate) markdown: Option<PathBuf>,
}

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Calls between host and guest
    Boundary,
    /// Rows through the log
    Moving,
    /// The sandbox against native code
    Overhead,
    /// What the machine itself can do
    Limits,
    /// Start, create, kill
    Times,
    /// Tasks that do nothing
    Idle,
    /// A thousand connectors, created and deleted again and again
    Many,
    /// Memory under load and backlog
    Memory,
}

/// In the order of the table; the limits come after what they are compared with.
const PARTS: [Part; 8] =
    [Part::Boundary, Part::Moving, Part::Limits, Part::Overhead, Part::Times, Part::Idle, Part::Many, Part::Memory];

pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if options.no_build {
        ensure!(workspace.binary().exists(), "there is no {}: leave out --no-build", workspace.binary().display());
    } else {
        build(workspace)?;
    }
    let begun = Instant::now();
    let mut lab = Lab::open(workspace, options.quick)?;
    let mut report = Report { machine: Machine::look(workspace, &lab.dir), quick: options.quick, figures: Vec::new() };
    println!("Measuring: {}", report.machine.sentence());
    for part in PARTS.into_iter().filter(|part| options.only.is_empty() || options.only.contains(part)) {
        println!("{part:?}");
        measure(part, &mut lab, &mut report).with_context(|| format!("measure {part:?}"))?;
    }
    lab.close()?;

    println!("\n{}", report.table());
    let (met, targets) = report.score();
    let json = options.json.clone().unwrap_or_else(|| workspace.target.join("bench.json"));
    fs::write(&json, format!("{:#}\n", report.json())).with_context(|| format!("write {}", json.display()))?;
    if let Some(page) = &options.markdown {
        report.write_markdown(page)?;
    }
    println!(
        "{met} of {targets} targets are met; {:.0} s; the figures are in {}",
        begun.elapsed().as_secs_f64(),
        json.display()
    );
    Ok(())
}

fn build(workspace: &Workspace) -> Result<()> {
    println!("Building");
    guests::plugins(workspace)?;
    // One by one: together Cargo might choose other features for wharf than its users get.
    for package in ["wharf", "wharf-bench"] {
        let mut cargo = process::cargo(&workspace.root);
        process::run(cargo.args(["build", "--release", "-p", package]))?;
    }
    Ok(())
}

fn measure(part: Part, lab: &mut Lab<'_>, report: &mut Report) -> Result<()> {
    match part {
        Part::Boundary => programs::boundary(lab, report),
        Part::Moving => moving::measure(lab, report),
        Part::Overhead => programs::overhead(lab, report),
        Part::Limits => limits::measure(lab, report),
        Part::Times => times::measure(lab, report),
        Part::Idle => idle::measure(lab, report),
        Part::Many => many::measure(lab, report),
        Part::Memory => memory::measure(lab, report),
    }
}
