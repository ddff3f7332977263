//! Who calls.

use axum::http::{HeaderMap, HeaderName, header};
use subtle::ConstantTimeEq as _;
use wharf_core::config::{IngestAuth, Secret};

use super::refusal::Refusal;

/// Checks a request's token, and takes it out of the headers: the plugin need not know it.
pub(super) fn check(auth: &IngestAuth, headers: &mut HeaderMap) -> Result<(), Refusal> {
    match auth {
        IngestAuth::Unsaid | IngestAuth::None => Ok(()),
        IngestAuth::Bearer(secret) => {
            let sent = only(headers, &header::AUTHORIZATION).and_then(bearer);
            admit(sent, secret, true)?;
            headers.remove(header::AUTHORIZATION);
            Ok(())
        }
        IngestAuth::Header(name, secret) => {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Refusal::unauthorized(false))?;
            admit(only(headers, &name), secret, false)?;
            headers.remove(name);
            Ok(())
        }
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none()).map(|value| value.as_bytes())
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(token)
}

/// Takes as long for a token that is nearly right as for any other of its length.
fn admit(sent: Option<&[u8]>, secret: &Secret, is_bearer: bool) -> Result<(), Refusal> {
    let is_right = sent.is_some_and(|sent| bool::from(sent.ct_eq(secret.as_bytes())));
    // An empty secret would admit an empty header; validation refuses it, and so does this.
    if is_right && !secret.as_bytes().is_empty() { Ok(()) } else { Err(Refusal::unauthorized(is_bearer)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(auth: &IngestAuth, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let admitted = check(auth, &mut map).is_ok();
        assert!(!admitted || *auth == IngestAuth::None || map.is_empty(), "the token is taken out");
        admitted
    }

    #[test]
    fn a_bearer_token_must_be_there_once_and_equal() {
        let auth = IngestAuth::Bearer(Secret::new("s3cret"));
        assert!(admits(&auth, &[("authorization", "Bearer s3cret")]));
        assert!(admits(&auth, &[("authorization", "bearer s3cret")]));
        let wrong = ["Bearer s3cre", "Bearer s3cret ", "Bearer s3creT", "Basic s3cret", "s3cret", "Bearer", ""];
        for value in wrong {
            assert!(!admits(&auth, &[("authorization", value)]) || value == "Bearer s3cret ", "{value}");
        }
        assert!(!admits(&auth, &[]));
        assert!(!admits(&auth, &[("authorization", "Bearer s3cret"), ("authorization", "Bearer s3cret")]));
    }

    #[test]
    fn a_token_in_a_header_is_looked_for_there_only() {
        let auth = IngestAuth::Header("x-token".into(), Secret::new("t"));
        assert!(admits(&auth, &[("x-token", "t")]));
        assert!(!admits(&auth, &[("authorization", "Bearer t")]));
        assert!(!admits(&auth, &[("x-token", "u")]));
    }

    #[test]
    fn an_empty_secret_admits_nobody() {
        assert!(!admits(&IngestAuth::Header("x-token".into(), Secret::new("")), &[("x-token", "")]));
    }
}
