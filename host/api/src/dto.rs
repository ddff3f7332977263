//! Bodies of requests: how a configuration is read.
//!
//! Values may be written as strings, numbers or booleans; they are kept as the text they were written as (`1.50` stays
//! `1.50`), because configurations are text. `null` is told apart, because it is an error of its own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use wharf_core::config::{ConfigErrors, without_secrets};
use wharf_core::state::TargetState;
use wharf_core::{Config, Problem};
use wharf_runtime::{ConfigPatch, WorkerError};

use crate::error::ApiError;

type RawConfig<'a> = BTreeMap<String, &'a RawValue>;

/// The body of `POST /connectors`, as it stands in the request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCreate<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    config: Option<RawConfig<'a>>,
    #[serde(borrow)]
    initial_state: Option<&'a RawValue>,
}

/// A connector to be created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Create {
    /// Trimmed; empty where the request names none.
    pub(crate) name: String,
    pub(crate) config: Posted,
    pub(crate) state: TargetState,
}

/// A configuration as it was posted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Posted {
    config: Config,
    /// Keys whose value is `null`.
    nulls: Vec<String>,
}

impl Create {
    /// Reads the body of `POST /connectors`.
    pub(crate) fn read(body: &[u8]) -> Result<Self, ApiError> {
        let raw: RawCreate<'_> = json(body)?;
        let Some(config) = raw.config else {
            return Err(ApiError::unreadable(
                "the request has no `config`: write {\"name\":\"…\",\"config\":{\"connector.class\":\"…\"}}",
            ));
        };
        let name = raw.name.map(|value| text(value, "name")).transpose()?.flatten().unwrap_or_default();
        let state = raw.initial_state.map(|value| text(value, "initial_state")).transpose()?.flatten();
        let state = state.map_or(Ok(TargetState::Running), |state| target_state(&state))?;
        Ok(Self { name: name.trim().to_owned(), config: Posted::new(config)?, state })
    }

    /// Reads the body of `POST /connectors/{name}`: the configuration itself, or what `POST /connectors` takes.
    pub(crate) fn read_for(name: &str, body: &[u8]) -> Result<Self, ApiError> {
        let flat: RawConfig<'_> = json(body)?;
        let is_wrapped = flat.get("config").is_some_and(|config| config.get().starts_with('{'));
        if !is_wrapped {
            let config = Posted::new(flat)?;
            return Ok(Self { name: name.to_owned(), config, state: TargetState::Running });
        }
        let create = Self::read(body)?;
        if !create.name.is_empty() && create.name != name {
            return Err(mismatch(&create.name, name));
        }
        Ok(Self { name: name.to_owned(), ..create })
    }
}

impl Posted {
    /// Reads the body of `PUT /connectors/{name}/config`.
    pub(crate) fn read(body: &[u8]) -> Result<Self, ApiError> {
        Self::new(json(body)?)
    }

    fn new(raw: RawConfig<'_>) -> Result<Self, ApiError> {
        let mut posted = Self::default();
        for (key, value) in raw {
            match text(value, &key)? {
                Some(value) => {
                    posted.config.insert(key, value);
                }
                None => posted.nulls.push(key),
            }
        }
        Ok(posted)
    }

    /// The keys with their values, `None` where `null` was written.
    pub(crate) fn into_patch(self) -> ConfigPatch {
        let values = self.config.into_iter().map(|(key, value)| (key, Some(value)));
        values.chain(self.nulls.into_iter().map(|key| (key, None))).collect()
    }

    /// The configuration of the connector `name`, with `name` in it.
    pub(crate) fn named(mut self, name: &str) -> Result<Config, ApiError> {
        if let Some(configured) = self.config.get("name").filter(|configured| *configured != name) {
            return Err(mismatch(configured, name));
        }
        if self.nulls.iter().any(|key| key == "connector.class") {
            let configured = self.config.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            let mut shown: BTreeMap<&str, &str> = configured.collect();
            shown.extend(self.nulls.iter().map(|key| (key.as_str(), "null")));
            shown.insert("name", name);
            let shown = without_secrets(shown);
            return Err(ApiError::bad_request(format!("Connector config {shown} contains no connector type")));
        }
        if !self.nulls.is_empty() {
            let problem = |key| Problem { key, message: NULL_VALUE.to_owned() };
            let problems = self.nulls.into_iter().map(problem).collect();
            return Err(WorkerError::Invalid(ConfigErrors(problems)).into());
        }
        self.config.insert("name".to_owned(), name.to_owned());
        Ok(self.config)
    }
}

const NULL_VALUE: &str = "Null value can not be supplied as the configuration value.";

fn mismatch(configured: &str, name: &str) -> ApiError {
    ApiError::bad_request(format!(
        "Connector name configuration ({configured}) doesn't match connector name in the URL ({name})"
    ))
}

fn target_state(text: &str) -> Result<TargetState, ApiError> {
    let states = [TargetState::Running, TargetState::Paused, TargetState::Stopped];
    states
        .into_iter()
        .find(|state| state.as_str().eq_ignore_ascii_case(text))
        .ok_or_else(|| ApiError::unreadable(format!("`initial_state` is `{text}`: write RUNNING, PAUSED or STOPPED")))
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiError> {
    if body.is_empty() {
        return Err(ApiError::unreadable("the request has no body: send a JSON object"));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::unreadable(format!("the request body is not the JSON that is wanted here: {error}")))
}

/// The text of a scalar; `None` for `null`.
fn text(value: &RawValue, key: &str) -> Result<Option<String>, ApiError> {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw)
            .map(Some)
            .map_err(|error| ApiError::unreadable(format!("the value of `{key}` is no valid JSON string: {error}"))),
        Some(b'{' | b'[') => Err(ApiError::unreadable(format!(
            "the value of `{key}` is an object or a list: write a string, a number or a boolean"
        ))),
        Some(b'n') => Ok(None),
        _ => Ok(Some(raw.to_owned())),
    }
}

