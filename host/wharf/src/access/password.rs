//! Passwords: slow to verify on purpose, and therefore few at a time, and remembered for a while.
//!
//! Verifying one takes some 20 MiB and some tens of milliseconds, which is what makes a stolen file hard to use. A
//! client sends its password with each request, so one that was right is remembered: not itself but an HMAC of it, under
//! a key that this process made for itself and never shows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{anyhow, bail};
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use ring::hmac;
use ring::rand::SystemRandom;

/// How long a password that was right is remembered.
const REMEMBERED: Duration = Duration::from_secs(300);
/// Passwords that are remembered.
const MOST: usize = 256;

/// What a password is held against where there is no such user, so that a wrong name takes as long as a wrong password. No
/// password hashes to zeros.
pub(super) const NOBODYS: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$d2hhcmYtd2hhcmYtd2hhcg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What is kept of a password: argon2id with a salt of its own.
pub(crate) fn hash(password: &str) -> anyhow::Result<String> {
    let hashed = Argon2::default().hash_password(password.as_bytes());
    Ok(hashed.map_err(|error| anyhow!("hash the password: {error}"))?.to_string())
}

/// Whether this is something that [`hash`] might have made.
pub(super) fn check_hash(hash: &str) -> anyhow::Result<()> {
    let is_argon2id = PasswordHash::new(hash).is_ok_and(|hash| hash.algorithm.as_str() == "argon2id");
    if !is_argon2id {
        bail!(
            "`password-argon2` is no argon2id hash, which begins with $argon2id$: set it with `wharf token password`"
        );
    }
    Ok(())
}

/// Whether it is the password. Takes a while, and a core.
pub(super) fn verify(password: &[u8], hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

/// Passwords that were right a moment ago.
pub(super) struct Remembered {
    key: hmac::Key,
    until: Mutex<HashMap<[u8; 32], Instant>>,
}

impl Remembered {
    pub(super) fn new() -> anyhow::Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        let key = key.map_err(|_| anyhow!("the system gives no random bytes"))?;
        Ok(Self { key, until: Mutex::default() })
    }

    /// Of user, password and what is kept of it: a password that was changed is not known any more.
    fn tag(&self, user: &str, password: &[u8], hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [user.as_bytes(), password, hash.as_bytes()] {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut tag = [0; 32];
        tag.copy_from_slice(context.sign().as_ref());
        tag
    }

    pub(super) fn knows(&self, user: &str, password: &[u8], hash: &str, now: Instant) -> bool {
        let tag = self.tag(user, password, hash);
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        // Who has no key cannot choose a tag, so how long the look-up takes tells nothing.
        until.get(&tag).is_some_and(|until| now < *until)
    }

    pub(super) fn remember(&self, user: &str, password: &[u8], hash: &str, now: Instant) {
        let tag = self.tag(user, password, hash);
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= MOST {
            until.retain(|_, until| now < *until);
        }
        if until.len() < MOST {
            until.insert(tag, now + REMEMBERED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let kept = hash("correct horse").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(verify(b"correct horse", &kept));
        assert!(!verify(b"correct hors", &kept) && !verify(b"", &kept) && !verify(b"correct horse", "x"));
        assert_ne!(kept, hash("correct horse").unwrap(), "each has its own salt");
        check_hash(&kept).unwrap();
        for other in
            ["", "correct horse", "$2b$12$abcdefghijklmnopqrstuu", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaA"]
        {
            check_hash(other).unwrap_err();
        }
    }

    #[test]
    fn a_wrong_name_takes_as_long_as_a_wrong_password() {
        check_hash(NOBODYS).unwrap();
        let settings = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(settings(NOBODYS), settings(&hash("correct horse").unwrap()));
        assert!(!verify(b"", NOBODYS));
    }

    #[test]
    fn what_was_right_is_remembered_for_a_while_and_not_after_a_change() {
        let (remembered, now) = (Remembered::new().unwrap(), Instant::now());
        assert!(!remembered.knows("ann", b"p", "h", now));
        remembered.remember("ann", b"p", "h", now);
        assert!(remembered.knows("ann", b"p", "h", now));
        for (user, password, hash) in [("annp", "", "h"), ("bob", "p", "h"), ("ann", "q", "h"), ("ann", "p", "other")] {
            assert!(!remembered.knows(user, password.as_bytes(), hash, now));
        }
        assert!(!remembered.knows("ann", b"p", "h", now + REMEMBERED));
    }

    #[test]
    fn no_more_is_remembered_than_has_room() {
        let (remembered, now) = (Remembered::new().unwrap(), Instant::now());
        for number in 0..MOST + 10 {
            remembered.remember(&number.to_string(), b"p", "h", now);
        }
        assert_eq!(remembered.until.lock().unwrap().len(), MOST);
        remembered.remember("later", b"p", "h", now + REMEMBERED);
        assert!(remembered.knows("later", b"p", "h", now + REMEMBERED));
    }
}
