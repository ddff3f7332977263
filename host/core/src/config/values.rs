//! Whether a value fits its key: types, allowed values, endpoints and paths.
//!
//! The messages are Kafka Connect's where it has one, to the byte, because tools show and compare them. Where it has
//! none (endpoints, paths) they say what to write.

use std::net::Ipv6Addr;

use crate::plugin::{ConfigKey, ValueType};
use crate::secret::HIDDEN;

/// Checks the type of `value` and that it is one of the allowed ones. White space around a value is no matter. A value
/// equal to the key's default always passes.
///
/// # Errors
/// A sentence that names the key and says what is wrong.
///
/// ```
/// use wharf_core::config::check_value;
/// use wharf_core::plugin::{ConfigKey, Importance, ValueType, Width};
/// # let key = ConfigKey {
/// #     name: "tasks.max".into(), value_type: ValueType::Int, required: false, default: Some("1".into()),
/// #     importance: Importance::High, documentation: String::new(), group: String::new(), order: 0,
/// #     width: Width::Short, display_name: String::new(), dependents: Vec::new(), allowed: Vec::new(),
/// # };
/// assert_eq!(check_value(&key, "4"), Ok(()));
/// let message = "Invalid value abc for configuration tasks.max: Not a number of type INT";
/// assert_eq!(check_value(&key, "abc"), Err(message.to_owned()));
/// ```
pub fn check_value(key: &ConfigKey, value: &str) -> Result<(), String> {
    if key.default.as_deref() == Some(value) {
        return Ok(());
    }
    let text = value.trim();
    check_type(key.value_type, text).map_err(|reason| {
        let shown = if may_hold_secret(key.value_type, value) { HIDDEN } else { value };
        invalid(&key.name, shown, &reason)
    })?;
    let is_list = matches!(key.value_type, ValueType::List | ValueType::EndpointList);
    let wrong = match is_list {
        _ if key.allowed.is_empty() => None,
        true => items(text).find(|item| !is_allowed(key, item)),
        false => (!is_allowed(key, text)).then_some(text),
    };
    match wrong {
        Some(wrong) => {
            let shown = if may_hold_secret(key.value_type, wrong) { HIDDEN } else { wrong };
            Err(invalid(&key.name, shown, &format!("String must be one of: {}", key.allowed.join(", "))))
        }
        None => Ok(()),
    }
}

/// A value as an answer shows it: without white space around it and in one spelling; `None` where its type cannot be
/// read, as in Kafka Connect; never a password, nor a URL with one in it.
///
/// ```
/// use wharf_core::config::shown_value;
/// use wharf_core::plugin::ValueType;
/// assert_eq!(shown_value(ValueType::Boolean, " TRUE ").as_deref(), Some("true"));
/// assert_eq!(shown_value(ValueType::List, "a, b").as_deref(), Some("a,b"));
/// assert_eq!(shown_value(ValueType::Int, "soon"), None);
/// assert_eq!(shown_value(ValueType::Password, "hunter2").as_deref(), Some("[hidden]"));
/// ```
pub fn shown_value(value_type: ValueType, value: &str) -> Option<String> {
    if may_hold_secret(value_type, value) {
        return Some(HIDDEN.to_owned());
    }
    let text = value.trim();
    match value_type {
        ValueType::Boolean => boolean(text).map(|flag| flag.to_string()),
        ValueType::List | ValueType::EndpointList => Some(items(text).collect::<Vec<_>>().join(",")),
        ValueType::Short | ValueType::Int | ValueType::Long | ValueType::Double => {
            check_type(value_type, text).ok().map(|()| text.to_owned())
        }
        _ => Some(text.to_owned()),
    }
}

/// `Invalid value {value} for configuration {name}: {reason}`, as Kafka Connect words it.
pub(super) fn invalid(name: &str, value: &str, reason: &str) -> String {
    format!("Invalid value {value} for configuration {name}: {reason}")
}

/// `Missing required configuration …`, as Kafka Connect words it.
pub(super) fn missing(name: &str) -> String {
    format!("Missing required configuration \"{name}\" which has no default value.")
}

/// The items of a list: separated by commas, without the white space around them; none in an empty text.
pub(super) fn items(list: &str) -> impl Iterator<Item = &str> {
    let list = list.trim();
    list.split(',').map(str::trim).take(if list.is_empty() { 0 } else { usize::MAX })
}

/// `true` or `false` in any case, or `None`.
pub(super) fn boolean(value: &str) -> Option<bool> {
    let value = value.trim();
    if value.eq_ignore_ascii_case("true") { Some(true) } else { value.eq_ignore_ascii_case("false").then_some(false) }
}

fn check_type(value_type: ValueType, text: &str) -> Result<(), String> {
    let is_number = match value_type {
        ValueType::Short => text.parse::<i16>().is_ok(),
        ValueType::Int => text.parse::<i32>().is_ok(),
        ValueType::Long => text.parse::<i64>().is_ok(),
        ValueType::Double => text.parse::<f64>().is_ok(),
        ValueType::Boolean => return boolean(text).map(drop).ok_or("Expected value to be either true or false".into()),
        ValueType::Class if text.is_empty() => return Err("write the name of a class or plugin".into()),
        ValueType::Endpoint => return check_endpoint(text),
        ValueType::EndpointList => return items(text).try_for_each(check_endpoint),
        ValueType::FileRead | ValueType::FileWrite | ValueType::PathRead | ValueType::PathWrite => {
            return check_path(text);
        }
        ValueType::String | ValueType::List | ValueType::Class | ValueType::Password => return Ok(()),
    };
    if is_number { Ok(()) } else { Err(format!("Not a number of type {}", value_type.kafka_name())) }
}

