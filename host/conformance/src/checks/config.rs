//! How `validate` takes input, good and bad.

use wharf_core::Config;
use wharf_core::config::{ConnectorSpec, check_value, worker_keys};
use wharf_core::plugin::{Checked, ConfigKey, ValueType};
use wharf_core::policy::RestartPolicy;

use crate::bench::{Bench, describe};
use crate::check::{Found, Step};

/// Bytes of a value that nobody expects.
const HUGE: usize = 1 << 20;
/// Keys that are tried; a plugin with more is tried with the first.
const KEYS: usize = 100;
/// After so many instances that died a check ends.
const DEATHS: usize = 3;

/// A value that a key of this type accepts.
fn sample(key: &ConfigKey) -> String {
    if let Some(first) = key.allowed.first() {
        return first.clone();
    }
    let text = match key.value_type {
        ValueType::Boolean => "true",
        ValueType::Int | ValueType::Short | ValueType::Long | ValueType::Double => "1",
        ValueType::Endpoint | ValueType::EndpointList => "localhost:1",
        ValueType::FileRead | ValueType::FileWrite | ValueType::PathRead | ValueType::PathWrite => {
            "/tmp/wharf-conformance"
        }
        ValueType::String | ValueType::List | ValueType::Class | ValueType::Password => "text",
    };
    text.to_owned()
}

/// The configuration that was given, or one that is right by its types.
fn base(bench: &Bench) -> Config {
    let descriptor = bench.descriptor();
    bench.config.clone().unwrap_or_else(|| {
        let required = descriptor.keys.iter().filter(|key| key.required);
        let class = ("connector.class".to_owned(), descriptor.name.clone());
        required.map(|key| (key.name.clone(), sample(key))).chain([class]).collect()
    })
}

/// Has one configuration validated. An answer, whatever it is, must be about keys that there are. Says whether there was
/// one.
async fn judge(bench: &Bench, found: &mut Found, what: &str, config: &Config) -> bool {
    let call = bench.plugin.validate(config);
    match bench.must("validate", bench.options.describe_deadline, call).await {
        Ok(answer) => {
            about_keys(bench, found, what, &answer);
            true
        }
        Err(reason) => {
            found.fail(format!("with {what}: {reason}"));
            false
        }
    }
}

fn about_keys(bench: &Bench, found: &mut Found, what: &str, answer: &[Checked]) {
    let descriptor = bench.descriptor();
    let workers = worker_keys(descriptor.kind);
    for checked in answer {
        let name = &checked.key;
        if !descriptor.keys.iter().chain(&workers).any(|key| key.name == *name) {
            found.fail(format!("with {what}: `validate` speaks of the key {name:?}, which there is not"));
        }
        if checked.errors.iter().any(|error| error.trim().is_empty()) {
            found.fail(format!("with {what}: `validate` has an empty error for `{name}`: say what to write instead"));
        }
    }
}

/// Each key by itself with each of the values.
async fn each(bench: &Bench, found: &mut Found, what: &str, values: impl Fn(&ConfigKey) -> Vec<String>) {
    let (base, mut tried, mut deaths) = (base(bench), 0, 0);
    for key in bench.descriptor().keys.iter().take(KEYS) {
        for value in values(key) {
            tried += 1;
            let shown = if value.len() > 20 { String::new() } else { format!(" {value:?}") };
            let mut config = base.clone();
            config.insert(key.name.clone(), value);
            let lives = judge(bench, found, &format!("{what}{shown} for `{}`", key.name), &config).await;
            deaths += usize::from(!lives);
            // Enough is known, and each death may have taken until the deadline.
            if deaths == DEATHS {
                return;
            }
        }
    }
    found.note(format!("{tried} configurations"));
}

pub(crate) async fn wrong_values(bench: &Bench, found: &mut Found) {
    let wrong = ["abc", "maybe", "1.5.2", "no-such-value", "::", "http://", "\0"];
    each(bench, found, "the wrong value", |key| {
        let values = wrong.iter().filter(|value| check_value(key, value).is_err());
        values.take(3).map(|&value| value.to_owned()).collect()
    })
    .await;
}

