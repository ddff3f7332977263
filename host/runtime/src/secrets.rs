//! What the worker does with a connector's secrets.
//!
//! A configuration is kept and shown as it was posted, with placeholders and masked values. [`Hidden`] is made where it is
//! validated and goes with the [`crate::env::Job`]: it knows what must not be shown of this connector, and takes it out of
//! whatever is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use wharf_core::Problem;
use wharf_core::audit::{AuditEvent, Auditor};
use wharf_core::config::Config;
use wharf_core::plugin::{Descriptor, Plugin};
use wharf_core::secret::{Filled, HIDDEN, Mask, NoProviders, Placeholder, Redactor, SecretResolver};
use wharf_store::{Accepted, Sealer};

use crate::error::WorkerError;
use crate::redactors::Redactors;

/// Where secrets come from, and how they are kept. The default knows no provider and seals nothing.
#[derive(Debug, Clone)]
pub struct SecretParts {
    /// Knows the values behind placeholders.
    pub resolver: Arc<dyn SecretResolver>,
    /// Seals the values of secret keys in the store; `None`: they are stored as they are.
    pub sealer: Option<Arc<Sealer>>,
    /// Is told what must not stand in log lines.
    pub redactors: Arc<Redactors>,
}

impl Default for SecretParts {
    fn default() -> Self {
        Self { resolver: Arc::new(NoProviders), sealer: None, redactors: Arc::default() }
    }
}

/// What must not be shown of one connector.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    mask: Mask,
    pub(crate) redactor: Redactor,
    /// The values that placeholders were replaced in, by key.
    made: BTreeMap<String, String>,
    /// The placeholders, and what [`SecretResolver::stamp`] said of them.
    pub(crate) wanted: Vec<Placeholder>,
    pub(crate) stamp: u64,
}

impl Hidden {
    /// Of a configuration whose placeholders were looked up, for the plugin that it names.
    pub(crate) fn new(filled: &Filled, descriptor: &Descriptor) -> Self {
        let mask = Mask::of(descriptor);
        let redactor = Redactor::new(mask.secrets(&filled.config).into_iter().chain(filled.values.iter().cloned()));
        let Filled { made, wanted, stamp, .. } = filled;
        Self { mask, redactor, made: made.clone(), wanted: wanted.clone(), stamp: *stamp }
    }

    /// Of a configuration whose plugin is not known: its keys go by their names, and `sealed` are those that were secrets
    /// when it was stored.
    pub(crate) fn by_name(config: &Config, sealed: BTreeSet<String>) -> Self {
        let mask = Mask::default().with(sealed);
        let redactor = Redactor::new(mask.secrets(config));
        Self { mask, redactor, ..Self::default() }
    }

    /// A configuration as it may be shown.
    pub(crate) fn shown(&self, config: &Config) -> Config {
        self.mask.shown(config)
    }

    /// As [`Hidden::shown`], with more keys whose values are secrets.
    pub(crate) fn shown_with(&self, config: &Config, secret: &BTreeSet<String>) -> Config {
        self.mask.clone().with(secret.iter().cloned()).shown(config)
    }

    /// A task's configuration as it may be shown: a value that was made from a placeholder is the placeholder again, and
    /// what the plugin made of one is without it.
    pub(crate) fn shown_task(&self, connector: &Config, task: &Config) -> Config {
        task.iter().map(|(key, value)| (key.clone(), self.shown_value(connector, key, value.clone()))).collect()
    }

    /// One value that was made of the connector's configuration, as it may be shown.
    pub(crate) fn shown_value(&self, connector: &Config, key: &str, value: String) -> String {
        match connector.get(key) {
            Some(written) if *written == value || self.made.get(key) == Some(&value) => self.mask.value(key, written),
            _ => self.redactor.redact_owned(self.mask.value(key, &value)),
        }
    }

    /// See [`Mask::restored`].
    pub(crate) fn restored(&self, posted: Config, stored: &Config) -> Config {
        self.mask.restored(posted, stored)
    }

    /// What stands for a stored value of which there is none.
    pub(crate) fn unfilled(&self, config: &Config) -> Vec<Problem> {
        let unfilled = config.iter().filter(|(key, value)| self.mask.is_unfilled(key, value));
        let problem = |key: &String| Problem {
            key: key.clone(),
            message: format!(
                "{key}: {HIDDEN} stands for the value that is stored, and none is stored: write the value itself, or \
                 where it stands, like ${{file:/run/secrets/db.properties:password}}"
            ),
        };
        unfilled.map(|(key, _)| problem(key)).collect()
    }

