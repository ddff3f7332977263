//! Showing a configuration in a message before it is known which of its keys are secret.

use super::Config;
use crate::secret::shown;

/// A configuration as Kafka Connect prints one, `{a=b, c=d}`, without the values of keys that sound like secrets and
/// without the passwords in URLs.
///
/// ```
/// use wharf_core::config::without_secrets;
/// let config = [("topic", "t"), ("mysqlPassword", "x"), ("name", "n")];
/// assert_eq!(without_secrets(config), "{mysqlPassword=[hidden], name=n, topic=t}");
/// ```
pub fn without_secrets<'a>(config: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let config: Config = config.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let pairs: Vec<String> = shown(&config).iter().map(|(key, value)| format!("{key}={value}")).collect();
    format!("{{{}}}", pairs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sounds_like_a_secret_is_taken_for_one_however_it_is_spelt() {
        for key in ["db.password", "API_KEY", "aws.secret.access.key", "Token", "sasl.jaas.config", "userPwd"] {
            assert_eq!(without_secrets([(key, "hunter2")]), format!("{{{key}=[hidden]}}"));
        }
        for key in ["name", "topic", "key.converter", "user", "tasks.max", "connector.class"] {
            assert_eq!(without_secrets([(key, "x")]), format!("{{{key}=x}}"));
        }
        assert!(!without_secrets([("hosts", "nats://a:hunter2@c:1")]).contains("hunter2"));
        assert_eq!(without_secrets([("hosts", "me@example.com")]), "{hosts=me@example.com}");
    }
}
