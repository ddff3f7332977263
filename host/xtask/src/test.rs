//! `cargo xtask test`: everything that can be checked, in one go.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::workspace::Workspace;
use crate::{chaos, clients, guests, process};

/// What the tests' own last lines say, added up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Tally {
    /// Takes a line like `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out`.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) = line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". ")) else {
            return;
        };
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

/// Runs the steps one after another, up to the first that fails, and ends with one line of figures.
pub(crate) fn run(workspace: &Workspace, fast: bool) -> Result<()> {
    let mut tally = Tally::default();
    let done = steps(workspace, fast, &mut tally);
    if let Err(error) = &done {
        println!("\n{error:#}");
    }
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    match done {
        Ok(()) => Ok(()),
        // It has been said above: the line of figures stays the last.
        Err(_) => std::process::exit(1),
    }
}

fn steps(workspace: &Workspace, fast: bool, tally: &mut Tally) -> Result<()> {
    let host = || process::cargo(&workspace.root);
    let guest = || {
        let mut cargo = process::cargo(&workspace.guests());
        cargo.env("CARGO_TARGET_DIR", workspace.guests_target());
        cargo
    };
    const CLIPPY: [&str; 7] = ["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"];
    // Guests are looked at as what they run as, and their tests as what those run as.
    const GUESTS: [&str; 8] =
        ["clippy", "--release", "--workspace", "--target", guests::TARGET, "--", "-D", "warnings"];
    const GUEST_TESTS: [&str; 7] = ["clippy", "--release", "--workspace", "--tests", "--", "-D", "warnings"];
    const TEST: [&str; 4] = ["test", "--release", "--workspace", "--no-fail-fast"];
    guests::ensure_target(workspace)?;
    if !fast {
        step("format of the host", || process::run(host().args(["fmt", "--all", "--check"])))?;
        step("format of the guests", || process::run(guest().args(["fmt", "--all", "--check"])))?;
        step("licences and duplicates", || deny(host()))?;
        step("lints of the host", || process::run(host().args(CLIPPY)))?;
        step("lints of the guests", || process::run(guest().args(GUESTS)))?;
        step("lints of the guests' tests", || process::run(guest().args(GUEST_TESTS)))?;
    }
    // Early: where a registry or a tool is missing, that is said before anything is built.
    step("third-party clients", || clients::install(workspace))?;
    step("plugins", || guests::plugins(workspace))?;
    step("fixtures", || guests::fixtures(workspace))?;
    step("the wharf binary", || process::run(host().args(["build", "--release", "-p", "wharf"])))?;
    step("the worker for chaos", || chaos::build_worker(workspace))?;
    step("tests of the guests", || tests(guest().args(TEST), tally))?;
    step("tests of the host", || tests(host().args(TEST), tally))
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("\n=== {name}");
    let begun = Instant::now();
    let done = work();
    let seconds = begun.elapsed().as_secs_f64();
    match done {
        Ok(()) => {
            println!("=== {name}: {seconds:.1} s");
            Ok(())
        }
        Err(error) => Err(error.context(format!("{name}: failed after {seconds:.1} s"))),
    }
}

fn tests(cargo: &mut Command, tally: &mut Tally) -> Result<()> {
    let passed = process::lines(cargo, |line| {
        println!("{line}");
        tally.add(line);
    })?;
    if !passed {
        bail!("`{}` failed", process::show(cargo));
    }
    Ok(())
}

fn deny(mut cargo: Command) -> Result<()> {
    if !process::exists("cargo-deny", &["--version"]) {
        println!("left out: cargo-deny is not installed (`cargo install cargo-deny --locked`)");
        return Ok(());
    }
    process::run(cargo.args(["deny", "--all-features", "check", "bans", "licenses", "sources"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_tests_are_added_up() {
        let mut tally = Tally::default();
        tally.add("running 4 tests");
        tally.add("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s");
        tally.add("test result: FAILED. 2 passed; 5 failed; 0 ignored; 0 measured; 7 filtered out; finished in 1.25s");
        assert_eq!(tally, Tally { passed: 5, failed: 5, skipped: 1 });
    }
}
