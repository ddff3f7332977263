//! Java properties files, as Kafka Connect's FileConfigProvider reads them.

use std::collections::HashMap;

pub(super) type Properties = HashMap<String, String>;

/// Keys and values of a file. It is UTF-8, as Kafka Connect reads it.
pub(super) fn parse(text: &str) -> Result<Properties, String> {
    // The parser expects ISO 8859-1, so everything beyond ASCII is given to it as Java escapes.
    let mut ascii = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_ascii() {
            ascii.push(char);
        } else {
            let mut units = [0; 2];
            for unit in char.encode_utf16(&mut units) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    // What the parser says of a line might hold a secret.
    java_properties::read(ascii.as_bytes()).map_err(|error| match error.line_number() {
        Some(line) => format!("line {line} of the file is no Java property: write key=value"),
        None => "the file holds no Java properties: write key=value, a line each".to_owned(),
    })
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