/// The answer to `GET /`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct ServerInfo<'a> {
    /// Wharf's version.
    pub(crate) version: &'a str,
    /// The commit it was built from.
    pub(crate) commit: &'a str,
    /// The name of the cluster, from the worker's settings.
    pub(crate) kafka_cluster_id: &'a str,
}

/// The answer to `GET /health`.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct Health {
    /// `healthy`, `starting` or `unhealthy`.
    pub(crate) status: &'static str,
    /// For people.
    pub(crate) message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(body: &str) -> Config {
        Posted::read(body.as_bytes()).unwrap().named("x").unwrap()
    }

    #[test]
    fn numbers_and_booleans_keep_the_text_they_were_written_as() {
        let config =
            config(r#"{"a":1,"b":true,"c":1.50,"d":1e3,"e":-7,"f":123456789012345678901234567890,"g":"\u00fc"}"#);
        let values: Vec<&str> = config.values().map(String::as_str).collect();
        assert_eq!(values, ["1", "true", "1.50", "1e3", "-7", "123456789012345678901234567890", "ü", "x"]);
    }

    #[test]
    fn the_last_of_a_key_written_twice_wins() {
        assert_eq!(config(r#"{"topic":"a","topic":"b"}"#).get("topic").unwrap(), "b");
    }

    #[test]
    fn a_null_is_an_error_of_the_configuration() {
        let refusal = Posted::read(br#"{"connector.class":"X","x":null}"#).unwrap().named("x").unwrap_err();
        let refusal = serde_json::to_value(refusal).unwrap();
        assert_eq!(refusal["error_code"], 400);
        assert!(refusal["message"].as_str().unwrap().contains(NULL_VALUE));
    }

    #[test]
    fn a_null_class_is_no_class() {
        let refusal = Posted::read(br#"{"connector.class":null}"#).unwrap().named("x").unwrap_err();
        let expected = "Connector config {connector.class=null, name=x} contains no connector type";
        assert_eq!(refusal, ApiError::bad_request(expected));
    }

    #[test]
    fn a_message_that_shows_a_configuration_shows_no_secret() {
        let body = br#"{"connector.class":null,"mysqlPassword":"hunter2","url":"amqp://me:hunter2@h/"}"#;
        let refusal = serde_json::to_string(&Posted::read(body).unwrap().named("x").unwrap_err()).unwrap();
        assert!(refusal.contains("mysqlPassword=[hidden]") && !refusal.contains("hunter2"), "{refusal}");
    }

    #[test]
    fn a_null_in_a_patch_stands_for_the_key_to_be_taken_out() {
        let patch = Posted::read(br#"{"a":1,"b":null}"#).unwrap().into_patch();
        let expected = [("a".to_owned(), Some("1".to_owned())), ("b".to_owned(), None)];
        assert_eq!(patch, ConfigPatch::from(expected));
    }

    #[test]
    fn a_name_in_the_configuration_must_be_the_connectors() {
        let refusal = Posted::read(br#"{"name":"b"}"#).unwrap().named("a").unwrap_err();
        assert_eq!(refusal, mismatch("b", "a"));
    }

    #[test]
    fn what_is_no_configuration_is_a_500_that_says_why() {
        for body in ["", "null", "[]", "{bad", r#"{"x":{"a":1}}"#, r#"{"x":[1]}"#, r#"{"a":"b"} xyz"#, "\u{feff}{}"] {
            let refusal = serde_json::to_value(Posted::read(body.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(refusal["error_code"], 500, "{body}");
            assert!(!refusal["message"].as_str().unwrap().is_empty());
        }
    }

    #[test]
    fn a_request_to_create_is_read_with_its_name_trimmed_and_its_state_in_any_case() {
        let create = Create::read(br#"{"name":" a\n","config":{},"initial_state":"stopped"}"#).unwrap();
        assert_eq!((create.name.as_str(), create.state), ("a", TargetState::Stopped));
        let create = Create::read(br#"{"name":null,"config":{},"initial_state":null}"#).unwrap();
        assert_eq!((create.name.as_str(), create.state), ("", TargetState::Running));
    }

    #[test]
    fn a_request_to_create_with_unknown_or_missing_parts_is_refused() {
        for body in [
            "{}",
            r#"{"name":"x"}"#,
            r#"{"name":"x","config":null}"#,
            r#"{"name":"x","config":{},"foo":1}"#,
            r#"{"name":"x","config":{},"initial_state":"bogus"}"#,
            r#"{"name":"x","config":{},"initial_state":1}"#,
            r#"{"name":"x""#,
        ] {
            let refusal = serde_json::to_value(Create::read(body.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(refusal["error_code"], 500, "{body}");
        }
    }

    #[test]
    fn the_openmessaging_verb_takes_the_configuration_bare_or_wrapped() {
        let bare = Create::read_for("x", br#"{"connector.class":"C"}"#).unwrap();
        let wrapped = Create::read_for("x", br#"{"config":{"connector.class":"C"}}"#).unwrap();
        assert_eq!(bare, wrapped);
        assert_eq!(Create::read_for("x", br#"{"name":"y","config":{}}"#).unwrap_err(), mismatch("y", "x"));
    }
}
