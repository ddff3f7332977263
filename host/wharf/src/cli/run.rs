//! `wharf run`

use std::process::ExitCode;

use anyhow::Context as _;

use super::{Exit, RunArgs};
use crate::settings::Settings;
use crate::{logging, signals, wire};

pub(crate) fn run(args: &RunArgs, color: anstream::ColorChoice) -> anyhow::Result<ExitCode> {
    let log = logging::start(args.log_format, color)?;
    let settings = Settings::load(args)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("start the worker's threads")?;
    runtime.block_on(async {
        // Before anything else, so that a signal that comes early is not lost.
        let signals = signals::Signals::listen()?;
        wire::run(settings, signals, log).await
    })?;
    // What is left hangs in a blocking call that nobody waits for any more.
    runtime.shutdown_timeout(std::time::Duration::from_millis(100));
    Ok(Exit::Done.into())
}
