//! What happens between a call from the host and the author's hook: the same in WebAssembly and under the test kit.

use crate::batch::{Batch, BatchBuilder, Limits};
use crate::config::{self, ConfigMap};
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::failure::{Failure, Problem};
use crate::sink::Sink;
use crate::source::{Next, Source};

/// The answer to a call that comes before `on-start` or after `on-stop`.
pub(crate) fn not_started() -> Failure {
    Failure::fatal("the task is not running: the host called it before on-start or after on-stop")
}

/// The answer to a second `on-start`.
pub(crate) fn started_already() -> Failure {
    Failure::fatal("the task is running already: the host called on-start twice")
}

fn read<C: serde::de::DeserializeOwned>(about: &Descriptor, config: ConfigMap) -> Result<C, Problem> {
    config::read(&config::with_defaults(about, config))
}

pub(crate) fn validate_source<T: Source>(config: ConfigMap) -> Vec<Problem> {
    match read(&T::describe(), config) {
        Ok(config) => T::validate(&config),
        Err(problem) => vec![problem],
    }
}

pub(crate) fn validate_sink<T: Sink>(config: ConfigMap) -> Vec<Problem> {
    match read(&T::describe(), config) {
        Ok(config) => T::validate(&config),
        Err(problem) => vec![problem],
    }
}

/// `validate` runs here too: a task may be started from a stored configuration that an older version accepted.
pub(crate) fn start_source<T: Source>(context: &Context, config: ConfigMap) -> Result<T, Failure> {
    let config = read(&T::describe(), config)?;
    refuse(T::validate(&config))?;
    T::start(context, config)
}

pub(crate) fn start_sink<T: Sink>(context: &Context, config: ConfigMap) -> Result<T, Failure> {
    let config = read(&T::describe(), config)?;
    refuse(T::validate(&config))?;
    T::start(context, config)
}

fn refuse(problems: Vec<Problem>) -> Result<(), Failure> {
    if problems.is_empty() { Ok(()) } else { Err(Failure::InvalidConfig(problems)) }
}

pub(crate) fn poll<T: Source>(task: &mut T, limits: Limits) -> Result<(Batch, Next), Failure> {
    let mut batch = BatchBuilder::new(limits);
    let next = task.poll(&mut batch)?;
    Ok((batch.finish()?, next))
}

/// Only the exports call it.
#[cfg(target_family = "wasm")]
pub(crate) fn destroyed_source<T: Source>(context: &Context, config: ConfigMap) {
    match read(&T::describe(), config) {
        Ok(config) => T::destroyed(context, config),
        Err(problem) => log::warn!("nothing is cleaned up: {}: {}", problem.key, problem.message),
    }
}

/// Only the exports call it.
#[cfg(target_family = "wasm")]
pub(crate) fn destroyed_sink<T: Sink>(context: &Context, config: ConfigMap) {
    match read(&T::describe(), config) {
        Ok(config) => T::destroyed(context, config),
        Err(problem) => log::warn!("nothing is cleaned up: {}: {}", problem.key, problem.message),
    }
}