fn is_allowed(key: &ConfigKey, text: &str) -> bool {
    key.allowed.iter().any(|allowed| match key.value_type {
        ValueType::Boolean => boolean(allowed) == boolean(text),
        _ => allowed == text,
    })
}

/// Whether a value must not be repeated in a message: a password, or a URL with user and password in it.
fn may_hold_secret(value_type: ValueType, value: &str) -> bool {
    match value_type {
        ValueType::Password => true,
        ValueType::Endpoint | ValueType::EndpointList => value.contains('@'),
        _ => false,
    }
}

fn check_path(text: &str) -> Result<(), String> {
    if text.is_empty() || text.contains('\0') {
        return Err("write the path of a file or directory, like /var/log/app.log".to_owned());
    }
    Ok(())
}

fn check_endpoint(text: &str) -> Result<(), String> {
    let wrong = || "write host:port, like db.example.com:5432, or a URL, like https://example.com/data".to_owned();
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(wrong());
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        // A list of hosts, as in `nats://a:1,b:2`, cannot be told from here: the egress policy reads it.
        return if is_scheme && !host.is_empty() && !host.starts_with(':') { Ok(()) } else { Err(wrong()) };
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_bracketed = bare.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    let is_name = !host.is_empty() && !host.contains([':', '/', '[', ']', '@']);
    let is_port = port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0);
    if (is_bracketed || is_name) && is_port { Ok(()) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{Importance, Width};

    fn key(name: &str, value_type: ValueType, allowed: &[&str]) -> ConfigKey {
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
            allowed: allowed.iter().map(|&text| text.to_owned()).collect(),
        }
    }

    fn check(value_type: ValueType, value: &str) -> Result<(), String> {
        check_value(&key("k", value_type, &[]), value)
    }

    #[test]
    fn numbers_are_refused_in_the_words_of_kafka_connect() {
        for (value_type, good, bad) in [
            (ValueType::Short, &["0", "-32768", " 7 ", "+7"][..], &["32768", "", "1.5"][..]),
            (ValueType::Int, &["2147483647", "-1"], &["2147483648", "0x10", "1e3", "٣"]),
            (ValueType::Long, &["9223372036854775807"], &["soon", "1_000"]),
            (ValueType::Double, &["1.5", "1e3", "-0"], &["", "1,5"]),
        ] {
            for value in good {
                assert_eq!(check(value_type, value), Ok(()), "{value_type:?} {value}");
            }
            for value in bad {
                let name = value_type.kafka_name();
                let message = format!("Invalid value {value} for configuration k: Not a number of type {name}");
                assert_eq!(check(value_type, value), Err(message));
            }
        }
    }

    #[test]
    fn booleans_are_true_or_false_in_any_case() {
        assert_eq!(check(ValueType::Boolean, " TRUE"), Ok(()));
        let message = "Invalid value perhaps for configuration k: Expected value to be either true or false";
        assert_eq!(check(ValueType::Boolean, "perhaps"), Err(message.to_owned()));
    }

    #[test]
    fn a_value_that_is_not_allowed_is_told_the_allowed_ones() {
        let tolerance = key("errors.tolerance", ValueType::String, &["none", "all"]);
        assert_eq!(check_value(&tolerance, "all"), Ok(()));
        let message = "Invalid value some for configuration errors.tolerance: String must be one of: none, all";
        assert_eq!(check_value(&tolerance, "some"), Err(message.to_owned()));
        let list = key("k", ValueType::List, &["a", "b"]);
        assert_eq!(check_value(&list, "b, a"), Ok(()));
        let message = "Invalid value c for configuration k: String must be one of: a, b";
        assert_eq!(check_value(&list, "a,c"), Err(message.to_owned()));
    }

    #[test]
    fn endpoints_are_a_host_with_a_port_or_a_url() {
        for good in ["db:5432", "10.0.0.1:80", "[::1]:80", "https://a.b/c?d", "amqp://user:pw@h:1/v", "nats://a:1"] {
            assert_eq!(check(ValueType::Endpoint, good), Ok(()), "{good}");
        }
        for bad in [
            "", "db", "db:", ":80", "db:0", "db:65536", "db:+8", "::1:80", "a b:80", "http://", "://x", "a/b:1",
            "[a@b]:1",
        ] {
            let error = check(ValueType::Endpoint, bad).expect_err(bad);
            assert!(error.contains("write host:port"), "{error}");
        }
        assert_eq!(check(ValueType::EndpointList, "a:1, b:2"), Ok(()));
        assert!(check(ValueType::EndpointList, "a:1,b").is_err());
    }

    #[test]
    fn secrets_are_not_repeated() {
        let password = key("k", ValueType::Password, &["x"]);
        for error in [check_value(&password, "s3cret"), check(ValueType::Endpoint, "ftp//me:s3cret@h")] {
            let error = error.expect_err("refused");
            assert!(error.contains("[hidden]") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_empty_path_is_told_what_to_write_unless_it_is_the_default() {
        assert!(check(ValueType::PathRead, " ").expect_err("refused").contains("/var/log/app.log"));
        let mut optional = key("k", ValueType::PathWrite, &[]);
        optional.default = Some(String::new());
        assert_eq!(check_value(&optional, ""), Ok(()));
    }

    #[test]
    fn lists_are_split_at_commas_and_an_empty_text_has_no_item() {
        assert_eq!(items(" a , b,,c ").collect::<Vec<_>>(), ["a", "b", "", "c"]);
        assert_eq!(items("  ").count(), 0);
    }
}
