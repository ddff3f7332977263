//! The answer to a validation: every key with its definition, the value it has, and what is wrong with it.
//!
//! The shapes are Kafka Connect's `ConfigInfos`. What is wrong is found elsewhere ([`super::ConnectorSpec::new`], the
//! sandbox, the plugin); here it is put beside its key.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::values::shown_value;
use crate::failure::Problem;
use crate::plugin::{Checked, ConfigKey, Importance, ValueType, Width};

const NULL_VALUE: &str = "Null value can not be supplied as the configuration value.";

/// A key as tools draw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigKeyInfo {
    /// As written in a configuration.
    pub name: String,
    /// `BOOLEAN`, `STRING`, `INT`, `SHORT`, `LONG`, `DOUBLE`, `LIST`, `CLASS` or `PASSWORD`.
    #[serde(rename = "type")]
    pub value_type: String,
    /// There is no default, and the key must be set.
    pub required: bool,
    /// What holds where the key is not set.
    pub default_value: Option<String>,
    /// `HIGH`, `MEDIUM` or `LOW`.
    pub importance: String,
    /// What it does.
    pub documentation: String,
    /// The heading it stands under.
    pub group: Option<String>,
    /// The place in the group, as Kafka Connect calls it since 4.3.
    pub order_in_group: i32,
    /// The same, as Kafka Connect called it before, and most tools still do.
    pub order: i32,
    /// `NONE`, `SHORT`, `MEDIUM` or `LONG`.
    pub width: String,
    /// What a form should call it.
    pub display_name: String,
    /// Keys whose validity or visibility depends on this one.
    pub dependents: Vec<String>,
}

/// The value of a key, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigValueInfo {
    /// The key.
    pub name: String,
    /// The value as it would be used; absent where there is none or it cannot be read. Passwords are `[hidden]`.
    pub value: Option<String>,
    /// Values worth suggesting.
    pub recommended_values: Vec<String>,
    /// What is wrong.
    pub errors: Vec<String>,
    /// Whether a form should show the key.
    pub visible: bool,
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigInfo {
    /// Absent for a key that nobody defines and something is wrong with.
    pub definition: Option<ConfigKeyInfo>,
    /// Its value.
    pub value: ConfigValueInfo,
}

/// What a validation found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConfigInfos {
    /// The connector's class as it was written.
    pub name: String,
    /// How many errors there are in all.
    pub error_count: usize,
    /// The headings that keys stand under, in order.
    pub groups: Vec<String>,
    /// Every key, the worker's before the plugin's.
    pub configs: Vec<ConfigInfo>,
}

/// What a [`ConfigInfos`] is made of.
#[derive(Debug)]
pub struct Validation<'a> {
    /// The connector's class as it was written.
    pub class: &'a str,
    /// Every key there is, in the order to show them.
    pub keys: Vec<ConfigKey>,
    /// What was asked about, under the worker's names of keys; `None`: `null` was written.
    pub config: &'a BTreeMap<String, Option<String>>,
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What the plugin says of its keys. Errors are taken from `problems` alone.
    pub checked: Vec<Checked>,
    /// Values worth suggesting beside the plugin's own.
    pub recommended: BTreeMap<String, Vec<String>>,
}

impl From<&ConfigKey> for ConfigKeyInfo {
    fn from(key: &ConfigKey) -> Self {
        let default = key.default.as_deref();
        Self {
            name: key.name.clone(),
            value_type: key.value_type.kafka_name().to_owned(),
            required: key.required,
            default_value: default.and_then(|value| shown_value(key.value_type, value)),
            importance: match key.importance {
                Importance::High => "HIGH",
                Importance::Medium => "MEDIUM",
                Importance::Low => "LOW",
            }
            .to_owned(),
            documentation: key.documentation.clone(),
            group: Some(key.group.clone()).filter(|group| !group.is_empty()),
            order_in_group: key.order,
            order: key.order,
            width: match key.width {
                Width::None => "NONE",
                Width::Short => "SHORT",
                Width::Medium => "MEDIUM",
                Width::Long => "LONG",
            }
            .to_owned(),
            display_name: key.display_name.clone(),
            dependents: key.dependents.clone(),
        }
    }
}

