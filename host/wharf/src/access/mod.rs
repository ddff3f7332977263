//! Who may use the REST API: the file of tokens and passwords, and the gatekeeper that knows it.
//!
//! - [`file`](mod@file): `access.toml`, read and written as a whole;
//! - [`password`](mod@password): argon2id, bounded and remembered;
//! - [`keeper`](mod@keeper): follows the file and answers the API.
//!
//! A token is 256 random bits behind `wharf_`. Nobody guesses one, so there is nothing to slow down: a plain SHA-256 of it
//! is kept, from which it cannot be had again. Passwords are people's, and are kept as argon2id.

mod file;
mod keeper;
mod password;

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

pub(crate) use file::{AccessFile, Entry, check_name, check_pattern};
pub(crate) use keeper::{Door, Keeper};
pub(crate) use password::hash as hash_password;

/// What every token begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "wharf_";

/// The SHA-256 of a token.
pub(crate) type TokenDigest = [u8; 32];

/// A new token.
pub(crate) fn new_token() -> anyhow::Result<String> {
    let mut bits = [0_u8; 32];
    SystemRandom::new().fill(&mut bits).map_err(|_| anyhow!("the system gives no random bytes"))?;
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bits)))
}

/// What is kept of a token.
pub(crate) fn token_digest(token: impl AsRef<[u8]>) -> TokenDigest {
    let mut kept = [0; 32];
    kept.copy_from_slice(digest(&SHA256, token.as_ref()).as_ref());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_known_by_their_beginning_and_never_the_same() {
        let (one, other) = (new_token().unwrap(), new_token().unwrap());
        assert!(one.starts_with("wharf_") && one.len() == 6 + 43 && one != other);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'));
        assert_eq!(token_digest("abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
