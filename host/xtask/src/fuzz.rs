//! `cargo xtask fuzz`: a fuzz target for longer than its smoke test.

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::workspace::Workspace;
use crate::{guests, process};

/// What can be fuzzed: see `tests/fuzz/targets`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Batches as a guest hands them over
    Batch,
    /// Source offsets
    Checkpoint,
    /// Values of endpoint keys
    Allowlist,
    /// Files that may be plugins
    Loader,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Batch => "batch",
            Self::Checkpoint => "checkpoint",
            Self::Allowlist => "allowlist",
            Self::Loader => "loader",
        }
    }

    /// The test that runs it without a fuzzer.
    fn smoke_test(self) -> &'static str {
        match self {
            Self::Batch => "batches_of_a_guest",
            Self::Checkpoint => "checkpoints",
            Self::Allowlist => "the_grammar_of_allowlists",
            Self::Loader => "files_that_may_be_plugins",
        }
    }
}

/// Runs the target: with cargo-fuzz, which searches by coverage, or the way its smoke test does.
pub(crate) fn run(workspace: &Workspace, target: Target, seconds: u64, smoke: bool) -> Result<()> {
    if smoke { changes(workspace, target, seconds) } else { coverage(workspace, target, seconds) }
}

fn changes(workspace: &Workspace, target: Target, seconds: u64) -> Result<()> {
    if target == Target::Loader {
        guests::plugins(workspace)?;
    }
    let mut cargo = process::cargo(&workspace.root);
    cargo.args(["test", "--release", "-p", "wharf-fuzz-targets", "--test", "smoke", target.smoke_test()]);
    cargo.args(["--", "--exact", "--nocapture"]).env("WHARF_FUZZ_SECONDS", seconds.to_string());
    process::run(&mut cargo)
}

fn coverage(workspace: &Workspace, target: Target, seconds: u64) -> Result<()> {
    if !process::exists("cargo-fuzz", &["--version"]) {
        bail!("cargo-fuzz is missing: `cargo install cargo-fuzz --locked`, or add --smoke to go on without it");
    }
    let fuzz = workspace.root.join("tests/fuzz");
    let mut cargo = process::cargo(&workspace.root);
    // Sanitizers need a nightly compiler; what is fuzzed has no unsafe code of its own, and panics show without them.
    cargo.args(["fuzz", "run", "--fuzz-dir"]).arg(&fuzz).args(["--sanitizer", "none"]);
    if target == Target::Loader {
        cargo.args(["--features", "loader"]);
    }
    // Of its own: flags that are different rebuild everything. cargo-fuzz passes them on in RUSTFLAGS.
    let own = workspace.target.join("fuzz");
    cargo.arg("--target-dir").arg(&own).arg(target.name());
    cargo.args(["--", &format!("-max_total_time={seconds}"), "-rss_limit_mb=4096", "-max_len=4096"]);
    process::run(&mut cargo).with_context(|| format!("fuzz {}", target.name()))
}