impl Validation<'_> {
    /// Puts everything beside its key.
    pub fn into_infos(mut self) -> ConfigInfos {
        let keys = std::mem::take(&mut self.keys);
        let mut groups: Vec<String> = Vec::new();
        for key in &keys {
            if !key.group.is_empty() && !groups.contains(&key.group) {
                groups.push(key.group.clone());
            }
        }
        let mut configs: Vec<ConfigInfo> = keys.iter().map(|key| self.known(key)).collect();
        let defined: BTreeSet<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        let nulls = self.config.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key.as_str());
        let others = self.problems.iter().map(|problem| problem.key.as_str()).chain(nulls);
        let others: BTreeSet<&str> = others.filter(|key| !defined.contains(key)).collect();
        configs.extend(others.into_iter().map(|key| self.unknown(key)));
        let error_count = configs.iter().map(|config| config.value.errors.len()).sum();
        ConfigInfos { name: self.class.to_owned(), error_count, groups, configs }
    }

    fn known(&self, key: &ConfigKey) -> ConfigInfo {
        let checked = self.checked.iter().find(|checked| checked.key == key.name);
        let errors = self.errors(&key.name);
        // A class that there is not is no value, as in Kafka Connect; connector.class is a text there.
        let is_missing_class =
            key.value_type == ValueType::Class && key.name != "connector.class" && !errors.is_empty();
        let value = match self.config.get(&key.name) {
            Some(None) => None,
            Some(Some(_)) if is_missing_class => None,
            Some(Some(value)) => {
                let used = checked.and_then(|checked| checked.value.as_deref()).unwrap_or(value);
                shown_value(key.value_type, used)
            }
            None => key.default.as_deref().and_then(|value| shown_value(key.value_type, value)),
        };
        let mut recommended = checked.map(|checked| checked.recommended.clone()).unwrap_or_default();
        recommended.extend(self.recommended.get(&key.name).into_iter().flatten().cloned());
        if key.value_type == ValueType::Password {
            recommended.clear();
        }
        let visible = checked.is_none_or(|checked| checked.visible);
        ConfigInfo {
            definition: Some(key.into()),
            value: ConfigValueInfo { name: key.name.clone(), value, recommended_values: recommended, errors, visible },
        }
    }

    /// A key that nobody defines. Its value is not shown: it may be anything.
    fn unknown(&self, key: &str) -> ConfigInfo {
        let value = ConfigValueInfo {
            name: key.to_owned(),
            value: None,
            recommended_values: Vec::new(),
            errors: self.errors(key),
            visible: true,
        };
        ConfigInfo { definition: None, value }
    }

    fn errors(&self, key: &str) -> Vec<String> {
        let mut errors: Vec<String> =
            self.problems.iter().filter(|problem| problem.key == key).map(|problem| problem.message.clone()).collect();
        if self.config.get(key).is_some_and(Option::is_none) {
            errors.push(NULL_VALUE.to_owned());
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::worker_keys;
    use crate::plugin::Kind;

    fn infos(pairs: &[(&str, Option<&str>)], problems: Vec<Problem>, checked: Vec<Checked>) -> ConfigInfos {
        let config = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect();
        let keys = worker_keys(Kind::WebhookSource);
        let recommended = BTreeMap::new();
        Validation { class: "C", keys, config: &config, problems, checked, recommended }.into_infos()
    }

    fn value<'a>(infos: &'a ConfigInfos, key: &str) -> &'a ConfigValueInfo {
        &infos.configs.iter().find(|config| config.value.name == key).expect("the key").value
    }

    #[test]
    fn groups_and_the_worker_s_keys_come_in_kafka_connect_s_order() {
        let keys = |kind| worker_keys(kind).into_iter().map(|key| key.name).collect::<Vec<_>>();
        let common = [
            "name",
            "connector.class",
            "connector.plugin.version",
            "tasks.max",
            "tasks.max.enforce",
            "key.converter",
            "key.converter.plugin.version",
            "value.converter",
            "value.converter.plugin.version",
            "header.converter",
            "header.converter.plugin.version",
            "transforms",
            "predicates",
            "config.action.reload",
            "errors.retry.timeout",
            "errors.retry.delay.max.ms",
            "errors.tolerance",
            "errors.log.enable",
            "errors.log.include.messages",
        ];
        let sink = [
            "topics",
            "topics.regex",
            "errors.deadletterqueue.topic.name",
            "errors.deadletterqueue.topic.replication.factor",
            "errors.deadletterqueue.context.headers.enable",
        ];
        let source = [
            "topic.creation.groups",
            "exactly.once.support",
            "transaction.boundary",
            "transaction.boundary.interval.ms",
            "offsets.storage.topic",
        ];
        let begins = |keys: Vec<String>, with: &[&str]| {
            assert_eq!(keys.iter().take(with.len()).collect::<Vec<_>>(), with.to_vec());
        };
        begins(keys(Kind::Sink), &[&common[..], &sink].concat());
        begins(keys(Kind::Source), &[&common[..], &source].concat());
        let groups = infos(&[], Vec::new(), Vec::new()).groups;
        let expected = [
            "Common",
            "Transforms",
            "Predicates",
            "Error Handling",
            "Topic Creation",
            "Exactly Once Support",
            "offsets.topic",
            "Inbound HTTP",
        ];
        assert_eq!(groups, expected);
    }

    #[test]
    fn a_value_is_the_one_written_or_the_default_or_none_where_it_cannot_be_read() {
        let problem = |key: &str| Problem { key: key.to_owned(), message: "wrong".to_owned() };
        let written =
            [("tasks.max", Some(" 7 ")), ("errors.retry.timeout", Some("soon")), ("value.converter", Some("No"))];
        let infos = infos(&written, vec![problem("errors.retry.timeout"), problem("value.converter")], Vec::new());
        let shown = |key| value(&infos, key).value.as_deref();
        assert_eq!((shown("tasks.max"), shown("errors.tolerance")), (Some("7"), Some("none")));
        assert_eq!((shown("errors.retry.timeout"), shown("value.converter")), (None, None));
        assert_eq!(infos.error_count, 2);
    }

    #[test]
    fn a_null_is_an_error_of_its_key_also_of_one_that_nobody_knows() {
        let infos = infos(&[("tasks.max", None), ("foo", None), ("bar", Some("x"))], Vec::new(), Vec::new());
        assert_eq!(value(&infos, "tasks.max").errors, [NULL_VALUE]);
        let foo = infos.configs.last().expect("one that is not defined");
        assert!(foo.definition.is_none() && foo.value.name == "foo" && foo.value.errors == [NULL_VALUE]);
        assert_eq!(infos.error_count, 2);
        assert!(!infos.configs.iter().any(|config| config.value.name == "bar"));
    }

    #[test]
    fn a_password_is_never_shown_whoever_says_it() {
        let checked = Checked {
            key: "ingest.auth.token".to_owned(),
            value: Some("hunter2".to_owned()),
            recommended: vec!["hunter3".to_owned()],
            errors: Vec::new(),
            visible: false,
        };
        let infos = infos(&[("ingest.auth.token", Some("hunter2"))], Vec::new(), vec![checked]);
        let token = value(&infos, "ingest.auth.token");
        assert_eq!((token.value.as_deref(), token.visible), (Some("[hidden]"), false));
        assert!(!serde_json::to_string(&infos).expect("JSON").contains("hunter"));
    }
}
