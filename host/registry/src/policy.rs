//! What the operator allows: signatures, publishers, approvals, revocations.
//!
//! Pure: it is told what was found and says whether that may run.

use wharf_core::plugin::{LoadError, SignatureState};

use crate::signature::Publisher;

/// What becomes of a plugin without a signature by a pinned key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsigned {
    /// It runs.
    #[default]
    Allow,
    /// It runs, and the log and every audit say so.
    Warn,
    /// It is not even compiled.
    Deny,
}

/// A plugin that must not run any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// These bytes, whatever they call themselves: a SHA-256 in lower-case hexadecimal digits.
    Digest(String),
    /// All bytes of this `name@version`.
    Plugin(String),
}

impl std::str::FromStr for Revoked {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(digest) = digest(text) {
            return Ok(Self::Digest(digest));
        }
        match text.split_once('@') {
            Some((name, version)) if !name.is_empty() && crate::version::parse(version).is_some() => {
                Ok(Self::Plugin(text.to_owned()))
            }
            _ => {
                Err(format!("{text:?} is neither a SHA-256 nor a plugin: write 64 hexadecimal digits or NAME@VERSION"))
            }
        }
    }
}

/// A SHA-256 as people write it, `sha256:` in front or not, in lower case.
pub(crate) fn digest(text: &str) -> Option<String> {
    let digits = text.trim();
    let digits = digits.strip_prefix("sha256:").unwrap_or(digits);
    let is_digest = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| digits.to_ascii_lowercase())
}

/// What the operator allows. The default allows everything that loads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// What becomes of a plugin without a signature by a pinned key.
    pub unsigned: Unsigned,
    /// Publishers whose keys are pinned, and the names of plugins that are theirs.
    pub publishers: Vec<Publisher>,
    /// Whether a file that was dropped in waits for an operator's approval.
    pub require_approval: bool,
    /// Plugins that must not run any more.
    pub revoked: Vec<Revoked>,
    /// Hosts that plugins may be installed from; `None`: any.
    pub allowed_hosts: Option<Vec<String>>,
}

fn refusal(code: &'static str, message: String) -> LoadError {
    LoadError { code, message }
}

impl Policy {
    /// What can be said of bytes before they are compiled, and so before their name is known.
    pub(crate) fn before_load(&self, sha256: &str, signature: &SignatureState) -> Result<(), LoadError> {
        if self.revoked.iter().any(|revoked| matches!(revoked, Revoked::Digest(digest) if digest == sha256)) {
            return Err(revoked(&format!("the bytes with the SHA-256 {sha256} are")));
        }
        match signature {
            SignatureState::Bad { reason } => Err(refusal(
                "BAD_SIGNATURE",
                format!(
                    "the signature does not fit the file ({reason}): get both again from the publisher, and do not use this file"
                ),
            )),
            SignatureState::Unsigned if self.unsigned == Unsigned::Deny => Err(refusal(
                "UNSIGNED",
                "the file has no signature, and `unsigned` in [plugins] is \"deny\": put the publisher's signature beside it, \
                 as FILE.wasm.minisig, or give it with --signature"
                    .to_owned(),
            )),
            SignatureState::UnknownKey { key } if self.unsigned == Unsigned::Deny => Err(refusal(
                "IDENTITY_MISMATCH",
                format!("the file is signed by the key {key}, which no entry of `publishers` in [plugins] has: pin that key \
                         if you trust it"),
            )),
            _ => Ok(()),
        }
    }

