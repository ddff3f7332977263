//! The generated types of each world, made of the SDK's and the other way round. Lists are moved, never copied.

/// Defines the conversions for one bindings crate. The generated types of two worlds are equal in shape, but they are
/// different types.
macro_rules! conversions {
    ($bindings:ident) => {
        use $bindings::exports::openmessaging::connect::{connector, lifecycle};
        use $bindings::openmessaging::connect::{host, types};

        use std::time::Duration;

        use crate::config::ConfigMap;
        use crate::context::Context;
        use crate::descriptor::{ConfigKey, Descriptor, Importance, Kind, ValueType, Width};
        use crate::failure::{Failure, Problem};

        /// The host behind the imports of this world.
        struct Imports;

        impl crate::host::Host for Imports {
            fn log(&self, level: log::Level, target: &str, message: &str) {
                let level = match level {
                    log::Level::Trace => host::Level::Trace,
                    log::Level::Debug => host::Level::Debug,
                    log::Level::Info => host::Level::Info,
                    log::Level::Warn => host::Level::Warn,
                    log::Level::Error => host::Level::Error,
                };
                host::log(level, target, message);
            }

            fn count(&self, name: &str, labels: &[(&str, &str)], by: u64) {
                host::count(name, &owned(labels), by);
            }

            fn gauge(&self, name: &str, labels: &[(&str, &str)], value: f64) {
                host::gauge(name, &owned(labels), value);
            }

            fn observe(&self, name: &str, labels: &[(&str, &str)], value: f64) {
                host::observe(name, &owned(labels), value);
            }

            fn offsets(&self, partitions: &[String]) -> Vec<Option<String>> {
                host::offsets(partitions)
            }

            fn request_reconfiguration(&self) {
                host::request_reconfiguration();
            }
        }

        fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
            labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        }

        fn config_in(config: Vec<(String, String)>) -> ConfigMap {
            config.into_iter().collect()
        }

        fn configs_out(configs: Vec<ConfigMap>) -> Vec<Vec<(String, String)>> {
            configs.into_iter().map(|config| config.into_iter().collect()).collect()
        }

        fn context_in(context: lifecycle::Context) -> Context {
            let lifecycle::Context { connector, task, tasks, worker, attempt, generation } = context;
            Context { connector, task, tasks, worker, attempt, generation }
        }

        fn failure_out(failure: Failure) -> types::Failure {
            match failure {
                Failure::Retriable(retry) => types::Failure::Retriable(types::Retry {
                    reason: retry.reason,
                    after_ms: retry.after.map(millis),
                    at_row: retry.at_row,
                }),
                Failure::InvalidConfig(problems) => types::Failure::InvalidConfig(
                    problems.into_iter().map(|Problem { key, message }| types::Problem { key, message }).collect(),
                ),
                Failure::Fatal(reason) => types::Failure::Fatal(reason),
            }
        }

        fn millis(time: Duration) -> u64 {
            u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
        }

        /// One answer for each key that has problems.
        fn checked_out(config: &ConfigMap, problems: Vec<Problem>) -> Vec<connector::Checked> {
            let mut checked: Vec<connector::Checked> = Vec::new();
            for Problem { key, message } in problems {
                match checked.iter_mut().find(|known| known.key == key) {
                    Some(known) => known.errors.push(message),
                    None => checked.push(connector::Checked {
                        value: config.get(&key).cloned(),
                        key,
                        recommended: Vec::new(),
                        errors: vec![message],
                        visible: true,
                    }),
                }
            }
            checked
        }

        fn descriptor_out(about: Descriptor, kind: Kind) -> connector::Descriptor {
            connector::Descriptor {
                name: about.name,
                version: about.version,
                kind: match kind {
                    Kind::Source => connector::Kind::Source,
                    Kind::Sink => connector::Kind::Sink,
                    Kind::WebhookSource => connector::Kind::WebhookSource,
                },
                summary: about.summary,
                documentation: about.documentation,
                aliases: about.aliases,
                keys: about.keys.into_iter().zip(1..).map(|(key, place)| key_out(key, place)).collect(),
            }
        }

        fn key_out(key: ConfigKey, place: i32) -> connector::ConfigKey {
            connector::ConfigKey {
                display_name: key.display_name.unwrap_or_else(|| key.name.clone()),
                name: key.name,
                value_type: value_type_out(key.value_type),
                required: key.required,
                default: key.default,
                importance: match key.importance {
                    Importance::High => connector::Importance::High,
                    Importance::Medium => connector::Importance::Medium,
                    Importance::Low => connector::Importance::Low,
                },
                documentation: key.documentation,
                group: key.group,
                order: key.order.unwrap_or(place),
                width: match key.width {
                    Width::None => connector::Width::None,
                    Width::Short => connector::Width::Short,
                    Width::Medium => connector::Width::Medium,
                    Width::Long => connector::Width::Long,
                },
                dependents: key.dependents,
                allowed: key.allowed,
            }
        }

        fn value_type_out(value_type: ValueType) -> connector::ValueType {
            match value_type {
                ValueType::Boolean => connector::ValueType::Boolean,
                ValueType::String => connector::ValueType::String,
                ValueType::Int => connector::ValueType::Int,
                ValueType::Short => connector::ValueType::Short,
                ValueType::Long => connector::ValueType::Long,
                ValueType::Double => connector::ValueType::Double,
                ValueType::List => connector::ValueType::List,
                ValueType::Class => connector::ValueType::Class,
                ValueType::Password => connector::ValueType::Password,
                ValueType::Endpoint => connector::ValueType::Endpoint,
                ValueType::EndpointList => connector::ValueType::EndpointList,
                ValueType::FileRead => connector::ValueType::FileRead,
                ValueType::FileWrite => connector::ValueType::FileWrite,
                ValueType::PathRead => connector::ValueType::PathRead,
                ValueType::PathWrite => connector::ValueType::PathWrite,
            }
        }
    };
}

pub(super) use conversions;
