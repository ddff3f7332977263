//! What the `wharf` binary does: a worker (`wharf run`), and the commands that talk to one.
//!
//! [`cli`] is what the user types and sees, [`connector_file`] connectors as they stand in files and [`follow`] the worker's
//! following of them, [`settings`] what a worker is told and from where, [`wire`] puts the parts of a worker together,
//! [`audit`] takes down what plugins were denied, [`logging`] is what the worker says, [`access`] knows who may come in.
//! Nothing here knows how any of them works.

mod access;
mod audit;
mod cli;
mod connector_file;
mod fetch;
mod follow;
mod ingest;
mod lock;
mod logging;
mod properties;
mod secrets;
mod settings;
mod signals;
mod telemetry;
mod wire;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;

/// The whole program: reads the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let args = cli::Args::parse();
    let color = args.global.color();
    match wharf_faults::obey_environment().map_err(anyhow::Error::msg).and_then(|()| cli::run(args)) {
        Ok(code) => code,
        // The reader of our output has seen enough: `wharf topic read t | head`.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            cli::report(&error, color);
            cli::Exit::of(&error).into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.into_iter().any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