    /// Problems without secrets in their messages.
    pub(crate) fn problems(&self, filled: &Config, problems: Vec<Problem>) -> Vec<Problem> {
        let redacted = problems.into_iter().map(|Problem { key, mut message }| {
            if let Some(value) = filled.get(&key).filter(|_| self.made.contains_key(&key) || self.mask.is_secret(&key))
            {
                // However short it is.
                message =
                    message.replace(&format!("Invalid value {value} for"), &format!("Invalid value {HIDDEN} for"));
            }
            Problem { key, message: self.redactor.redact_owned(message) }
        });
        redacted.collect()
    }

    /// The plugin, whose words are looked through.
    pub(crate) fn plugin(&self, plugin: Arc<dyn Plugin>) -> Arc<dyn Plugin> {
        if self.redactor.is_empty() {
            return plugin;
        }
        plugin.hiding(&self.redactor).unwrap_or(plugin)
    }

    /// The audit, which is told no secret.
    pub(crate) fn audit(&self, audit: &Arc<dyn Auditor>) -> Arc<dyn Auditor> {
        if self.redactor.is_empty() {
            return audit.clone();
        }
        Arc::new(Discreet { audit: audit.clone(), redactor: self.redactor.clone() })
    }

    /// What is stored of a configuration.
    pub(crate) fn accepted(&self, config: Config, by: Option<String>, is_rollback: bool) -> Accepted {
        let secret = self.mask.hidden_keys(&config);
        Accepted { config, secret, at: now(), by, is_rollback }
    }
}

/// RFC 3339 in UTC with milliseconds.
fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Passes events on without the secrets of one connector.
struct Discreet {
    audit: Arc<dyn Auditor>,
    redactor: Redactor,
}

impl fmt::Debug for Discreet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.audit.fmt(f)
    }
}

impl Auditor for Discreet {
    fn record(&self, event: AuditEvent) {
        let detail = self.redactor.redact_owned(event.detail);
        self.audit.record(AuditEvent { detail, ..event });
    }
}

/// Why a connector cannot run whose sealed values cannot be opened.
pub(crate) fn lost(keys: &BTreeSet<String>) -> String {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    format!(
        "the stored value of {} cannot be opened: the key file of this worker is not the one that sealed it. Put back the \
         file that `key-file` of [secrets] names and start the worker again, or put the configuration again with the values",
        keys.join(", ")
    )
}

impl WorkerError {
    /// The same without secrets in its text.
    pub(crate) fn redacted(self, redactor: &Redactor) -> Self {
        let text = |text: String| redactor.redact_owned(text);
        match self {
            Self::NotFound(message) => Self::NotFound(text(message)),
            Self::AlreadyExists(message) => Self::AlreadyExists(text(message)),
            Self::BadRequest(message) => Self::BadRequest(text(message)),
            Self::Conflict(message) => Self::Conflict(text(message)),
            Self::Internal(message) => Self::Internal(text(message)),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn a_task_shows_placeholders_and_never_what_was_made_of_them() {
        let raw = config(&[("url", "http://${env:HOST}/"), ("db.password", "lit3ral"), ("topic", "t")]);
        let hidden = Hidden {
            made: BTreeMap::from([("url".to_owned(), "http://h0st/".to_owned())]),
            redactor: Redactor::new(["h0st".to_owned(), "lit3ral".to_owned()]),
            ..Hidden::default()
        };
        let task = config(&[
            ("url", "http://h0st/"),
            ("db.password", "lit3ral"),
            ("other.password", "x"),
            ("topic", "t"),
            ("made", "at h0st with lit3ral"),
        ]);
        let shown = config(&[
            ("url", "http://${env:HOST}/"),
            ("db.password", HIDDEN),
            ("other.password", HIDDEN),
            ("topic", "t"),
            ("made", "at [hidden] with [hidden]"),
        ]);
        assert_eq!(hidden.shown_task(&raw, &task), shown);
    }

    #[test]
    fn a_short_value_is_not_repeated_in_the_message_of_its_key() {
        let filled = config(&[("port", "ab")]);
        let hidden = Hidden { made: BTreeMap::from([("port".to_owned(), "ab".to_owned())]), ..Hidden::default() };
        let told = vec![Problem { key: "port".into(), message: "Invalid value ab for configuration port: no".into() }];
        let shown = hidden.problems(&filled, told);
        assert_eq!(shown[0].message, "Invalid value [hidden] for configuration port: no");
    }
}
