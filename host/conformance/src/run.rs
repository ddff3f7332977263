//! Walks through the table of checks.

use bytes::Bytes;
use wharf_core::plugin::Loader;

use crate::bench::Bench;
use crate::check::{Check, Found, Needs};
use crate::list::{CHECKS, LOAD, LOAD_SAYS};
use crate::options::Options;
use crate::report::{Outcome, PluginName, Report, Status};

const NO_CONFIG: &str = "needs a configuration";
const HINT: &str = "give a configuration (--config FILE, JSON or properties) of a test system, and the skipped checks are \
                    made too";

fn outcome(id: &str, says: &str, found: Found, strict: bool) -> Outcome {
    let (status, reasons, note) = found.end(strict);
    Outcome { id: id.to_owned(), says: says.to_owned(), status, reasons, note }
}

pub(crate) async fn run(loader: &dyn Loader, wasm: Bytes, options: Options) -> Report {
    let mut found = Found::default();
    let plugin = match loader.load(wasm.clone()).await {
        Ok(plugin) => plugin,
        Err(error) => {
            found.fail(format!("{}: {}", error.code, error.message));
            return Report::new(None, vec![outcome(LOAD, LOAD_SAYS, found, options.strict)], None);
        }
    };
    let facts = plugin.facts();
    if facts.size > 0 {
        found.note(format!("{} KiB", facts.size.div_ceil(1024)));
    }
    let mut outcomes = vec![outcome(LOAD, LOAD_SAYS, found, options.strict)];
    let again = loader.load(wasm).await;
    let again = again.map(|plugin| plugin.descriptor().clone()).map_err(|error| format!("{}: {error}", error.code));
    let name = PluginName::of(plugin.as_ref());
    let bench = Bench::new(plugin, again, options).await;

    let mut closed: Option<&'static str> = None;
    for check in CHECKS.iter().filter(|check| check.concerns.kind(name.kind)) {
        let found = match not_now(check, &bench, closed) {
            Some(reason) => {
                let mut found = Found::default();
                found.skip(reason);
                found
            }
            None => (check.make)(&bench).await,
        };
        let outcome = outcome(check.id, check.says, found, bench.options.strict);
        if check.gate && outcome.status == Status::Failed {
            closed = closed.or(Some(check.id));
        }
        outcomes.push(outcome);
    }
    let is_without = bench.config.is_none() && outcomes.iter().any(|outcome| outcome.status == Status::Skipped);
    Report::new(Some(name), outcomes, is_without.then(|| HINT.to_owned()))
}

/// Why a check cannot be made, if so.
fn not_now(check: &Check, bench: &Bench, closed: Option<&str>) -> Option<String> {
    match check.needs {
        Needs::Nothing => None,
        _ if bench.config.is_none() => Some(NO_CONFIG.to_owned()),
        Needs::Config => None,
        Needs::Task => closed
            .map(|id| format!("because {id} failed"))
            .or_else(|| bench.task.as_ref().err().map(|reason| format!("there is no task: {reason}"))),
    }
}
