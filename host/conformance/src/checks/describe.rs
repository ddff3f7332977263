//! What a plugin says of itself as a whole.

use wharf_core::config::worker_keys;
use wharf_core::plugin::Kind;

use crate::bench::Bench;
use crate::check::{Found, Step};
use crate::offsets::Stored;
use std::sync::Arc;

/// A sentence fits into a table.
const SUMMARY: usize = 200;

fn is_name(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit());
    name.len() <= 64 && name.split('-').all(is_part)
}

fn is_version(version: &str) -> bool {
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| {
        !part.is_empty() && part.chars().all(|char| char.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    numbers.split('.').count() == 3 && numbers.split('.').all(is_number)
}

pub(crate) fn identity(bench: &Bench, found: &mut Found) {
    let descriptor = bench.descriptor();
    if !is_name(&descriptor.name) {
        found.fail(format!(
            "the name is {:?}: write lower-case letters, digits and single hyphens, like file-source",
            descriptor.name
        ));
    }
    if !is_version(&descriptor.version) {
        found.fail(format!("the version is {:?}: write a semantic version, like 1.2.0", descriptor.version));
    }
}

pub(crate) fn texts(bench: &Bench, found: &mut Found) {
    let descriptor = bench.descriptor();
    let summary = descriptor.summary.trim();
    if summary.is_empty() {
        found.fail("there is no summary: say in one sentence what the plugin does");
    } else if summary.chars().count() > SUMMARY || summary.contains(char::is_control) {
        found.warn(format!("the summary does not fit into a list: write one sentence of at most {SUMMARY} characters"));
    }
    if descriptor.documentation.trim().is_empty() {
        found.warn("there is no documentation: say in Markdown what a user should know");
    }
}

pub(crate) fn aliases(bench: &Bench, found: &mut Found) {
    let descriptor = bench.descriptor();
    let workers: Vec<String> = worker_keys(descriptor.kind).into_iter().map(|key| key.name).collect();
    for (at, alias) in descriptor.aliases.iter().enumerate() {
        if alias.is_empty() || alias.chars().any(|char| char.is_whitespace() || char.is_control()) {
            found.fail(format!("the alias {alias:?} cannot be written: use a name without blanks"));
        } else if workers.contains(alias) {
            found.fail(format!("the alias {alias} is a key of the worker: choose another"));
        } else if *alias == descriptor.name || descriptor.aliases.iter().take(at).any(|other| other == alias) {
            found.warn(format!("the alias {alias} says nothing new: leave it out"));
        }
    }
}

/// Stable: a registry compares what two loads of the same bytes say.
pub(crate) fn stable(bench: &Bench, found: &mut Found) {
    match &bench.again {
        Ok(again) if again == bench.descriptor() => {}
        Ok(_) => {
            found.fail("a second load of the same file describes another plugin: `describe` must always say the same")
        }
        Err(reason) => found.fail(format!("a second load of the same file failed: {reason}")),
    }
}

/// It can be started as nothing else than it says it is.
pub(crate) async fn kind(bench: &Bench, found: &mut Found) -> Step {
    let kind = bench.descriptor().kind;
    if kind == Kind::Transform {
        found.skip("transforms are not run by this version");
        return Ok(());
    }
    let config = bench.task.clone().unwrap_or_default();
    let setup = || bench.setup(config.clone(), Arc::new(Stored::default()), 1);
    let allowed = bench.options.start_deadline;
    let plugin = &bench.plugin;
    // Not by way of `call`: that the instance is refused is what we want, no incident.
    let source = async { plugin.start_source(setup()).await.is_ok() };
    let sink = async { plugin.start_sink(setup()).await.is_ok() };
    let webhook = async { plugin.start_webhook(setup()).await.is_ok() };
    for (other, what, started) in [
        (Kind::Source, "source", within(allowed, kind == Kind::Source, source).await),
        (Kind::Sink, "sink", within(allowed, kind == Kind::Sink, sink).await),
        (Kind::WebhookSource, "webhook source", within(allowed, kind == Kind::WebhookSource, webhook).await),
    ] {
        if started && other != kind {
            found
                .fail(format!("it says it is a {}, but can be started as a {what}: export one of them", name_of(kind)));
        }
    }
    Ok(())
}

async fn within(allowed: std::time::Duration, is_own: bool, start: impl Future<Output = bool>) -> bool {
    !is_own && tokio::time::timeout(allowed, start).await.unwrap_or(false)
}

fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Source => "source",
        Kind::Sink => "sink",
        Kind::Transform => "transform",
        Kind::WebhookSource => "webhook source",
    }
}
