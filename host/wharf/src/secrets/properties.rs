//! Java properties files, as Kafka Connect's FileConfigProvider reads them.

use std::collections::HashMap;

use crate::properties;

pub(super) type Properties = HashMap<String, String>;

/// Keys and values of a file. It is UTF-8, as Kafka Connect reads it, and not the ISO 8859-1 of `Properties.load`.
pub(super) fn parse(text: &str) -> Result<Properties, String> {
    let read = properties::read(text);
    // What is said of the line might hold a secret.
    let read = read.map_err(|wrong| format!("line {} of the file is no Java property: write key=value", wrong.line))?;
    Ok(read.into_iter().map(|it| (it.key, it.value)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_comments_and_any_script_are_read() {
        let read = parse("# comment\na = b\nkey\\ two: x\\\n   y\n\u{1f511}=\u{6f22}\nurl=jdbc:a=b\\n\n").unwrap();
        let get = |key: &str| read.get(key).map(String::as_str);
        assert_eq!((get("a"), get("key two")), (Some("b"), Some("xy")));
        assert_eq!((get("\u{1f511}"), get("url")), (Some("\u{6f22}"), Some("jdbc:a=b\n")));
    }

    #[test]
    fn a_broken_line_is_named_and_not_shown() {
        let refusal = parse("a=b\nsecret=\\uZZZZ\n").unwrap_err();
        assert!(!refusal.contains("ZZZZ") && refusal.contains("key=value"), "{refusal}");
    }
}
