//! Which values of a configuration are not shown.

use std::collections::BTreeSet;

use super::placeholders;
use crate::config::{Config, worker_keys};
use crate::plugin::{ConfigKey, Descriptor, ValueType};

/// Shown in the place of a secret, as in Kafka Connect.
pub const HIDDEN: &str = "[hidden]";

/// What stands in the name of a key whose value is a secret, where nobody says what type it has. Without separators.
const SECRET_NAMES: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "apikey",
    "accesskey",
    "private",
    "jaas",
    "pwd",
    "accountkey",
    "authorization",
];

/// Knows which values of a connector's configuration are secrets.
///
/// | a key | is a secret |
/// |---|---|
/// | of the worker or the plugin | where its type is PASSWORD |
/// | that neither describes | where its name sounds like one: `password`, `secret`, `token`, `credential`, `api.key`, … |
/// | any | as far as a URL in it holds a user and a password |
///
/// A value that is nothing but a placeholder is shown: it says where the secret stands, and not what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mask {
    described: BTreeSet<String>,
    secret: BTreeSet<String>,
    endpoints: BTreeSet<String>,
}

/// The configuration as it may be shown where no plugin says which keys are secrets.
///
/// ```
/// use wharf_core::secret::shown;
/// # use wharf_core::Config;
/// let config = Config::from([("db.password".to_owned(), "x".to_owned()), ("file".to_owned(), "/a".to_owned())]);
/// let safe = Config::from([("db.password".to_owned(), "[hidden]".to_owned()), ("file".to_owned(), "/a".to_owned())]);
/// assert_eq!(shown(&config), safe);
/// ```
pub fn shown(config: &Config) -> Config {
    Mask::default().shown(config)
}

impl Mask {
    /// For connectors of this plugin. [`Mask::default`] is for those whose plugin is not known: it goes by names alone.
    pub fn of(descriptor: &Descriptor) -> Self {
        let mut mask = Self::default();
        worker_keys(descriptor.kind).iter().chain(&descriptor.keys).for_each(|key| mask.learn(key));
        mask
    }

    fn learn(&mut self, key: &ConfigKey) {
        self.described.insert(key.name.clone());
        match key.value_type {
            ValueType::Password => drop(self.secret.insert(key.name.clone())),
            ValueType::Endpoint | ValueType::EndpointList => drop(self.endpoints.insert(key.name.clone())),
            _ => {}
        }
    }

    /// With more keys whose values are secrets.
    #[must_use]
    pub fn with(mut self, secret: impl IntoIterator<Item = String>) -> Self {
        self.secret.extend(secret);
        self
    }

    /// Whether the whole value of `key` is a secret.
    pub fn is_secret(&self, key: &str) -> bool {
        self.secret.contains(key) || (!self.described.contains(key) && sounds_secret(key))
    }

    /// A value as it may be shown.
    pub fn value(&self, key: &str, value: &str) -> String {
        if self.is_secret(key) {
            let is_public = value.trim().is_empty() || is_placeholder(value);
            return if is_public { value.to_owned() } else { HIDDEN.to_owned() };
        }
        without_users(value, self.endpoints.contains(key))
    }

    /// A configuration as it may be shown.
    pub fn shown(&self, config: &Config) -> Config {
        config.iter().map(|(key, value)| (key.clone(), self.value(key, value))).collect()
    }

    /// The keys whose values are not shown as they are.
    pub fn hidden_keys(&self, config: &Config) -> BTreeSet<String> {
        config.iter().filter(|(key, value)| self.value(key, value) != **value).map(|(key, _)| key.clone()).collect()
    }

    /// The texts in `config` that must not be shown.
    pub fn secrets(&self, config: &Config) -> Vec<String> {
        let mut secrets = Vec::new();
        for (key, value) in config {
            if self.is_secret(key) {
                // One that was not replaced may be shown: a message names it.
                if !is_placeholder(value) {
                    secrets.push(value.clone());
                }
            } else {
                for (_, user) in users(value, self.endpoints.contains(key)) {
                    let password = user.split_once(':').map_or(user, |(_, password)| password);
                    secrets.push(decoded(password));
                    secrets.push(password.to_owned());
                }
            }
        }
        secrets
    }

