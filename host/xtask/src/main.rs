//! The project's automation: `cargo xtask plugins | fixtures | clients | openapi | demo | bench | chaos |
//! fuzz | test`.
//!
//! Everything that a newcomer or a CI machine does with this repository goes through here, so that both do the same:
//!
//! - [`guests`] builds what runs as WebAssembly: the plugins that ship with Wharf, the examples and the test fixtures;
//! - [`clients`] fetches the third-party clients of Kafka Connect that the tests put to a worker;
//! - [`openapi`] writes the API's description from the code;
//! - [`demo`] moves a real text through a source, the embedded log and a sink, kills the worker on the way and proves
//!   that nothing was lost;
//! - [`chaos`] kills workers under load for as long as one likes;
//! - [`fuzz`] feeds what takes input from strangers for as long as one likes;
//! - [`bench`] measures what Wharf promises, on this machine;
//! - [`test`] runs every check there is and ends with one line of figures.
//!
//! It is built in release like all the rest, so that nothing is compiled twice, and it depends on little, so that it
//! is there within seconds.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line tool is for")]

mod bench;
mod chaos;
mod clients;
mod demo;
mod fuzz;
mod guests;
mod openapi;
mod process;
mod procfs;
mod rest;
mod test;
mod worker;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Builds, shows and tests Wharf", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Builds the first-party plugins into plugins/dist
    Plugins,
    /// Builds the examples and the guests that misbehave, for the tests
    Fixtures,
    /// Fetches the third-party clients that the tests put to a worker
    Clients,
    /// Writes docs/openapi.json from the code
    Openapi,
    /// Moves a text of about 1 GB through a source, the log and a sink, with a kill on the way, and checks it
    Demo {
        /// A text file to take instead of one of this machine's
        path: Option<PathBuf>,
        /// How far the text is repeated, in millions of bytes
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        size_mb: u64,
        /// Keeps the files afterwards
        #[arg(long)]
        keep: bool,
    },
    /// Kills workers at random moments and at named points, under random settings, while rows move
    Chaos {
        /// How long
        #[arg(long, default_value_t = 1)]
        minutes: u64,
        /// So many rounds, however long they take
        #[arg(long, conflicts_with = "minutes")]
        rounds: Option<u64>,
        /// The seed of the first round; the next has the next number
        #[arg(long)]
        seed: Option<u64>,
        /// Takes what was built before
        #[arg(long)]
        no_build: bool,
    },
    /// Feeds a fuzz target until the time is up or something breaks
    Fuzz {
        /// Which
        target: fuzz::Target,
        /// How long
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Without cargo-fuzz: the changes of the smoke test, which look at no coverage, on any toolchain
        #[arg(long)]
        smoke: bool,
    },
    /// Measures every figure that Wharf promises, and says which are met
    Bench {
        /// Small sizes, for CI: under two minutes
        #[arg(long)]
        quick: bool,
        /// Measures what was built before
        #[arg(long)]
        no_build: bool,
        /// This part alone; may be given more than once
        #[arg(long, value_name = "PART")]
        only: Vec<bench::Part>,
        /// Where the figures go; bench.json in the target directory if not given
        #[arg(long, value_name = "PATH")]
        json: Option<PathBuf>,
        /// A page that takes the table between its markers, such as docs/PERFORMANCE.md
        #[arg(long, value_name = "PATH")]
        markdown: Option<PathBuf>,
    },
    /// Runs every check: format, lints, unit, integration and doc tests, licences
    Test {
        /// Leaves out format, lints and licences
        #[arg(long)]
        fast: bool,
    },
}

fn main() -> ExitCode {
    let done = Workspace::find().and_then(|workspace| match Cli::parse().command {
        Command::Plugins => guests::plugins(&workspace),
        Command::Fixtures => guests::fixtures(&workspace),
        Command::Clients => clients::install(&workspace),
        Command::Openapi => openapi::write(&workspace),
        Command::Demo { path, size_mb, keep } => demo::run(&workspace, &demo::Options { path, size_mb, keep }),
        Command::Chaos { minutes, rounds, seed, no_build } => {
            chaos::run(&workspace, &chaos::Options { minutes, rounds, seed, no_build })
        }
        Command::Fuzz { target, seconds, smoke } => fuzz::run(&workspace, target, seconds, smoke),
        Command::Bench { quick, no_build, only, json, markdown } => {
            bench::run(&workspace, &bench::Options { quick, no_build, only, json, markdown })
        }
        Command::Test { fast } => test::run(&workspace, fast),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
