//! Showing a configuration before it is known which of its keys are secret.
//!
//! A plugin's descriptor says which keys are passwords. Where the plugin is not known there is no descriptor, so
//! whatever sounds like a secret is taken for one.

/// Shown in place of a value.
const HIDDEN: &str = "[hidden]";

/// Parts of names, in lower case and without what separates words, that a secret's key has.
const SECRET: [&str; 13] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "accesskey",
    "privatekey",
    "accountkey",
    "jaas",
    "authorization",
];

/// A configuration as Kafka Connect prints one, `{a=b, c=d}`, without the values of keys that sound like secrets and of
/// URLs with a password.
///
/// ```
/// use wharf_core::config::without_secrets;
/// let config = [("topic", "t"), ("mysqlPassword", "x"), ("url", "amqp://me:x@h/"), ("name", "n")];
/// assert_eq!(without_secrets(config), "{topic=t, mysqlPassword=[hidden], url=[hidden], name=n}");
/// ```
pub fn without_secrets<'a>(config: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let shown = config.into_iter().map(|(key, value)| {
        let value = if may_be_secret(key, value) { HIDDEN } else { value };
        format!("{key}={value}")
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

fn may_be_secret(key: &str, value: &str) -> bool {
    let plain: String = key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    let has_userinfo = || value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
    SECRET.iter().any(|part| plain.contains(part)) || has_userinfo()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_like_a_secret_is_taken_for_one_however_it_is_spelt() {
        for key in ["db.password", "API_KEY", "aws.secret.access.key", "Token", "sasl.jaas.config", "userPwd"] {
            assert!(may_be_secret(key, "x"), "{key}");
        }
        for key in ["name", "topic", "key.converter", "user", "tasks.max", "connector.class"] {
            assert!(!may_be_secret(key, "x"), "{key}");
        }
        assert!(may_be_secret("hosts", "nats://a:b@c:1"));
        assert!(!may_be_secret("hosts", "me@example.com"));
    }
}
