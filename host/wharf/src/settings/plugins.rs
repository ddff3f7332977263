//! `[plugins]`: which plugins may run, checked.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{anyhow, bail};
use wharf_registry::{Policy, Publisher, RegistryOptions, Unsigned};

use super::{at_least, raw};

/// Which plugins may run, and what loading one may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plugins {
    pub(crate) policy: Policy,
    /// Bytes of a `.wasm`.
    pub(crate) max_bytes: u64,
    pub(crate) compile_deadline: Duration,
}

impl Plugins {
    pub(super) fn resolve(raw: raw::Plugins) -> anyhow::Result<Self> {
        let mut names = BTreeSet::new();
        let mut publishers = Vec::new();
        for raw::Publisher { name, key, plugins } in raw.publishers {
            if name.trim().is_empty() || !names.insert(name.clone()) {
                bail!("`plugins.publishers` names {name:?} twice, or leaves a name out: give each publisher its own");
            }
            if plugins.is_empty() {
                bail!("the publisher {name} has no `plugins`: write the names of its plugins, such as [\"{name}-*\"]");
            }
            publishers
                .push(Publisher::new(name, &key, plugins).map_err(|error| anyhow!("`plugins.publishers`: {error}"))?);
        }
        let revoked =
            raw.revoked.iter().map(|text| text.parse().map_err(|error| anyhow!("`plugins.revoked`: {error}")));
        let default = wharf_sandbox::Limits::default();
        let max_bytes = raw.max_bytes.unwrap_or(RegistryOptions::default().max_file_bytes);
        let timeout = raw.compile_timeout_ms.map_or(default.compile_deadline, Duration::from_millis);
        at_least("plugins.compile-timeout-ms", timeout.as_millis(), 100)?;
        Ok(Self {
            policy: Policy {
                unsigned: match raw.unsigned {
                    None | Some(raw::Unsigned::Allow) => Unsigned::Allow,
                    Some(raw::Unsigned::Warn) => Unsigned::Warn,
                    Some(raw::Unsigned::Deny) => Unsigned::Deny,
                },
                publishers,
                require_approval: raw.require_approval.unwrap_or(false),
                revoked: revoked.collect::<anyhow::Result<_>>()?,
                allowed_hosts: raw.allowed_hosts,
            },
            max_bytes: at_least("plugins.max-bytes", max_bytes, 1024)?,
            compile_deadline: timeout,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn resolve(text: &str) -> Result<Plugins, String> {
        let file = raw::File::parse(text).map_err(|error| format!("{error:#}"))?;
        Plugins::resolve(file.plugins).map_err(|error| format!("{error:#}"))
    }

    fn publisher(name: &str, key: &str) -> String {
        format!("[[plugins.publishers]]\nname = \"{name}\"\nkey = \"{key}\"\nplugins = [\"x-*\"]\n")
    }

    #[test]
    fn everything_is_allowed_unless_told_otherwise() {
        let plugins = resolve("").unwrap();
        assert_eq!((plugins.policy, plugins.max_bytes), (Policy::default(), 64 << 20));
    }

    #[test]
    fn what_makes_no_sense_is_told_what_to_write() {
        for (text, hint) in [
            (publisher("a", "nonsense"), "begins with RW"),
            (publisher("a", KEY) + &publisher("a", KEY), "give each publisher its own"),
            (format!("[[plugins.publishers]]\nname = \"a\"\nkey = \"{KEY}\"\nplugins = []"), "[\"a-*\"]"),
            ("[plugins]\nrevoked = [\"x\"]".to_owned(), "NAME@VERSION"),
            ("[plugins]\nmax-bytes = 1".to_owned(), "at least 1024"),
            ("[plugins]\nunsigned = \"maybe\"".to_owned(), "allow"),
            ("[plugins]\nunsignd = \"deny\"".to_owned(), "did you mean `plugins.unsigned`?"),
        ] {
            let error = resolve(&text).unwrap_err();
            assert!(error.contains(hint), "{error}");
        }
        assert!(resolve(&(publisher("a", KEY) + &publisher("b", KEY))).is_ok());
    }
}
