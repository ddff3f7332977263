//! `cargo xtask chaos`: round after round, a worker is killed while rows move, and nothing may be lost.
//!
//! What a round does is in `tests/chaos`; here it is built and run. It works on copies of what was built, so that a build
//! that goes on meanwhile, for an hour perhaps, does not change the worker under it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{guests, process};

const ROUNDS: &str = "wharf-chaos-rounds";

/// How long, and from which seed on.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) minutes: u64,
    pub(crate) rounds: Option<u64>,
    pub(crate) seed: Option<u64>,
    /// Takes what was built before.
    pub(crate) no_build: bool,
}

/// Builds the worker whose points can be made to kill it.
pub(crate) fn build_worker(workspace: &Workspace) -> Result<()> {
    let mut cargo = process::cargo(&workspace.root);
    cargo.args(["build", "--release", "-p", "wharf", "--features", "failpoints", "--bin", "wharf-chaos"]);
    process::run(&mut cargo)
}

/// Runs rounds until the time is up or something does not hold, which is an error.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    if !options.no_build {
        guests::plugins(workspace)?;
        build_worker(workspace)?;
        let mut cargo = process::cargo(&workspace.root);
        process::run(cargo.args(["build", "--release", "-p", "wharf-chaos-tests", "--bin", ROUNDS]))?;
    }
    let copies = workspace.target.join("chaos").join(std::process::id().to_string());
    let done = copy(workspace, &copies).and_then(|()| rounds(&copies, options));
    let removed = fs::remove_dir_all(&copies).with_context(|| format!("remove {}", copies.display()));
    done.and(removed)
}

fn copy(workspace: &Workspace, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    let release = workspace.target.join("release");
    let mut files = vec![release.join("wharf-chaos"), release.join(ROUNDS)];
    let dist = workspace.dist();
    for entry in fs::read_dir(&dist).with_context(|| format!("read {}", dist.display()))? {
        files.push(entry.context("read the plugins")?.path());
    }
    for file in files.iter().filter(|file| file.is_file()) {
        let name = file.file_name().unwrap_or_default();
        fs::copy(file, to.join(name)).with_context(|| format!("copy {}", file.display()))?;
    }
    Ok(())
}

fn rounds(copies: &Path, options: &Options) -> Result<()> {
    let mut command = std::process::Command::new(copies.join(ROUNDS));
    // What is left after a violation is the best there is to find its cause.
    command.env("WHARF_TEST_ARTIFACTS", copies).env("WHARF_TEST_KEEP", "1");
    match options.rounds {
        Some(rounds) => command.args(["--rounds".to_owned(), rounds.to_string()]),
        None => command.args(["--minutes".to_owned(), options.minutes.to_string()]),
    };
    if let Some(seed) = options.seed {
        command.args(["--seed".to_owned(), seed.to_string()]);
    }
    process::run(&mut command)
}
