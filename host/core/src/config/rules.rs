//! What the worker's own keys ask of a value beyond its type. Each rule gives the reason alone; the name and the value
//! are put before it where it is reported.

use super::names::check_topic;
use super::values::items;

/// A rule for the value of one key, trimmed and of the right type.
pub(super) type Rule = fn(&str) -> Result<(), String>;

/// More tasks than this in one connector are taken for a slip of the pen.
const TASKS_MAX: i64 = 10_000;

/// The drivers there are, as `oms-driver-url` names them.
const DRIVERS: [&str; 1] = ["log"];

/// Converters that hand bytes on as they are, and those that Kafka Connect has besides.
const PASSING: [&str; 2] = ["ByteArrayConverter", "StringConverter"];
const CHANGING: [&str; 7] = [
    "BooleanConverter",
    "DoubleConverter",
    "FloatConverter",
    "IntegerConverter",
    "JsonConverter",
    "LongConverter",
    "ShortConverter",
];

pub(super) fn anything(_: &str) -> Result<(), String> {
    Ok(())
}

pub(super) fn tasks(value: &str) -> Result<(), String> {
    between(value, 1, TASKS_MAX)
}

pub(super) fn from_minus_one(value: &str) -> Result<(), String> {
    between(value, -1, i64::MAX)
}

pub(super) fn from_zero(value: &str) -> Result<(), String> {
    between(value, 0, i64::MAX)
}

pub(super) fn from_one(value: &str) -> Result<(), String> {
    between(value, 1, i64::MAX)
}

/// As the operator's own: a shorter deadline ends calls that are merely not first in line.
pub(super) fn from_ten(value: &str) -> Result<(), String> {
    between(value, 10, i64::MAX)
}

/// A task runs on one core at a time.
pub(super) fn percent(value: &str) -> Result<(), String> {
    between(value, 1, 100)
}

/// Each holds a request in memory.
pub(super) fn in_flight(value: &str) -> Result<(), String> {
    between(value, 1, 10_000)
}

/// What nobody can promise is refused, as Kafka Connect does where a worker does not support it.
pub(super) fn exactly_once(value: &str) -> Result<(), String> {
    match value.to_ascii_lowercase().as_str() {
        "requested" => Ok(()),
        "required" => {
            Err("exactly-once depends on how the plugin's rows spread over partitions and cannot be promised \
                           before they come: write requested"
                .to_owned())
        }
        _ => Err("String must be one of (case insensitive): REQUIRED, REQUESTED".to_owned()),
    }
}

pub(super) fn transaction_boundary(value: &str) -> Result<(), String> {
    match value.to_ascii_lowercase().as_str() {
        "poll" => Ok(()),
        "interval" | "connector" => {
            Err("not supported yet: offsets are stored with the rows of a poll: write poll or leave the key out"
                .to_owned())
        }
        _ => Err("String must be one of (case insensitive): INTERVAL, POLL, CONNECTOR".to_owned()),
    }
}

/// Anything that can be the name of an HTTP header.
pub(super) fn header_name(value: &str) -> Result<(), String> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !value.is_empty() && value.chars().all(is_token) {
        return Ok(());
    }
    Err("write the name of an HTTP header, like X-Gitlab-Token".to_owned())
}

fn between(value: &str, least: i64, most: i64) -> Result<(), String> {
    // The type was checked before.
    match value.parse::<i64>() {
        Ok(number) if number < least => Err(format!("Value must be at least {least}")),
        Ok(number) if number > most => Err(format!("Value must be no more than {most}")),
        _ => Ok(()),
    }
}

pub(super) fn topics(value: &str) -> Result<(), String> {
    items(value).try_for_each(check_topic)
}

pub(super) fn topic_or_none(value: &str) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { check_topic(value) }
}

pub(super) fn no_regex(value: &str) -> Result<(), String> {
    none_of(value, "not supported yet: write the names of the topics as \"topics\" instead")
}

pub(super) fn no_transforms(value: &str) -> Result<(), String> {
    none_of(value, "transforms are not supported yet: leave \"transforms\" out")
}

pub(super) fn no_predicates(value: &str) -> Result<(), String> {
    none_of(value, "predicates are not supported yet: leave \"predicates\" out")
}

fn none_of(value: &str, reason: &str) -> Result<(), String> {
    if value.is_empty() { Ok(()) } else { Err(reason.to_owned()) }
}

pub(super) fn converter(value: &str) -> Result<(), String> {
    check_converter(value, &PASSING)
}

pub(super) fn header_converter(value: &str) -> Result<(), String> {
    check_converter(value, &["SimpleHeaderConverter", "ByteArrayConverter", "StringConverter"])
}

fn check_converter(value: &str, accepted: &[&str]) -> Result<(), String> {
    let simple = value.rsplit('.').next().unwrap_or(value);
    if accepted.contains(&simple) {
        return Ok(());
    }
    let is_known = CHANGING.contains(&simple) || simple == "SimpleHeaderConverter";
    if !is_known {
        return Err(format!("Class {value} could not be found."));
    }
    Err(format!(
        "not supported yet: bytes are handed on as they are, so write {} or leave the key out",
        accepted.join(" or ")
    ))
}

pub(super) fn driver_url(value: &str) -> Result<(), String> {
    let drivers = DRIVERS.join(", ");
    let Some((driver, _)) = value.strip_prefix("oms:").and_then(|rest| rest.split_once(':')) else {
        return Err(format!(
            "write oms:DRIVER:…, like oms:log:, or leave the key out; the drivers there are: {drivers}"
        ));
    };
    if DRIVERS.contains(&driver) {
        return Ok(());
    }
    Err(format!("there is no driver {driver:?}: write oms:log: or leave the key out; the drivers there are: {drivers}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converters_are_known_by_their_simple_or_full_name() {
        for good in ["StringConverter", "org.apache.kafka.connect.converters.ByteArrayConverter"] {
            assert_eq!(converter(good), Ok(()));
            assert_eq!(header_converter(good), Ok(()));
        }
        assert_eq!(header_converter("org.apache.kafka.connect.storage.SimpleHeaderConverter"), Ok(()));
        let json = converter("org.apache.kafka.connect.json.JsonConverter").expect_err("refused");
        assert!(json.contains("not supported yet") && json.contains("ByteArrayConverter"), "{json}");
        assert_eq!(converter("NoSuch"), Err("Class NoSuch could not be found.".to_owned()));
        assert!(converter("SimpleHeaderConverter").expect_err("refused").contains("not supported yet"));
    }

    #[test]
    fn only_drivers_that_exist_are_taken_and_the_others_are_told_which_do() {
        for good in ["oms:log:", "oms:log://localhost/default"] {
            assert_eq!(driver_url(good), Ok(()), "{good}");
        }
        for bad in ["oms:rocketmq://localhost:9876/default:default", "log", "oms:log", "kafka://x", ""] {
            assert!(driver_url(bad).expect_err(bad).contains("the drivers there are: log"), "{bad}");
        }
    }

    #[test]
    fn numbers_out_of_range_are_told_the_range() {
        assert_eq!(tasks("0"), Err("Value must be at least 1".to_owned()));
        assert_eq!(tasks("10001"), Err("Value must be no more than 10000".to_owned()));
        assert_eq!(tasks("10000"), Ok(()));
        assert_eq!(from_minus_one("-1"), Ok(()));
        assert!(from_minus_one("-2").is_err());
    }
}
