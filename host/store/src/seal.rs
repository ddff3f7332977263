//! Values that are sealed at rest: whoever reads the disk without the key reads nothing.
//!
//! A sealed value stands in the stored JSON as `{"sealed":"<base64>"}`: a nonce of 12 random bytes, and the text encrypted
//! by ChaCha20-Poly1305. The connector's name and the key are bound to it, so that a sealed value cannot be moved to another
//! place and be shown or used there.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::{Value, json};

use crate::store::StoreError;

/// Seals and opens values with one key.
pub struct Sealer {
    key: LessSafeKey,
    random: SystemRandom,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

impl Sealer {
    /// Bytes of a key.
    pub const KEY_BYTES: usize = 32;

    /// Seals with this key.
    pub fn new(key: &[u8; Self::KEY_BYTES]) -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the only error is a key of another length, and its length is its type's"
        )]
        let key = UnboundKey::new(&CHACHA20_POLY1305, key).expect("a key of 32 bytes");
        Self { key: LessSafeKey::new(key), random: SystemRandom::new() }
    }

    /// What is stored in the place of `text`.
    pub(crate) fn seal(&self, connector: &str, key: &str, text: &str) -> Result<Value, StoreError> {
        let failed = |_| StoreError::Io(format!("cannot seal the value of `{key}`: the system gives no random bytes"));
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(failed)?;
        let mut sealed = text.as_bytes().to_vec();
        let place = place(connector, key);
        let tag = self.key.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(place.as_bytes()),
            &mut sealed,
        );
        let tag = tag.map_err(failed)?;
        let bytes = [nonce.as_slice(), &sealed, tag.as_ref()].concat();
        Ok(json!({ SEALED: STANDARD.encode(bytes) }))
    }

    /// The text that was sealed; `None` where the key is another or the value was changed or moved.
    fn open(&self, connector: &str, key: &str, sealed: &str) -> Option<String> {
        let bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut rest = rest.to_vec();
        let text = self.key.open_in_place(nonce, Aad::from(place(connector, key).as_bytes()), &mut rest).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

const SEALED: &str = "sealed";

fn place(connector: &str, key: &str) -> String {
    // Names hold no zero byte, so that no two places read the same.
    format!("{connector}\0{key}")
}

/// A stored value as it was read.
pub(crate) enum Opened {
    /// It was not sealed.
    Plain(String),
    /// It was sealed, and the key fits.
    Sealed(String),
    /// It was sealed, and cannot be opened.
    Lost,
}

/// Reads a stored value.
pub(crate) fn open(sealer: Option<&Sealer>, connector: &str, key: &str, value: &Value) -> Result<Opened, String> {
    match value {
        Value::String(text) => Ok(Opened::Plain(text.clone())),
        Value::Object(object) => match object.get(SEALED) {
            Some(Value::String(sealed)) => {
                let text = sealer.and_then(|sealer| sealer.open(connector, key, sealed));
                Ok(text.map_or(Opened::Lost, Opened::Sealed))
            }
            _ => Err(format!("the value of `{key}` is an object that this version does not know")),
        },
        _ => Err(format!("the value of `{key}` is no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(sealer: &Sealer, connector: &str, key: &str, value: &Value) -> Option<String> {
        match open(Some(sealer), connector, key, value).unwrap() {
            Opened::Sealed(text) => Some(text),
            Opened::Plain(_) | Opened::Lost => None,
        }
    }

    #[test]
    fn a_sealed_value_opens_in_its_place_with_its_key_alone() {
        let sealer = Sealer::new(&[7; 32]);
        let value = sealer.seal("c", "password", "s3cret").unwrap();
        assert!(!value.to_string().contains("s3cret"));
        assert_eq!(opened(&sealer, "c", "password", &value).as_deref(), Some("s3cret"));
        assert_eq!(opened(&sealer, "d", "password", &value), None);
        assert_eq!(opened(&sealer, "c", "topic", &value), None);
        assert_eq!(opened(&Sealer::new(&[8; 32]), "c", "password", &value), None);
        assert_ne!(sealer.seal("c", "password", "s3cret").unwrap(), value, "each has a nonce of its own");
    }

    #[test]
    fn what_was_changed_or_cut_does_not_open() {
        let sealer = Sealer::new(&[7; 32]);
        let value = sealer.seal("c", "k", "").unwrap();
        let text = value[SEALED].as_str().unwrap().to_owned();
        assert_eq!(opened(&sealer, "c", "k", &value).as_deref(), Some(""));
        let changed = text.replacen(|c: char| c.is_ascii_lowercase(), "A", 1);
        for bad in ["", "AAAA", text.get(..8).unwrap(), changed.as_str(), "?"] {
            assert_eq!(opened(&sealer, "c", "k", &json!({ SEALED: bad })), None, "{bad}");
        }
        assert!(open(Some(&sealer), "c", "k", &json!({"x": 1})).is_err());
        assert!(open(Some(&sealer), "c", "k", &json!(1)).is_err());
    }
}
