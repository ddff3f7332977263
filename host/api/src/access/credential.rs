//! What a request carries to be let in.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wharf_core::access::Credential;
use wharf_core::config::Secret;

/// Longer ones are nobody's, and are not looked at.
const MOST_BYTES: usize = 4096;

/// What stands in `Authorization`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// Nothing.
    Nothing,
    /// Something that may be somebody's.
    Credential(Credential),
    /// Something that can be nobody's: another scheme, or no text.
    Nonsense,
}

/// Reads it; a header that is there twice is nonsense.
pub(super) fn sent(headers: &HeaderMap) -> Sent {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Sent::Nothing,
        (Some(value), None) => value.to_str().ok().and_then(read).map_or(Sent::Nonsense, Sent::Credential),
        _ => Sent::Nonsense,
    }
}

fn read(value: &str) -> Option<Credential> {
    let (scheme, rest) = value.split_once(' ').filter(|_| value.len() <= MOST_BYTES)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return (!rest.is_empty()).then(|| Credential::Token(Secret::new(rest)));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credential::Password { user: user.to_owned(), password: Secret::new(password) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> Sent {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, value.parse().unwrap());
        }
        sent(&headers)
    }

    #[test]
    fn tokens_and_passwords_are_read_in_any_case_of_their_scheme() {
        let token = Sent::Credential(Credential::Token(Secret::new("wharf_x")));
        assert_eq!(of(&["Bearer wharf_x"]), token);
        assert_eq!(of(&["BEARER  wharf_x "]), token);
        let password = Credential::Password { user: "ann".into(), password: Secret::new("a:b") };
        assert_eq!(of(&["basic YW5uOmE6Yg=="]), Sent::Credential(password));
    }

    #[test]
    fn nothing_and_nonsense_are_told_apart() {
        assert_eq!(of(&[]), Sent::Nothing);
        let long = format!("Bearer {}", "x".repeat(MOST_BYTES));
        for values in
            [vec!["Bearer"], vec!["Bearer "], vec!["Digest x"], vec!["Basic ?"], vec!["Basic YW5u"], vec![&long]]
        {
            assert_eq!(of(&values), Sent::Nonsense, "{values:?}");
        }
        assert_eq!(of(&["Bearer a", "Bearer b"]), Sent::Nonsense);
    }
}
