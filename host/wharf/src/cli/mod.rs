//! The command line.

mod args;
mod audit;
mod client;
mod connection;
mod connector;
mod files;
mod output;
mod plugin;
mod plugin_test;
mod run;
mod topic;

use std::io::Write as _;
use std::process::ExitCode;

use args::Command;
pub(crate) use args::{Args, LogFormat, RunArgs};
use client::{Client, Connection};
use output::Output;

/// Does what the user asked for.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { command, global } = args;
    let mut output = Output::new(&global);
    let client = Client::new(&Connection::new(&global.url, &global.connection))?;
    match command {
        Command::Run(run) => return run::run(&run, global.color()),
        Command::Connector(command) => connector::run(command, &client, &mut output)?,
        Command::Plugin(command) => {
            let code = plugin::run(command, &client, &mut output)?;
            output.flush()?;
            return Ok(code);
        }
        Command::Audit(args) => audit::run(&args, &client, &mut output)?,
        Command::Topic(command) => topic::run(command, &client, &mut output)?,
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Says on stderr why a command failed: `error: …`, each cause behind a colon.
pub(crate) fn report(error: &anyhow::Error, color: anstream::ColorChoice) {
    let style = anstyle::AnsiColor::Red.on_default().effects(anstyle::Effects::BOLD);
    let mut stderr = anstream::AutoStream::new(std::io::stderr(), color);
    // Nobody is left to be told that stderr is gone.
    writeln!(stderr, "{style}error:{style:#} {error:#}").ok();
}