    /// `posted` with stored values in the place of those that were sent back as they were shown: `[hidden]` for a
    /// password, or a URL with `[hidden]@` in it.
    ///
    /// ```
    /// use wharf_core::Config;
    /// use wharf_core::secret::Mask;
    /// let config = |password: &str| Config::from([("db.password".to_owned(), password.to_owned())]);
    /// assert_eq!(Mask::default().restored(config("[hidden]"), &config("s3cret")), config("s3cret"));
    /// assert_eq!(Mask::default().restored(config("new"), &config("s3cret")), config("new"));
    /// ```
    #[must_use]
    pub fn restored(&self, mut posted: Config, stored: &Config) -> Config {
        for (key, value) in &mut posted {
            let Some(kept) = stored.get(key) else { continue };
            if value.contains(HIDDEN) && !kept.contains(HIDDEN) && value.trim() == self.value(key, kept).trim() {
                value.clone_from(kept);
            }
        }
        posted
    }

    /// Whether `[hidden]` stands where a secret should: it was sent back for a key of which nothing is stored.
    pub fn is_unfilled(&self, key: &str, value: &str) -> bool {
        (self.is_secret(key) && value.trim() == HIDDEN) || users(value, true).iter().any(|(_, user)| *user == HIDDEN)
    }
}

/// Whether a value is one placeholder and nothing else.
fn is_placeholder(value: &str) -> bool {
    let text = value.trim();
    matches!(placeholders(text).as_slice(), [(range, _)] if *range == (0..text.len()))
}

fn sounds_secret(key: &str) -> bool {
    let name: String = key.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    SECRET_NAMES.iter().any(|secret| name.contains(secret))
}

/// The user parts of the URLs in a value and where they stand: all where `any`, else those with a password.
fn users(value: &str, any: bool) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, mark) in value.match_indices("://") {
        let start = at + mark.len();
        let rest = value.get(start..).unwrap_or_default();
        let ends = |c: char| matches!(c, '/' | '?' | '#' | '"' | '\'') || c.is_whitespace();
        let authority = rest.split(ends).next().unwrap_or_default();
        if let Some((user, _)) = authority.rsplit_once('@')
            && !user.is_empty()
            && (any || user.contains(':'))
            && !is_placeholder(user)
        {
            found.push((start, user));
        }
    }
    found
}

fn without_users(value: &str, any: bool) -> String {
    let (mut out, mut from) = (String::with_capacity(value.len()), 0);
    for (start, user) in users(value, any) {
        out.push_str(value.get(from..start).unwrap_or_default());
        out.push_str(HIDDEN);
        from = start + user.len();
    }
    out.push_str(value.get(from..).unwrap_or_default());
    out
}

