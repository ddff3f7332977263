//! Configurations as users write them, and what they are told.

use std::time::Duration;

use super::{Config, ConfigErrors, ConnectorSpec, ErrorPolicy, worker_keys};
use crate::plugin::{ConfigKey, Descriptor, Importance, Kind, ValueType, Width};
use crate::policy::RestartPolicy;

pub(super) fn key(name: &str, value_type: ValueType, required: bool, default: Option<&str>) -> ConfigKey {
    ConfigKey {
        name: name.to_owned(),
        value_type,
        required,
        default: default.map(str::to_owned),
        importance: Importance::High,
        documentation: String::new(),
        group: String::new(),
        order: 1,
        width: Width::None,
        display_name: name.to_owned(),
        dependents: Vec::new(),
        allowed: Vec::new(),
    }
}

pub(super) fn descriptor(kind: Kind, keys: Vec<ConfigKey>) -> Descriptor {
    Descriptor {
        name: "file".to_owned(),
        version: "0.1.0".to_owned(),
        kind,
        summary: String::new(),
        documentation: String::new(),
        aliases: Vec::new(),
        keys,
    }
}

fn source() -> Descriptor {
    let keys = vec![
        key("file", ValueType::PathRead, true, None),
        key("topic", ValueType::String, true, None),
        key("batch.size", ValueType::Int, false, Some("2000")),
    ];
    descriptor(Kind::Source, keys)
}

fn sink() -> Descriptor {
    let keys = vec![key("topics", ValueType::List, true, None), key("file", ValueType::PathWrite, true, None)];
    descriptor(Kind::Sink, keys)
}