pub(crate) async fn empty_values(bench: &Bench, found: &mut Found) {
    each(bench, found, "the empty value", |_| vec![String::new(), "  ".to_owned()]).await;
}

pub(crate) async fn huge_values(bench: &Bench, found: &mut Found) {
    each(bench, found, "1 MiB of text", |_| vec!["x".repeat(HUGE)]).await;
}

pub(crate) async fn control_characters(bench: &Bench, found: &mut Found) {
    let values = ["a\0b", "\u{1b}[31m", "a\r\nb\t\u{7f}", "\u{202e}\u{feff}"];
    each(bench, found, "the value", |_| values.iter().map(|&value| value.to_owned()).collect()).await;
}

pub(crate) async fn odd_numbers(bench: &Bench, found: &mut Found) {
    let whole = ["0", "-1", "+7", " 7 ", "32767", "-2147483648", "2147483647", "9223372036854775807"];
    let broken = ["NaN", "inf", "-0.0", "1e308", "1e-308"];
    each(bench, found, "the number", |key| {
        let numbers: &[&str] = match key.value_type {
            ValueType::Short | ValueType::Int | ValueType::Long => &whole,
            ValueType::Double => &broken,
            _ => &[],
        };
        numbers.iter().map(|&number| number.to_owned()).collect()
    })
    .await;
}

pub(crate) async fn nothing_set(bench: &Bench, found: &mut Found) -> Step {
    if !judge(bench, found, "nothing set", &Config::new()).await {
        return Ok(());
    }
    let base = base(bench);
    for key in bench.descriptor().keys.iter().filter(|key| key.required).take(KEYS) {
        let mut config = base.clone();
        config.remove(&key.name);
        judge(bench, found, &format!("`{}` missing", key.name), &config).await;
    }
    // The worker never asks that, but a refusal is an answer.
    let nothing = Config::new();
    let split = bench.plugin.tasks(&nothing, 1);
    bench.survives("tasks", bench.options.describe_deadline, split).await.map(drop)
}

/// As a worker decides whether a connector may be created.
pub(crate) async fn given(bench: &Bench, found: &mut Found) -> Step {
    let config = bench.config()?;
    if let Err(errors) = ConnectorSpec::new("conformance", &config, bench.descriptor(), RestartPolicy::default()) {
        errors.0.iter().for_each(|problem| found.fail(problem.to_string()));
    }
    for problem in bench.plugin.check_capabilities(&config) {
        found.fail(problem.to_string());
    }
    let call = bench.plugin.validate(&config);
    let answer = bench.must("validate", bench.options.describe_deadline, call).await?;
    about_keys(bench, found, "the configuration", &answer);
    for checked in &answer {
        checked.errors.iter().for_each(|error| found.fail(format!("{}: {error}", checked.key)));
    }
    Ok(())
}

pub(crate) async fn same_twice(bench: &Bench, found: &mut Found) -> Step {
    let (config, allowed) = (bench.config()?, bench.options.describe_deadline);
    let first = bench.must("validate", allowed, bench.plugin.validate(&config)).await?;
    let second = bench.must("validate", allowed, bench.plugin.validate(&config)).await?;
    if first != second {
        found.fail("`validate` gives two answers to the same configuration: it must depend on nothing else");
    }
    let first = bench.survives("tasks", allowed, bench.plugin.tasks(&config, 4)).await?;
    let second = bench.survives("tasks", allowed, bench.plugin.tasks(&config, 4)).await?;
    match (first, second) {
        (Ok(first), Ok(second)) if first != second => {
            found.fail("`tasks` splits the same configuration in two ways: tasks would be restarted for nothing");
        }
        (Err(failure), _) | (_, Err(failure)) => found.fail(format!("`tasks` failed: {}", describe(&failure))),
        _ => {}
    }
    Ok(())
}
