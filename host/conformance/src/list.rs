//! The table of checks, in the order in which they are made.

use wharf_core::plugin::Kind;

use crate::bench::Bench;
use crate::check::{Check, Concerns, Finding, Found, Needs};
use crate::checks::{
    capabilities, config, describe, keys, lifecycle, limits, resume, shapes, sink, source, tasks, webhook,
};

const LOADS: &str = "the file is a component that fits the contract";

/// What a check is, for who wants to know before it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// Stable: `source.resume`.
    pub id: &'static str,
    /// What must hold, in a sentence.
    pub says: &'static str,
    /// Which plugins it concerns; `None`: all.
    pub only: Option<Kind>,
    /// Whether it is skipped without a configuration.
    pub needs_config: bool,
}

/// All checks there are, in the order in which they are made.
///
/// ```
/// assert!(wharf_conformance::checks().iter().any(|check| check.id == "source.resume"));
/// ```
pub fn checks() -> Vec<About> {
    let first = About { id: LOAD, says: LOADS, only: None, needs_config: false };
    let rest = CHECKS.iter().map(|check| About {
        id: check.id,
        says: check.says,
        only: match check.concerns {
            Concerns::All => None,
            Concerns::Only(kind) => Some(kind),
        },
        needs_config: check.needs != Needs::Nothing,
    });
    std::iter::once(first).chain(rest).collect()
}

/// The check that all others come after.
pub(crate) const LOAD: &str = "load.loads";
pub(crate) const LOAD_SAYS: &str = LOADS;

/// A check that only looks.
macro_rules! look {
    ($check:path) => {
        |bench: &Bench| -> Finding<'_> {
            let mut found = Found::default();
            $check(bench, &mut found);
            Box::pin(std::future::ready(found))
        }
    };
}

/// A check that calls the plugin; it goes on after what it finds.
macro_rules! call {
    ($check:path) => {
        |bench: &Bench| -> Finding<'_> {
            Box::pin(async move {
                let mut found = Found::default();
                $check(bench, &mut found).await;
                found
            })
        }
    };
}

/// A check that may also end with a failure.
macro_rules! steps {
    ($check:path) => {
        |bench: &Bench| -> Finding<'_> {
            Box::pin(async move {
                let mut found = Found::default();
                let step = $check(bench, &mut found).await;
                found.take(step)
            })
        }
    };
}

/// A check that holds or ends with a failure.
macro_rules! holds {
    ($check:path) => {
        |bench: &Bench| -> Finding<'_> { Box::pin(async move { Found::default().take($check(bench).await) }) }
    };
}

const fn check(
    id: &'static str,
    concerns: Concerns,
    needs: Needs,
    says: &'static str,
    make: for<'a> fn(&'a Bench) -> Finding<'a>,
) -> Check {
    Check { id, says, concerns, needs, gate: false, make }
}

/// What needs a task is not made after one of these has failed.
const fn gate(check: Check) -> Check {
    Check { gate: true, ..check }
}

use Concerns::All;
use Needs::{Config, Nothing, Task};
const SOURCE: Concerns = Concerns::Only(Kind::Source);
const SINK: Concerns = Concerns::Only(Kind::Sink);
const WEBHOOK: Concerns = Concerns::Only(Kind::WebhookSource);