/// `%2F` as `/`; what is no such escape stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| byte == b'%').and_then(|it| std::str::from_utf8(it).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plugin::{Importance, Kind, Width};

    fn key(name: &str, value_type: ValueType) -> ConfigKey {
        ConfigKey {
            name: name.to_owned(),
            value_type,
            required: false,
            default: None,
            importance: Importance::Low,
            documentation: String::new(),
            group: String::new(),
            order: 0,
            width: Width::None,
            display_name: name.to_owned(),
            dependents: Vec::new(),
            allowed: Vec::new(),
        }
    }

    fn mask() -> Mask {
        Mask::of(&Descriptor {
            name: "p".into(),
            version: "1.0.0".into(),
            kind: Kind::WebhookSource,
            summary: String::new(),
            documentation: String::new(),
            aliases: Vec::new(),
            keys: vec![
                key("pin", ValueType::Password),
                key("token.field", ValueType::String),
                key("url", ValueType::Endpoint),
                key("text", ValueType::String),
            ],
        })
    }

    #[test]
    fn types_decide_and_names_only_where_there_is_no_type() {
        let mask = mask();
        for secret in ["pin", "ingest.auth.token", "my.PassWord", "aws.secret-access_key", "x.api.key", "privateKey"] {
            assert_eq!(mask.value(secret, "v"), HIDDEN, "{secret}");
        }
        for open in ["token.field", "text", "topic", "tls.client.key.file", "key.converter"] {
            assert_eq!(mask.value(open, "v"), "v", "{open}");
        }
    }

    #[test]
    fn a_placeholder_is_shown_and_what_stands_beside_one_is_not() {
        let mask = mask();
        assert_eq!(mask.value("pin", "${env:PIN}"), "${env:PIN}");
        assert_eq!(mask.value("pin", "x${env:PIN}"), HIDDEN);
        assert_eq!(mask.value("pin", "${env:A}${env:B}"), HIDDEN);
        assert_eq!(mask.value("pin", ""), "");
        let config = |pin: &str| Config::from([("pin".to_owned(), pin.to_owned())]);
        assert_eq!(mask.secrets(&config("${env:PIN}")), Vec::<String>::new());
        assert_eq!(mask.secrets(&config("1234")), ["1234"]);
    }

    #[test]
    fn users_in_urls_are_hidden() {
        let mask = mask();
        assert_eq!(mask.value("url", "redis://me:pw@h:1/2"), "redis://[hidden]@h:1/2");
        assert_eq!(mask.value("url", "redis://tok@h:1,redis://:p@h2"), "redis://[hidden]@h:1,redis://[hidden]@h2");
        assert_eq!(mask.value("text", "see http://u:p%2Fw@h/x?y=@z"), "see http://[hidden]@h/x?y=@z");
        assert_eq!(mask.value("text", "mail me@x or http://u@h"), "mail me@x or http://u@h");
        let config = Config::from([("text".to_owned(), "http://u:p%2Fw@h".to_owned())]);
        assert_eq!(mask.secrets(&config), ["p/w", "p%2Fw"]);
        assert_eq!(mask.hidden_keys(&config).into_iter().collect::<Vec<_>>(), ["text"]);
    }

    #[test]
    fn what_was_shown_may_be_sent_back() {
        let config = |pin: &str, url: &str| {
            Config::from([("pin".to_owned(), pin.to_owned()), ("url".to_owned(), url.to_owned())])
        };
        let stored = config("1234", "redis://u:p@h:1");
        let mask = mask();
        assert_eq!(mask.restored(mask.shown(&stored), &stored), stored);
        let moved = config(HIDDEN, "redis://[hidden]@other:1");
        let restored = mask.restored(moved.clone(), &stored);
        assert_eq!((restored["pin"].as_str(), restored["url"].as_str()), ("1234", "redis://[hidden]@other:1"));
        assert!(mask.is_unfilled("url", &restored["url"]) && !mask.is_unfilled("pin", &restored["pin"]));
        assert!(mask.is_unfilled("pin", HIDDEN) && !mask.is_unfilled("text", HIDDEN));
        // A value that was lost is no value to keep.
        assert_eq!(mask.restored(config(HIDDEN, "h:1"), &config(HIDDEN, "h:1"))["pin"], HIDDEN);
    }

    proptest! {
        #[test]
        fn what_is_shown_comes_back_as_it_was_and_shows_no_password(
            values in prop::collection::vec("[a-c:/@?, ${}]{0,24}|[a-c]{1,3}://[a-c]{0,2}:[x-z%2F]{3,6}@[a-c]{1,3}", 4),
        ) {
            let mask = mask();
            let keys = ["pin", "url", "text", "db.password"].map(str::to_owned);
            let stored: Config = keys.into_iter().zip(values).collect();
            let shown = mask.shown(&stored);
            prop_assert_eq!(mask.restored(shown.clone(), &stored), stored.clone());
            for key in ["url", "text"] {
                let secrets = mask.secrets(&Config::from([(key.to_owned(), stored[key].clone())]));
                // Of letters that stand nowhere else.
                let told = secrets.iter().find(|it| it.len() > 2 && it.contains(['x', 'y', 'z']) && shown[key].contains(*it));
                prop_assert_eq!(told, None, "{}", shown[key]);
            }
        }
    }
}