    /// Whether the plugin may run, as far as signature and revocation go.
    pub(crate) fn judge(
        &self,
        name: &str,
        version: &str,
        sha256: &str,
        signature: &SignatureState,
    ) -> Result<(), LoadError> {
        let id = format!("{name}@{version}");
        self.before_load(sha256, signature)?;
        if self.revoked.iter().any(|revoked| matches!(revoked, Revoked::Plugin(plugin) if *plugin == id)) {
            return Err(revoked(&format!("{id} is")));
        }
        let owners: Vec<&str> =
            self.publishers.iter().filter(|it| it.owns(name)).map(|publisher| publisher.name.as_str()).collect();
        let mismatch = |what: String| Err(refusal("IDENTITY_MISMATCH", what));
        match signature {
            SignatureState::Verified { plugin: Some(signed), .. } if *signed != id => mismatch(format!(
                "the file is {id}, and its signature was made for {signed}: get the signature of {id}"
            )),
            SignatureState::Verified { publisher, key, .. }
                if !self.publishers.iter().any(|it| it.key_id() == *key && it.owns(name)) =>
            {
                mismatch(format!(
                    "{id} is signed by {publisher}, who may not publish a plugin of that name: add it to the `plugins` of \
                     {publisher} in [plugins] if it is theirs"
                ))
            }
            SignatureState::UnknownKey { key } if !owners.is_empty() => mismatch(format!(
                "{id} is signed by the key {key}, and {name} is pinned to {}: get it from there",
                owners.join(" or ")
            )),
            SignatureState::Unsigned if !owners.is_empty() => Err(refusal(
                "UNSIGNED",
                format!(
                    "{id} has no signature, and {name} is pinned to {}: put the publisher's signature beside it, as \
                     FILE.wasm.minisig",
                    owners.join(" or ")
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Whether to say that a plugin runs without a signature by a pinned key.
    pub(crate) fn warns_of(&self, signature: &SignatureState) -> bool {
        self.unsigned == Unsigned::Warn && !matches!(signature, SignatureState::Verified { .. })
    }

    /// Checks a URL to install from.
    pub(crate) fn check_url(&self, text: &str) -> Result<(), LoadError> {
        let bad = |why: &str| Err(refusal("BAD_URL", format!("{text:?} {why}: write https://HOST/PATH.wasm")));
        let Ok(url) = url::Url::parse(text) else { return bad("is no URL") };
        let Some(host) = url.host_str() else { return bad("names no host") };
        if !url.username().is_empty() || url.password().is_some() {
            return bad("holds a user name or a password, which would end up in the record");
        }
        let is_loopback = match url.host() {
            Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
            Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
            _ => host == "localhost",
        };
        match url.scheme() {
            "https" => {}
            "http" if is_loopback => {}
            _ => return bad("is not fetched over TLS"),
        }
        match &self.allowed_hosts {
            Some(hosts) if !hosts.iter().any(|allowed| matches(allowed, host)) => Err(refusal(
                "HOST_DENIED",
                format!("plugins may not be installed from {host}: add it to `allowed-hosts` in [plugins]"),
            )),
            _ => Ok(()),
        }
    }
}

fn revoked(what: &str) -> LoadError {
    refusal(
        "REVOKED",
        format!("{what} revoked in [plugins] of the worker's settings: remove the file, and use another version"),
    )
}

/// Whether `text` fits `pattern`, in which `*` stands for any characters, also for none.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, fits, not) in [
            ("acme-*", vec!["acme-", "acme-sink"], vec!["acme", "xacme-sink"]),
            ("*", vec!["", "x"], vec![]),
            ("redis-sink", vec!["redis-sink"], vec!["redis-sinks", "redis", ""]),
            ("*-s*k", vec!["a-sink", "-sk"], vec!["a-sin", "sink"]),
            ("*.example.com", vec!["a.example.com"], vec!["example.com", "a.example.com.evil"]),
        ] {
            fits.into_iter().for_each(|text| assert!(matches(pattern, text), "{text} in {pattern}"));
            not.into_iter().for_each(|text| assert!(!matches(pattern, text), "{text} not in {pattern}"));
        }
    }

    proptest! {
        #[test]
        fn every_text_fits_itself_and_itself_with_a_star(text in "[a-z-]{0,12}", at in 0_usize..12) {
            prop_assert!(matches(&text, &text));
            let (before, after) = text.split_at(at.min(text.len()));
            let pattern = [before, "*", after].concat();
            prop_assert!(matches(&pattern, &text));
        }
    }

    #[test]
    fn only_https_and_loopback_are_fetched_from_and_only_from_hosts_that_are_allowed() {
        let any = Policy::default();
        for url in ["https://example.com/a.wasm", "http://127.0.0.1:1/a", "http://[::1]/a", "http://localhost/a"] {
            assert_eq!(any.check_url(url), Ok(()), "{url}");
        }
        for url in ["http://example.com/a", "ftp://x/a", "file:///etc/passwd", "a.wasm", "https://me:secret@x/a", ""] {
            assert_eq!(any.check_url(url).unwrap_err().code, "BAD_URL", "{url}");
        }
        let some = Policy { allowed_hosts: Some(vec!["*.example.com".to_owned()]), ..Policy::default() };
        assert_eq!(some.check_url("https://get.example.com/a"), Ok(()));
        assert_eq!(some.check_url("https://example.com.evil/a").unwrap_err().code, "HOST_DENIED");
    }

    #[test]
    fn what_is_revoked_is_a_digest_or_a_version() {
        let digest = "AB".repeat(32);
        assert_eq!(digest.parse(), Ok(Revoked::Digest("ab".repeat(32))));
        assert_eq!(format!("sha256:{digest}").parse(), Ok(Revoked::Digest("ab".repeat(32))));
        assert_eq!("x@1.0.0".parse(), Ok(Revoked::Plugin("x@1.0.0".to_owned())));
        for text in ["x", "@1.0.0", "x@new", "abcd"] {
            assert!(text.parse::<Revoked>().unwrap_err().contains("NAME@VERSION"), "{text}");
        }
    }
}
