//! What holds of any text that a user may write as a value, a name or a key.

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Config, ConnectorSpec, check_name, check_topic, check_value, normalize, tests, worker_keys};
use crate::plugin::{ConfigKey, Descriptor, Kind, ValueType};
use crate::policy::RestartPolicy;

const TYPES: [ValueType; 15] = [
    ValueType::Boolean,
    ValueType::String,
    ValueType::Int,
    ValueType::Short,
    ValueType::Long,
    ValueType::Double,
    ValueType::List,
    ValueType::Class,
    ValueType::Password,
    ValueType::Endpoint,
    ValueType::EndpointList,
    ValueType::FileRead,
    ValueType::FileWrite,
    ValueType::PathRead,
    ValueType::PathWrite,
];

fn key(name: &str, value_type: ValueType) -> ConfigKey {
    tests::key(name, value_type, false, None)
}

fn descriptor(kind: Kind) -> Descriptor {
    let keys = TYPES.iter().map(|it| key(&format!("{it:?}"), *it)).chain([key("topic", ValueType::String)]);
    tests::descriptor(kind, keys.collect())
}

/// Texts that are nearly right, as well as any.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "\\PC{0,12}",
        1 => any::<String>(),
        2 => "[ +-]{0,2}[0-9]{0,21}[.eE]?[0-9]{0,3} ?",
        2 => "([a-z]{1,5}://)?([a-z]{1,4}(:[a-z]{0,3})?@)?[a-z0-9.\\[\\]:]{0,9}(:[0-9]{0,6})?(/[a-z?#]{0,4})?",
        2 => "[a-z]{0,3}(, ?[a-z:0-9]{0,4}){0,4}",
        1 => select(vec!["true", "FALSE", " True ", "none", "all", "-1", "0", "log", "oms:log:", "t", "a,b", "\0"])
            .prop_map(str::to_owned),
    ]
}

/// Configurations of known keys, aliases and strangers.
fn config(kind: Kind) -> impl Strategy<Value = Config> {
    let own = descriptor(kind).keys;
    let mut names: Vec<String> = worker_keys(kind).into_iter().chain(own).map(|key| key.name).collect();
    names.extend(["connector-class", "task-parallelism", "max.tasks", "oms-driver-url", "stranger"].map(str::to_owned));
    btree_map(select(names), text(), 0..12).prop_map(|mut config| {
        // Most often what must be there is there, so that the rest is looked at for its own sake.
        config.entry("connector.class".to_owned()).or_insert_with(|| "p".to_owned());
        config
    })
}

proptest! {
    #[test]
    fn a_value_is_taken_or_refused_with_its_key_and_never_a_panic(
        value_type in select(TYPES.to_vec()), text in text(),
    ) {
        let trimmed = text.trim();
        let taken = check_value(&key("some.key", value_type), &text);
        let expected = match value_type {
            ValueType::Short => Some(trimmed.parse::<i16>().is_ok()),
            ValueType::Int => Some(trimmed.parse::<i32>().is_ok()),
            ValueType::Long => Some(trimmed.parse::<i64>().is_ok()),
            ValueType::Double => Some(trimmed.parse::<f64>().is_ok()),
            ValueType::Boolean => Some(["true", "false"].contains(&trimmed.to_ascii_lowercase().as_str())),
            ValueType::String | ValueType::List | ValueType::Password => Some(true),
            _ => None,
        };
        prop_assert!(expected.is_none_or(|expected| expected == taken.is_ok()), "{:?}", taken);
        if let Err(message) = taken {
            prop_assert!(message.starts_with("Invalid value ") && message.contains(" for configuration some.key: "));
        }
    }

    #[test]
    fn an_endpoint_that_is_taken_has_a_host(text in text()) {
        if check_value(&key("k", ValueType::Endpoint), &text).is_ok() {
            let text = text.trim();
            prop_assert!(!text.contains(char::is_whitespace) && text.contains(':'), "{}", text);
            let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
            let authority = rest.split(['/', '?', '#']).next().unwrap();
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            prop_assert!(!host.is_empty() && !host.starts_with(':'), "{}", text);
        }
    }

    #[test]
    fn a_password_is_in_no_message(secret in "[A-Z0-9]{6,12}", value_type in select(TYPES.to_vec())) {
        let mut password = key("k", ValueType::Password);
        password.allowed = vec!["other".to_owned()];
        let url = format!("ftp//me:{secret}@host");
        let messages = [check_value(&password, &secret), check_value(&key("k", ValueType::Endpoint), &url)];
        for message in messages {
            prop_assert!(!message.unwrap_err().contains(&secret));
        }
        // With an `@` also a list of endpoints hides what it holds; other types are shown, to be compared with.
        if value_type == ValueType::EndpointList {
            prop_assert!(!check_value(&key("k", value_type), &url).unwrap_err().contains(&secret));
        }
    }

    #[test]
    fn a_topic_that_is_taken_is_a_file_name_and_others_are_refused_with_the_rule(text in text()) {
        match check_topic(&text) {
            Ok(()) => {
                prop_assert!((1..=249).contains(&text.len()) && text.is_ascii() && text != "." && text != "..");
                prop_assert!(!text.contains(['/', '\\', '\0', ' ', '%']));
            }
            Err(reason) => prop_assert!(reason.contains("1 to 249")),
        }
    }

    #[test]
    fn a_connectors_name_that_is_taken_is_neither_empty_nor_has_control_characters(text in any::<String>()) {
        let fits = !text.trim().is_empty() && !text.trim().contains(char::is_control);
        prop_assert_eq!(check_name(&text).is_ok(), fits);
    }

    #[test]
    fn aliases_are_gone_after_normalizing_and_a_second_time_changes_nothing(config in config(Kind::Sink)) {
        let normal = normalize(&config);
        prop_assert_eq!(&normalize(&normal), &normal);
        let aliases = ["connector-class", "task-parallelism", "max.tasks", "source-record-converter"];
        prop_assert!(aliases.iter().all(|alias| !normal.contains_key(*alias)), "{:?}", normal);
        for (key, value) in &config {
            if normal.contains_key(key) {
                prop_assert_eq!(&normal[key], value, "what is written under its own name stays");
            }
        }
    }

    #[test]
    fn any_configuration_becomes_a_spec_within_bounds_or_problems_that_name_their_keys(
        (kind, config) in select(vec![Kind::Source, Kind::Sink]).prop_flat_map(|kind| (Just(kind), config(kind))),
        name in text(),
    ) {
        let descriptor = descriptor(kind);
        match ConnectorSpec::new(&name, &config, &descriptor, RestartPolicy::default()) {
            Ok(spec) => {
                prop_assert!((1..=10_000).contains(&spec.tasks_max), "{}", spec.tasks_max);
                prop_assert!(spec.topics.iter().all(|topic| check_topic(topic).is_ok()), "{:?}", spec.topics);
                prop_assert!(kind == Kind::Source || !spec.topics.is_empty());
                prop_assert!(spec.restart.backoff.initial <= spec.restart.backoff.max && spec.restart.max_failures > 0);
                prop_assert_eq!((spec.name.as_str(), spec.kind), (name.trim(), kind));
            }
            Err(errors) => {
                prop_assert!(!errors.0.is_empty());
                let known: Vec<String> =
                    worker_keys(kind).into_iter().chain(descriptor.keys).map(|key| key.name).collect();
                for problem in &errors.0 {
                    prop_assert!(known.contains(&problem.key) && !problem.message.is_empty(), "{:?}", problem);
                }
            }
        }
    }
}
