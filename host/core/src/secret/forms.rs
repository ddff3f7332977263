//! The forms in which a secret turns up in texts.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

use super::HIDDEN;

/// Shorter ones stand in too many texts by chance.
const SHORTEST: usize = 4;
/// An encoded form that is shorter stands in too many texts by chance.
const SHORTEST_ENCODED: usize = 6;
/// A line of a secret of many lines, a PEM file for one, is a secret of its own from this length.
const SHORTEST_LINE: usize = 8;
/// Longer ones are looked for as they are and line by line, not encoded.
const LONGEST_ENCODED: usize = 8 << 10;

/// The texts to look for: the secret as it is, as a URL, a JSON text or a debug message holds it, in hexadecimal digits and
/// in base64 wherever it may begin there (`user:secret` of basic authentication). A secret shorter than four characters
/// has none: it is masked only where it is a whole value.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for text in [secret, secret.trim()] {
        add(&mut forms, SHORTEST, text.to_owned());
    }
    let text = secret.trim();
    if text.contains('\n') {
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        lines.for_each(|line| add(&mut forms, SHORTEST_LINE, line.to_owned()));
    }
    if text.chars().count() < SHORTEST || text.len() > LONGEST_ENCODED {
        return forms;
    }
    add(&mut forms, SHORTEST, text.escape_debug().to_string());
    add(&mut forms, SHORTEST, text.escape_default().to_string());
    let json = serde_json::Value::from(text).to_string();
    add(&mut forms, SHORTEST, json.trim_matches('"').to_owned());
    let url = percent(text);
    add(&mut forms, SHORTEST, url.replace("%20", "+"));
    add(&mut forms, SHORTEST, url.to_ascii_lowercase_escapes());
    add(&mut forms, SHORTEST, url);
    for bytes in [text.as_bytes(), secret.as_bytes()] {
        for alphabet in [&STANDARD, &URL_SAFE] {
            let engine = GeneralPurpose::new(alphabet, NO_PAD);
            (0..3).for_each(|before| add(&mut forms, SHORTEST_ENCODED, base64_part(&engine, before, bytes)));
        }
    }
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        // Writing into a string does not fail.
        write!(hex, "{byte:02x}").ok();
        hex
    });
    add(&mut forms, 2 * SHORTEST, hex.to_ascii_uppercase());
    add(&mut forms, 2 * SHORTEST, hex);
    forms
}

fn add(forms: &mut Vec<String>, shortest: usize, form: String) {
    if form.chars().count() >= shortest && !HIDDEN.contains(&form) && !forms.contains(&form) {
        forms.push(form);
    }
}

/// All but unreserved characters as `%XX`.
fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

trait LowercaseEscapes {
    fn to_ascii_lowercase_escapes(&self) -> String;
}

impl LowercaseEscapes for str {
    /// `%2F` as `%2f`, the rest as it is.
    fn to_ascii_lowercase_escapes(&self) -> String {
        let mut left = 0;
        let lower = self.chars().map(|char| {
            left = if char == '%' { 3 } else { left - i32::from(left > 0) };
            if left > 0 { char.to_ascii_lowercase() } else { char }
        });
        lower.collect()
    }
}

/// The part of the base64 text that `bytes` alone decide, where so many other bytes stand before them.
fn base64_part(engine: &GeneralPurpose, before: usize, bytes: &[u8]) -> String {
    let mut all = vec![0; before];
    all.extend_from_slice(bytes);
    let encoded = engine.encode(&all);
    let (start, end) = ((before * 8).div_ceil(6), all.len() * 8 / 6);
    encoded.get(start..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD as PADDED;

    use super::*;

    #[test]
    fn a_secret_is_known_in_basic_authentication_whatever_the_user_is_called() {
        for user in ["u", "us", "use", "user:x"] {
            let header = PADDED.encode(format!("{user}:s3cr3t-value"));
            assert!(forms("s3cr3t-value").iter().any(|form| form.len() > 10 && header.contains(form)), "{user}");
        }
    }

    #[test]
    fn a_secret_is_known_in_urls_messages_and_hexadecimal() {
        let forms = forms("a/b \"c\"?");
        for form in
            ["a%2Fb%20%22c%22%3F", "a%2fb%20%22c%22%3f", "a%2Fb+%22c%22%3F", "a/b \\\"c\\\"?", "612f62202263223f"]
        {
            assert!(forms.contains(&form.to_owned()), "{form} {forms:?}");
        }
    }

    #[test]
    fn a_short_secret_has_no_forms_and_an_end_of_line_is_no_matter() {
        assert!(forms("abc").is_empty());
        assert!(forms("").is_empty());
        assert!(forms("secret\n").contains(&"secret".to_owned()));
    }

    #[test]
    fn the_lines_of_a_key_are_secrets_of_their_own() {
        let forms = forms("-----BEGIN KEY-----\nMIIEvQIBADANBg\nshort\n-----END KEY-----\n");
        assert!(forms.contains(&"MIIEvQIBADANBg".to_owned()));
        assert!(!forms.iter().any(|form| form == "short" || form == "-----BEGIN KEY-----"));
    }
}
