//! What happens between a call from the host and the author's hook: the same in WebAssembly and under the test kit.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::batch::{Batch, BatchBuilder, Limits};
use crate::config::{self, ConfigMap};
use crate::context::Context;
use crate::descriptor::Descriptor;
use crate::failure::{Failure, Problem};
use crate::sink::Sink;
use crate::source::{Next, Source};
use crate::webhook::{Request, Response, Webhook};

/// The answer to a call that comes before `on-start` or after `on-stop`.
pub(crate) fn not_started() -> Failure {
    Failure::fatal("the task is not running: the host called it before on-start or after on-stop")
}

/// The answer to a second `on-start`.
pub(crate) fn started_already() -> Failure {
    Failure::fatal("the task is running already: the host called on-start twice")
}

type Validate<C> = fn(&C) -> Vec<Problem>;

fn read<C: DeserializeOwned>(about: &Descriptor, config: ConfigMap) -> Result<C, Problem> {
    config::read(&config::with_defaults(about, config))
}

fn check<C: DeserializeOwned>(about: &Descriptor, validate: Validate<C>, config: ConfigMap) -> Vec<Problem> {
    match read(about, config) {
        Ok(config) => validate(&config),
        Err(problem) => vec![problem],
    }
}

pub(crate) fn validate_source<T: Source>(config: ConfigMap) -> Vec<Problem> {
    check(&T::describe(), T::validate, config)
}

pub(crate) fn validate_sink<T: Sink>(config: ConfigMap) -> Vec<Problem> {
    check(&T::describe(), T::validate, config)
}

pub(crate) fn validate_webhook<T: Webhook>(config: ConfigMap) -> Vec<Problem> {
    check(&T::describe(), T::validate, config)
}

/// `validate` runs here too: a task may be started from a stored configuration that an older version accepted.
fn approved<C: DeserializeOwned>(about: &Descriptor, validate: Validate<C>, config: ConfigMap) -> Result<C, Failure> {
    let config = read(about, config)?;
    refuse(validate(&config))?;
    Ok(config)
}

pub(crate) fn start_source<T: Source>(context: &Context, config: ConfigMap) -> Result<T, Failure> {
    T::start(context, approved(&T::describe(), T::validate, config)?)
}

pub(crate) fn start_sink<T: Sink>(context: &Context, config: ConfigMap) -> Result<T, Failure> {
    T::start(context, approved(&T::describe(), T::validate, config)?)
}

pub(crate) fn start_webhook<T: Webhook>(context: &Context, config: ConfigMap) -> Result<T, Failure> {
    T::start(context, approved(&T::describe(), T::validate, config)?)
}

fn refuse(problems: Vec<Problem>) -> Result<(), Failure> {
    if problems.is_empty() { Ok(()) } else { Err(Failure::InvalidConfig(problems)) }
}

pub(crate) fn poll<T: Source>(task: &mut T, limits: Limits) -> Result<(Batch, Next), Failure> {
    let mut batch = BatchBuilder::new(limits);
    let next = task.poll(&mut batch)?;
    Ok((batch.finish()?, next))
}

/// Rows of one request: as many as it holds.
const REQUEST: Limits = Limits { max_rows: u32::MAX, max_bytes: u32::MAX, max_wait: Duration::ZERO };

pub(crate) fn handle<T: Webhook>(task: &mut T, request: Request) -> Result<(Batch, Response), Failure> {
    let mut batch = BatchBuilder::new(REQUEST);
    let response = task.handle(request, &mut batch)?;
    Ok((batch.finish()?, response))
}

/// Only the exports call it.
#[cfg(target_family = "wasm")]
fn destroyed<C: DeserializeOwned>(about: &Descriptor, destroy: impl FnOnce(C), config: ConfigMap) {
    match read(about, config) {
        Ok(config) => destroy(config),
        Err(problem) => log::warn!("nothing is cleaned up: {}: {}", problem.key, problem.message),
    }
}

#[cfg(target_family = "wasm")]
pub(crate) fn destroyed_source<T: Source>(context: &Context, config: ConfigMap) {
    destroyed(&T::describe(), |config| T::destroyed(context, config), config);
}

#[cfg(target_family = "wasm")]
pub(crate) fn destroyed_sink<T: Sink>(context: &Context, config: ConfigMap) {
    destroyed(&T::describe(), |config| T::destroyed(context, config), config);
}

#[cfg(target_family = "wasm")]
pub(crate) fn destroyed_webhook<T: Webhook>(context: &Context, config: ConfigMap) {
    destroyed(&T::describe(), |config| T::destroyed(context, config), config);
}
