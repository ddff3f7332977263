//! The command line.

mod args;
mod audit;
mod client;
mod cluster;
mod config;
mod connection;
mod connector;
mod context;
mod exit;
mod files;
mod generate;
mod logger;
mod output;
mod plugin;
mod plugin_test;
mod proxy;
mod run;
mod stream;
mod token;
mod topic;

use std::io::Write as _;
use std::process::ExitCode;

use args::Command;
pub(crate) use args::{Args, LogFormat, RunArgs};
use client::Client;
pub(crate) use exit::Exit;
use output::Output;

/// Does what the user asked for.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { command, global } = args;
    let mut output = Output::new(&global);
    let output = &mut output;
    // What needs no worker comes first: a context that cannot be read does not stand in its way.
    let command = match command {
        Command::Run(run) => return run::run(&run, global.color()),
        Command::Config(command) => return finished(config::run(command, output), output),
        Command::Context(command) => return finished(done(context::run(command, &global, output)), output),
        Command::Token(command) => return finished(done(token::run(command, output)), output),
        Command::Completions { shell } => return finished(done(generate::completions(shell, output)), output),
        Command::Man { dir } => return finished(done(generate::man(dir.as_deref(), output)), output),
        command => command,
    };
    let client = Client::new(&context::connection(&global)?)?;
    let ended = match command {
        Command::Connector(command) => done(connector::run(command, &client, output)),
        Command::Plugin(command) => plugin::run(command, &client, output),
        Command::Audit(args) => done(audit::run(&args, &client, output)),
        Command::Topic(command) => done(topic::run(command, &client, output)),
        Command::Logger(command) => done(logger::run(command, &client, output)),
        Command::Cluster => done(cluster::cluster(&client, output)),
        Command::Metrics => done(cluster::metrics(&client, output)),
        Command::Run(_)
        | Command::Config(_)
        | Command::Context(_)
        | Command::Token(_)
        | Command::Completions { .. }
        | Command::Man { .. } => Ok(ExitCode::SUCCESS),
    };
    finished(ended, output)
}

fn done(ended: anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    ended.map(|()| Exit::Done.into())
}

/// What was printed is shown, also where a command failed half way.
fn finished(ended: anyhow::Result<ExitCode>, output: &mut Output) -> anyhow::Result<ExitCode> {
    let code = ended?;
    output.flush()?;
    Ok(code)
}

/// Says on stderr why a command failed: `error: …`, each cause behind a colon.
pub(crate) fn report(error: &anyhow::Error, color: anstream::ColorChoice) {
    let style = anstyle::AnsiColor::Red.on_default().effects(anstyle::Effects::BOLD);
    let mut stderr = anstream::AutoStream::new(std::io::stderr(), color);
    // Nobody is left to be told that stderr is gone.
    writeln!(stderr, "{style}error:{style:#} {error:#}").ok();
}