#[rustfmt::skip]
pub(crate) static CHECKS: &[Check] = &[
    check("describe.identity", All, Nothing, "name and version can be used in files, URLs and metrics", look!(describe::identity)),
    check("describe.texts", All, Nothing, "the plugin says what it does", look!(describe::texts)),
    check("describe.aliases", All, Nothing, "other names of the plugin are names and collide with nothing", look!(describe::aliases)),
    check("describe.stable", All, Nothing, "each load of the file describes the same plugin", look!(describe::stable)),
    check("describe.kind", All, Nothing, "the plugin is what it says it is, and nothing else", steps!(describe::kind)),
    check("keys.names", All, Nothing, "the names of keys can be written, and none is there twice", look!(keys::names)),
    check("keys.texts", All, Nothing, "each key says what it does and what a form should call it", look!(keys::texts)),
    check("keys.layout", All, Nothing, "groups, places and importance of keys make a form", look!(keys::layout)),
    check("keys.defaults", All, Nothing, "defaults and allowed values fit their type; what is required has no default", look!(keys::defaults)),
    check("keys.dependents", All, Nothing, "keys that depend on others exist", look!(keys::dependents)),
    check("keys.worker", All, Nothing, "no key hides behind one of the worker's", look!(keys::workers)),
    check("capabilities.imports", All, Nothing, "the plugin imports nothing that its descriptor does not ask for", look!(capabilities::imports)),
    check("config.wrong-values", All, Nothing, "validate survives values of the wrong type and names keys that exist", call!(config::wrong_values)),
    check("config.empty-values", All, Nothing, "validate survives empty values", call!(config::empty_values)),
    check("config.huge-values", All, Nothing, "validate survives values of 1 MiB", call!(config::huge_values)),
    check("config.control-characters", All, Nothing, "validate survives control characters", call!(config::control_characters)),
    check("config.odd-numbers", All, Nothing, "validate survives numbers at the ends of their range", call!(config::odd_numbers)),
    check("config.nothing-set", All, Nothing, "validate and tasks survive a configuration in which keys are missing", steps!(config::nothing_set)),
    gate(check("config.given", All, Config, "the given configuration is accepted", steps!(config::given))),
    check("config.same-twice", All, Config, "validate and tasks give the same answer twice", steps!(config::same_twice)),
    gate(check("tasks.count", All, Config, "tasks gives at least one task and never more than asked for", steps!(tasks::count))),
    check("tasks.valid", All, Config, "the configuration of each task is valid and grants what it names", steps!(tasks::valid)),
    gate(check("lifecycle.starts", All, Task, "the task starts, and again in a new instance", holds!(lifecycle::starts))),
    check("lifecycle.stops-at-once", All, Task, "a task can be stopped right after its start", holds!(lifecycle::stops_at_once)),
    gate(check("lifecycle.works", All, Task, "a started task polls, puts or answers", holds!(lifecycle::works))),
    check("lifecycle.order", All, Task, "start, work, pause, resume, work, stop", holds!(lifecycle::order)),
    check("lifecycle.pauses-twice", All, Task, "pause and resume may come twice", holds!(lifecycle::pauses_twice)),
    check("lifecycle.stops-paused", All, Task, "a paused task can be stopped", holds!(lifecycle::stops_paused)),
    check("lifecycle.failed", All, Task, "a task that is given up can be told so", holds!(lifecycle::failed)),
    check("source.bounds", SOURCE, Task, "a poll brings no more rows and bytes than asked for", steps!(source::bounds)),
    check("source.wait", SOURCE, Task, "a poll returns within the wait it was granted", steps!(source::wait)),
    check("source.checkpoints", SOURCE, Task, "rows come with checkpoints that tell them apart", steps!(source::checkpoints)),
    check("source.finished", SOURCE, Task, "a source that is finished stays finished", steps!(source::finished)),
    check("source.resume", SOURCE, Task, "from every checkpoint the rows behind it follow, none lost", steps!(resume::resume)),
    check("source.alter", SOURCE, Task, "alter survives offsets that make no sense", steps!(source::alter)),
    check("source.odd-offsets", SOURCE, Task, "the task survives stored offsets that make no sense", holds!(source::odd_offsets)),
    check("source.commit", SOURCE, Task, "commit takes what was reached, and polling goes on", steps!(source::commit)),
    check("sink.flushes", SINK, Task, "flush works before, between and after puts", steps!(sink::flushes)),
    check("sink.same-rows-twice", SINK, Task, "rows may be put again", steps!(sink::same_rows_twice)),
    check("sink.partitions", SINK, Task, "partitions may be assigned and revoked", steps!(sink::partitions)),
    check("sink.no-rows", SINK, Task, "put survives a batch without rows", steps!(shapes::no_rows)),
    check("sink.tombstones", SINK, Task, "put survives rows without a value", steps!(shapes::tombstones)),
    check("sink.null-keys", SINK, Task, "put survives rows without a key", steps!(shapes::null_keys)),
    check("sink.headers", SINK, Task, "put survives headers of all kinds", steps!(shapes::headers)),
    check("sink.details", SINK, Task, "put survives operations, odd timestamps and schemas", steps!(shapes::details)),
    check("sink.binary", SINK, Task, "put survives binary values", steps!(shapes::binary)),
    check("sink.empty-values", SINK, Task, "put survives empty values", steps!(shapes::empty_values)),
    check("sink.large-value", SINK, Task, "put survives a value of 1 MiB", steps!(shapes::large_value)),
    check("sink.many-rows", SINK, Task, "put takes 10,000 rows at once", steps!(shapes::many_rows)),
    check("sink.not-utf8", SINK, Task, "put survives text that is not UTF-8", steps!(shapes::not_utf8)),
    check("sink.broken-json", SINK, Task, "put survives JSON that is broken", steps!(shapes::broken_json)),
    check("webhook.answers", WEBHOOK, Task, "requests are answered with a status and headers that can be sent", steps!(webhook::answers)),
    check("webhook.empty", WEBHOOK, Task, "handle survives requests without anything in them", steps!(webhook::empty)),
    check("webhook.methods", WEBHOOK, Task, "handle survives any method", steps!(webhook::methods)),
    check("webhook.headers", WEBHOOK, Task, "handle survives huge, many and odd headers", steps!(webhook::headers)),
    check("webhook.bodies", WEBHOOK, Task, "handle survives binary, broken and large bodies", steps!(webhook::bodies)),
    check("webhook.paths", WEBHOOK, Task, "handle survives any path", steps!(webhook::paths)),
    check("lifecycle.destroyed", All, Task, "the deletion of the connector is survived, twice", holds!(lifecycle::destroyed)),
    check("capabilities.denials", All, Task, "nothing was denied: the plugin keeps to what its configuration names", look!(capabilities::denials)),
    check("limits.deadline", All, Nothing, "every call came back within its deadline", look!(limits::deadline)),
    check("limits.memory", All, Nothing, "no instance needed more memory than it may have", look!(limits::memory)),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_groups_are_whole_words() {
        let ids: Vec<&str> = checks().into_iter().map(|check| check.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        for id in ids {
            let (group, name) = id.split_once('.').unwrap();
            assert!(
                [group, name]
                    .iter()
                    .all(|it| !it.is_empty()
                        && it.chars().all(|c| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit())),
                "{id}"
            );
        }
    }
}
