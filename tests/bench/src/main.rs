//! The measurements that cannot be made from outside a worker. `cargo xtask bench` runs them, among others, and puts
//! what they say into its table; each prints one JSON object.
//!
//! - [`boundary`]: what a call into an instance and back costs for each row;
//! - [`source`]: the file source into the log, once in the sandbox and once compiled natively, in the same process
//!   set-up, so that the difference is the sandbox;
//! - [`floor`]: a bare loop that reads lines and appends them in frames: what is left when everything that makes a
//!   product is taken away.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it finds is what it prints")]

mod boundary;
mod cpu;
mod floor;
mod native;
mod setup;
mod source;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "wharf-bench", about = "Measures parts of Wharf; `cargo xtask bench` measures all of it")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What crossing between host and guest costs, a row
    Boundary {
        /// Where generator-source.wasm and blackhole-sink.wasm are
        #[arg(long, default_value = "plugins/dist")]
        plugins: PathBuf,
        /// How often each call is made
        #[arg(long, default_value_t = 300)]
        calls: u32,
    },
    /// A file into the log, with the source in the sandbox or native
    Source {
        /// What runs the source
        #[arg(long)]
        how: source::How,
        /// Where file-source.wasm is
        #[arg(long, default_value = "plugins/dist")]
        plugins: PathBuf,
        /// The file to read
        #[arg(long)]
        input: PathBuf,
        /// How many lines it has
        #[arg(long)]
        lines: u64,
        /// An empty directory for the log and the store
        #[arg(long)]
        dir: PathBuf,
    },
    /// A bare loop that reads lines and appends frames, with fdatasync for each MiB
    Floor {
        /// The file to read
        #[arg(long)]
        input: PathBuf,
        /// The file to write
        #[arg(long)]
        output: PathBuf,
    },
}

fn main() -> ExitCode {
    let runtime = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        runtime.context("start a runtime")
    };
    let found = match Cli::parse().command {
        Command::Boundary { plugins, calls } => {
            runtime().and_then(|runtime| runtime.block_on(boundary::measure(&plugins, calls)))
        }
        Command::Source { how, plugins, input, lines, dir } => {
            runtime().and_then(|runtime| runtime.block_on(source::measure(how, &plugins, &input, lines, &dir)))
        }
        Command::Floor { input, output } => floor::measure(&input, &output),
    };
    match found {
        Ok(found) => {
            println!("{found}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