fn config(pairs: &[(&str, &str)]) -> Config {
    pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn spec(descriptor: &Descriptor, extra: &[(&str, &str)]) -> Result<ConnectorSpec, ConfigErrors> {
    let mut all = config(&[("connector.class", "File"), ("file", "/tmp/a")]);
    match descriptor.kind {
        Kind::Sink => all.insert("topics".to_owned(), "t".to_owned()),
        _ => all.insert("topic".to_owned(), "t".to_owned()),
    };
    all.extend(config(extra));
    ConnectorSpec::new("c", &all, descriptor, RestartPolicy::default())
}

fn messages(result: Result<ConnectorSpec, ConfigErrors>) -> Vec<String> {
    result.expect_err("refused").0.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn a_minimal_source_has_the_defaults_of_kafka_connect() {
    let spec = spec(&source(), &[]).expect("valid");
    assert_eq!((spec.name.as_str(), spec.class.as_str(), spec.plugin_version), ("c", "File", None));
    assert_eq!((spec.tasks_max, spec.topics, spec.group), (1, vec!["t".to_owned()], "connect-c".to_owned()));
    assert_eq!(spec.errors, ErrorPolicy::default());
    assert_eq!(spec.restart, RestartPolicy::default());
}

#[test]
fn the_defaults_in_the_table_of_keys_are_those_of_the_policies() {
    let all = worker_keys(Kind::Sink);
    let pairs = all.iter().filter_map(|key| Some((key.name.as_str(), key.default.as_deref()?)));
    let written: Vec<_> = pairs.filter(|(name, _)| *name != "topics").collect();
    let spec = spec(&sink(), &written).expect("every default is valid when written out");
    assert_eq!(spec.errors, ErrorPolicy::default());
    assert_eq!(spec.restart, RestartPolicy::default());
}

#[test]
fn all_that_is_wrong_is_said_at_once_the_workers_keys_first() {
    let wrong = config(&[
        ("connector.class", "File"),
        ("tasks.max", "0"),
        ("errors.tolerance", "some"),
        ("errors.retry.timeout", "soon"),
        ("errors.log.enable", "perhaps"),
        ("config.action.reload", "now"),
        ("batch.size", "x"),
    ]);
    let result = ConnectorSpec::new("c", &wrong, &source(), RestartPolicy::default());
    let expected = [
        "Invalid value 0 for configuration tasks.max: Value must be at least 1",
        "Invalid value now for configuration config.action.reload: String must be one of: none, restart",
        "Invalid value soon for configuration errors.retry.timeout: Not a number of type LONG",
        "Invalid value some for configuration errors.tolerance: String must be one of: none, all",
        "Invalid value perhaps for configuration errors.log.enable: Expected value to be either true or false",
        "Missing required configuration \"file\" which has no default value.",
        "Missing required configuration \"topic\" which has no default value.",
        "Invalid value x for configuration batch.size: Not a number of type INT",
    ];
    let errors = result.expect_err("refused");
    assert_eq!(errors.to_string(), expected.join("\n"));
    assert_eq!(errors.0[5].key, "file");
}

#[test]
fn tasks_max_that_is_no_number_is_two_errors_as_in_kafka_connect() {
    for bad in ["abc", "", "1.5", "99999999999"] {
        let expected = [
            format!("Invalid value {bad} for configuration tasks.max: Not a number of type INT"),
            "Invalid value null for configuration tasks.max: Value must be non-null".to_owned(),
        ];
        assert_eq!(messages(spec(&source(), &[("tasks.max", bad)])), expected);
    }
}

#[test]
fn a_sink_must_name_topics_once() {
    let none = "Must configure one of topics or topics.regex";
    assert_eq!(messages(spec(&sink(), &[("topics", "")])), [none, none]);
    let both = "topics and topics.regex are mutually exclusive options, but both are set.";
    assert_eq!(messages(spec(&sink(), &[("topics.regex", "a.*")])), [both, both]);
    let alone = messages(spec(&sink(), &[("topics", ""), ("topics.regex", "a.*")]));
    assert!(alone.len() == 1 && alone[0].contains("topics.regex: not supported yet"), "{alone:?}");
    let bad = messages(spec(&sink(), &[("topics", "a,b/c")]));
    assert!(bad.len() == 1 && bad[0].contains("1 to 249 letters"), "{bad:?}");
    let spec = spec(&sink(), &[("topics", " b, a ,b")]).expect("valid");
    assert_eq!(spec.topics, ["b", "a"]);
}

#[test]
fn the_dead_letter_queue_is_no_topic_that_the_sink_reads() {
    let name = "errors.deadletterqueue.topic.name";
    let expected =
        "The DLQ topic 't' may not be included in the list of topics ('topics=[t]') consumed by the connector";
    assert_eq!(messages(spec(&sink(), &[(name, "t")])), [expected]);
    let headers = "errors.deadletterqueue.context.headers.enable";
    let sink = spec(&sink(), &[(name, "dead"), (headers, "true")]).expect("valid");
    assert_eq!((sink.errors.dead_letter_topic.as_deref(), sink.errors.dead_letter_headers), (Some("dead"), true));
    let source = spec(&source(), &[(name, "dead")]).expect("a source has no such key");
    assert_eq!(source.errors.dead_letter_topic, None);
}

#[test]
fn the_error_policy_is_read() {
    let extra = [
        ("errors.tolerance", "all"),
        ("errors.retry.timeout", "-1"),
        ("errors.retry.delay.max.ms", "250"),
        ("errors.log.enable", "TRUE"),
        ("errors.log.include.messages", "true"),
    ];
    let errors = spec(&sink(), &extra).expect("valid").errors;
    let expected = ErrorPolicy {
        tolerate_all: true,
        retry_timeout: None,
        retry_delay_max: Duration::from_millis(250),
        log: true,
        log_messages: true,
        ..ErrorPolicy::default()
    };
    assert_eq!(errors, expected);
    let timeout = spec(&sink(), &[("errors.retry.timeout", "1500")]).expect("valid").errors.retry_timeout;
    assert_eq!(timeout, Some(Duration::from_millis(1500)));
}

#[test]
fn restart_keys_override_the_workers_defaults_one_by_one() {
    let defaults = RestartPolicy { max_failures: 3, window: Duration::from_secs(7), ..RestartPolicy::default() };
    let all = config(&[
        ("connector.class", "File"),
        ("file", "/tmp/a"),
        ("topic", "t"),
        ("restart.enabled", "false"),
        ("restart.backoff.initial.ms", "5"),
        ("restart.window.ms", "9000"),
    ]);
    let restart = ConnectorSpec::new("c", &all, &source(), defaults).expect("valid").restart;
    assert!(!restart.enabled);
    assert_eq!((restart.max_failures, restart.window), (3, Duration::from_secs(9)));
    assert_eq!((restart.backoff.initial, restart.backoff.max), (Duration::from_millis(5), defaults.backoff.max));
}

#[test]
fn a_first_wait_above_the_longest_is_refused() {
    let wrong = messages(spec(&source(), &[("restart.backoff.initial.ms", "70000")]));
    assert!(wrong.len() == 1 && wrong[0].contains("restart.backoff.max.ms, which is 60000"), "{wrong:?}");
}

#[test]
fn the_names_of_the_seeds_are_understood() {
    let seed = config(&[
        ("connector-class", "FileStreamSource"),
        ("task-parallelism", "4"),
        ("oms-driver-url", "oms:log:"),
        ("source-record-converter", "StringConverter"),
        ("file", "/tmp/a"),
        ("topic", "t"),
    ]);
    let spec = ConnectorSpec::new("c", &seed, &source(), RestartPolicy::default()).expect("valid");
    assert_eq!((spec.class.as_str(), spec.tasks_max), ("FileStreamSource", 4));
}

#[test]
fn what_is_not_there_yet_says_so() {
    for (key, value, part) in [
        ("transforms", "a", "transforms are not supported yet"),
        ("predicates", "p", "predicates are not supported yet"),
        ("value.converter", "org.apache.kafka.connect.json.JsonConverter", "not supported yet"),
        (
            "oms-driver-url",
            "oms:rocketmq://me@localhost:9876/x",
            "[hidden] for configuration oms-driver-url: there is no driver \"rocketmq\"",
        ),
    ] {
        let wrong = messages(spec(&source(), &[(key, value)]));
        assert!(wrong.len() == 1 && wrong[0].contains(part), "{wrong:?}");
    }
    assert!(spec(&source(), &[("transforms", " "), ("predicates", "")]).is_ok());
}

#[test]
fn odd_configurations_are_refused_with_the_key_to_mend() {
    let nameless = ConnectorSpec::new("", &config(&[]), &source(), RestartPolicy::default()).expect_err("refused");
    let keys: Vec<_> = nameless.0.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["name", "connector.class", "file", "topic"]);
    let topic = messages(spec(&source(), &[("topic", "a b")]));
    assert!(topic[0].starts_with("Invalid value a b for configuration topic: a topic is called by"), "{topic:?}");
    let transform = messages(spec(&descriptor(Kind::Transform, Vec::new()), &[]));
    assert!(transform[0].contains("name a source or a sink"), "{transform:?}");
}

#[test]
fn keys_that_nobody_knows_are_let_pass() {
    assert!(spec(&source(), &[("foo", "bar"), ("topics", "/?")]).is_ok());
}

#[test]
fn every_key_of_the_worker_is_documented_and_named_once() {
    let all = worker_keys(Kind::Sink);
    for key in &all {
        assert!(!key.documentation.is_empty() && !key.display_name.is_empty() && key.order > 0, "{}", key.name);
        assert_eq!(all.iter().filter(|other| other.name == key.name).count(), 1, "{}", key.name);
    }
}
