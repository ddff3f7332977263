//! What connectors and topics may be called.

use super::values::invalid;

/// A topic's name is at most this long, as in Kafka.
const TOPIC_NAME_MAX: usize = 249;

/// Checks the name of a connector: anything but nothing, white space or control characters. `name` is trimmed already,
/// as Kafka Connect trims what is posted.
///
/// # Errors
/// A sentence in Kafka Connect's words.
///
/// ```
/// use wharf_core::config::check_name;
/// assert_eq!(check_name("orders → warehouse #1"), Ok(()));
/// assert_eq!(check_name(" "), Err("Invalid value  for configuration name: String may not be empty".to_owned()));
/// ```
pub fn check_name(name: &str) -> Result<(), String> {
    let name = name.trim();
    if name.is_empty() {
        return Err(invalid("name", "", "String may not be empty"));
    }
    let controls: Vec<_> = name.chars().filter(|c| c.is_control()).map(|c| u32::from(c).to_string()).collect();
    if controls.is_empty() {
        return Ok(());
    }
    let reason =
        format!("String may not contain control sequences but had the following ASCII chars: {}", controls.join(", "));
    Err(invalid("name", name, &reason))
}

/// Checks the name of a topic: 1 to 249 ASCII letters, digits, `.`, `_` and `-`; not `.` or `..`.
///
/// # Errors
/// A clause that says what a name may be.
///
/// ```
/// use wharf_core::config::check_topic;
/// assert_eq!(check_topic("orders.v2"), Ok(()));
/// assert!(check_topic("a/b").is_err());
/// ```
pub fn check_topic(topic: &str) -> Result<(), String> {
    let is_plain = topic.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    if is_plain && (1..=TOPIC_NAME_MAX).contains(&topic.len()) && topic != "." && topic != ".." {
        return Ok(());
    }
    Err(format!(
        "a topic is called by 1 to {TOPIC_NAME_MAX} letters, digits, '.', '_' and '-', and not \".\" or \"..\""
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_of_connectors_that_kafka_connect_takes_are_taken() {
        for name in ["a b", "ünïcödé-接続-😀", "r?&=#;:@!$'()*,[]-1", &"l".repeat(300)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn control_characters_in_a_name_are_counted_out() {
        let message = "Invalid value ct\u{7}rl\u{1b} for configuration name: String may not contain control sequences \
                       but had the following ASCII chars: 7, 27";
        assert_eq!(check_name("ct\u{7}rl\u{1b}"), Err(message.to_owned()));
    }

    #[test]
    fn topics_that_would_be_paths_or_too_long_are_refused() {
        for bad in ["", ".", "..", "a b", "a/b", "ä", &"t".repeat(250)] {
            assert!(check_topic(bad).is_err(), "{bad}");
        }
        for good in ["a", "...", "A-1_b.c", &"t".repeat(249)] {
            assert_eq!(check_topic(good), Ok(()), "{good}");
        }
    }
}
