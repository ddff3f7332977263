//! Signatures by minisign: ed25519 over the file's BLAKE2b hash, and over a comment that can be trusted.
//!
//! A signature stands beside its file, in `FILE.wasm.minisig`. What it is worth depends on the keys that the operator
//! pinned: a good signature by a stranger says nothing.

use minisign_verify::{Error, PublicKey, Signature};
use wharf_core::plugin::SignatureState;

use crate::policy::matches;

/// What a file's signature is called: its own name with this behind.
pub(crate) const SUFFIX: &str = "minisig";
/// A signature has some 300 bytes.
pub(crate) const MAX_BYTES: u64 = 4096;

/// A publisher whose key the operator pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publisher {
    pub(crate) name: String,
    key: PublicKey,
    key_id: String,
    plugins: Vec<String>,
}

impl Publisher {
    /// `key` is the text of a minisign public key, with its comment line or without; `plugins` are the names that are
    /// this publisher's, in which `*` stands for any characters.
    ///
    /// # Errors
    /// When `key` is no key, with what to write instead.
    pub fn new(name: String, key: &str, plugins: Vec<String>) -> Result<Self, String> {
        let line = key.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let parsed = PublicKey::from_base64(line);
        match (parsed, key_id(line)) {
            (Ok(key), Some(key_id)) => Ok(Self { name, key, key_id, plugins }),
            _ => Err(format!(
                "the key of the publisher {name} is no minisign public key: write the second line of its .pub file, which \
                 begins with RW"
            )),
        }
    }

    /// As minisign writes it.
    pub(crate) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Whether plugins of this name are this publisher's.
    pub(crate) fn owns(&self, plugin: &str) -> bool {
        self.plugins.iter().any(|pattern| matches(pattern, plugin))
    }
}

/// What the text of a signature is worth for these bytes.
pub(crate) fn check(bytes: &[u8], signature: Option<&str>, publishers: &[Publisher]) -> SignatureState {
    let Some(text) = signature else { return SignatureState::Unsigned };
    let bad = |reason: &str| SignatureState::Bad { reason: reason.to_owned() };
    let (Ok(signature), Some(key)) = (Signature::decode(text.trim_start()), signature_key_id(text)) else {
        return bad("it is no minisign signature");
    };
    let mut reason = None;
    for publisher in publishers.iter().filter(|publisher| publisher.key_id == key) {
        match publisher.key.verify(bytes, &signature, false) {
            Ok(()) => {
                let plugin = bound_to(signature.trusted_comment());
                return SignatureState::Verified { publisher: publisher.name.clone(), key, plugin };
            }
            Err(Error::UnexpectedAlgorithm) => {
                reason = Some("it is of minisign's old kind: sign with `minisign -H`");
            }
            Err(_) => reason = Some("the file is not what was signed, or its comment was changed"),
        }
    }
    match reason {
        Some(reason) => bad(reason),
        None => SignatureState::UnknownKey { key },
    }
}

/// The plugin that a trusted comment names: `plugin:NAME@VERSION` as one of its words.
fn bound_to(comment: &str) -> Option<String> {
    comment.split_whitespace().find_map(|word| word.strip_prefix("plugin:")).map(str::to_owned)
}

/// The id of the key that a signature says it was made with; `None` where it is no minisign signature. Nothing is
/// checked by that.
pub fn signature_key_id(text: &str) -> Option<String> {
    key_id(text.trim_start().lines().nth(1)?.trim())
}

/// Keys and signatures begin with two bytes for the algorithm and eight for the key's id, the lowest first.
fn key_id(base64: &str) -> Option<String> {
    let mut bits: u128 = 0;
    for byte in base64.bytes().take(16) {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u128::from(value);
    }
    // 16 digits are 12 bytes: two, eight, and two that are not wanted.
    let id = u64::try_from(bits >> 16 & u128::from(u64::MAX)).ok()?;
    (base64.len() >= 16).then(|| format!("{:016X}", id.swap_bytes()))
}

#[cfg(test)]
mod tests {
    use minisign::KeyPair;

    use super::*;

    fn sign(pair: &KeyPair, bytes: &[u8], comment: &str) -> String {
        minisign::sign(Some(&pair.pk), &pair.sk, bytes, Some(comment), None).unwrap().into_string()
    }

    fn publisher(pair: &KeyPair) -> Publisher {
        Publisher::new("acme".to_owned(), &pair.pk.to_box().unwrap().into_string(), vec!["acme-*".to_owned()]).unwrap()
    }

    #[test]
    fn a_signature_by_a_pinned_key_is_verified_and_says_by_whom() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let text = sign(&pair, b"bytes", "timestamp:1 plugin:acme-sink@1.0.0");
        let SignatureState::Verified { publisher, key, plugin } = check(b"bytes", Some(&text), &[publisher(&pair)])
        else {
            panic!("not verified")
        };
        assert_eq!((publisher.as_str(), plugin.as_deref()), ("acme", Some("acme-sink@1.0.0")));
        assert_eq!(signature_key_id(&text), Some(key.clone()));
        // The comment of a key's file names the id.
        assert!(pair.pk.to_box().unwrap().into_string().contains(&key), "{key}");
    }

    #[test]
    fn bytes_and_comments_that_were_changed_make_it_bad() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let text = sign(&pair, b"bytes", "plugin:acme-sink@1.0.0");
        let pinned = [publisher(&pair)];
        let is_bad = |bytes: &[u8], text: &str| matches!(check(bytes, Some(text), &pinned), SignatureState::Bad { .. });
        assert!(is_bad(b"bytez", &text));
        assert!(is_bad(b"bytes", &text.replace("1.0.0", "1.0.1")));
        for torn in ["", "x", "a\nb\nc\nd", text.split_at(60).0] {
            assert!(is_bad(b"bytes", torn), "{torn:?}");
        }
    }

    #[test]
    fn a_key_that_nobody_pinned_is_named_and_no_signature_is_none() {
        let (pair, other) =
            (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
        let text = sign(&pair, b"bytes", "x");
        let key = signature_key_id(&text).unwrap();
        assert_eq!(check(b"bytes", Some(&text), &[publisher(&other)]), SignatureState::UnknownKey { key });
        assert_eq!(check(b"bytes", None, &[publisher(&pair)]), SignatureState::Unsigned);
    }

    #[test]
    fn a_key_may_be_written_with_its_comment_or_without() {
        let pair = KeyPair::generate_unencrypted_keypair().unwrap();
        let with = pair.pk.to_box().unwrap().into_string();
        let without = pair.pk.to_base64();
        let id = |text: &str| Publisher::new("a".to_owned(), text, vec![]).unwrap().key_id().to_owned();
        assert_eq!(id(&with), id(&without));
        let error = Publisher::new("a".to_owned(), "RWnonsense", vec![]).unwrap_err();
        assert!(error.contains("begins with RW"), "{error}");
    }
}
