//! `[egress]`: what connectors may reach over the network.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use wharf_egress::{Ceiling, Quotas, Rule, TrustRoots};
use wharf_sandbox::EgressPolicy;

use super::at_least;

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// Only these may be reached.
    pub(crate) allow: Vec<String>,
    /// These may not.
    pub(crate) deny: Vec<String>,
    /// Addresses of this machine.
    pub(crate) loopback: Option<bool>,
    /// Addresses of private networks.
    pub(crate) private: Option<bool>,
    /// Link-local addresses.
    pub(crate) link_local: Option<bool>,
    /// Whether what the system trusts is trusted.
    pub(crate) system_roots: Option<bool>,
    /// PEM files with more to trust.
    pub(crate) ca_files: Vec<PathBuf>,
    /// Sockets of a task at a time.
    pub(crate) max_sockets: Option<usize>,
    /// HTTP requests of a task at a time.
    pub(crate) max_http_requests: Option<usize>,
    /// Bytes of a task in a second.
    pub(crate) max_bytes_per_second: Option<u64>,
    /// How long a connection may take to be made.
    pub(crate) connect_timeout_ms: Option<u64>,
    /// How long an HTTP answer may take to begin, and to pause.
    pub(crate) http_timeout_ms: Option<u64>,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &[
    "egress.allow",
    "egress.deny",
    "egress.loopback",
    "egress.private",
    "egress.link-local",
    "egress.system-roots",
    "egress.ca-files",
    "egress.max-sockets",
    "egress.max-http-requests",
    "egress.max-bytes-per-second",
    "egress.connect-timeout-ms",
    "egress.http-timeout-ms",
];

/// Checks the section and reads the files that it names. `is_local`: the worker listens on loopback only, so whoever
/// makes connectors is on this machine already.
pub(super) fn policy(
    raw: &Raw,
    is_local: bool,
    beside_file: impl Fn(PathBuf) -> PathBuf,
) -> anyhow::Result<EgressPolicy> {
    let default = Ceiling::default();
    let ceiling = Ceiling {
        allow: rules("egress.allow", &raw.allow)?,
        deny: rules("egress.deny", &raw.deny)?,
        loopback: raw.loopback.unwrap_or(is_local),
        private: raw.private.unwrap_or(default.private),
        link_local: raw.link_local.unwrap_or(default.link_local),
    };
    let mut extra = Vec::with_capacity(raw.ca_files.len());
    for path in &raw.ca_files {
        let path = beside_file(path.clone());
        let pem = std::fs::read(&path);
        extra.push(pem.with_context(|| format!("read `{}` of `egress.ca-files`", path.display()))?);
    }
    let roots = TrustRoots::new(raw.system_roots.unwrap_or(true), &extra);
    let ms = |key: &str, value: Option<u64>, default: Duration| {
        value.map_or(Ok(default), |ms| at_least(key, ms, 10).map(Duration::from_millis))
    };
    let most = Quotas::default();
    let quotas = Quotas {
        sockets: raw.max_sockets.unwrap_or(most.sockets),
        http_requests: raw.max_http_requests.unwrap_or(most.http_requests),
        bytes_per_second: raw
            .max_bytes_per_second
            .map(|n| at_least("egress.max-bytes-per-second", n, 1))
            .transpose()?,
        connect_timeout: ms("egress.connect-timeout-ms", raw.connect_timeout_ms, most.connect_timeout)?,
        http_timeout: ms("egress.http-timeout-ms", raw.http_timeout_ms, most.http_timeout)?,
        ..most
    };
    Ok(EgressPolicy {
        ceiling: Arc::new(ceiling),
        quotas,
        roots: roots.context("take the files of `egress.ca-files`")?,
        ..EgressPolicy::default()
    })
}

fn rules(key: &str, texts: &[String]) -> anyhow::Result<Vec<Rule>> {
    let read = |text: &String| text.parse().map_err(|error| anyhow::anyhow!("`{key}` has \"{text}\", which {error}"));
    texts.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, is_local: bool) -> anyhow::Result<EgressPolicy> {
        policy(&toml::from_str(text).unwrap(), is_local, |path| path)
    }

    #[test]
    fn loopback_is_open_where_the_worker_is_on_it() {
        assert!(read("", true).unwrap().ceiling.loopback);
        assert!(!read("", false).unwrap().ceiling.loopback);
        assert!(!read("loopback = false", true).unwrap().ceiling.loopback);
        let ceiling = read("", true).unwrap().ceiling;
        assert_eq!((ceiling.private, ceiling.link_local), (true, false));
    }

    #[test]
    fn every_key_arrives() {
        let text = r#"
            allow = ["*.example.com:443"]
            deny = ["10.0.0.0/8"]
            private = false
            link-local = true
            system-roots = false
            max-sockets = 3
            max-http-requests = 4
            max-bytes-per-second = 5
            connect-timeout-ms = 60
            http-timeout-ms = 70
        "#;
        let policy = read(text, false).unwrap();
        assert_eq!((policy.ceiling.allow.len(), policy.ceiling.deny.len()), (1, 1));
        assert_eq!((policy.ceiling.private, policy.ceiling.link_local), (false, true));
        let Quotas { sockets, http_requests, bytes_per_second, connect_timeout, http_timeout, .. } = policy.quotas;
        assert_eq!((sockets, http_requests, bytes_per_second), (3, 4, Some(5)));
        assert_eq!((connect_timeout.as_millis(), http_timeout.as_millis()), (60, 70));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, told) in [
            ("allow = [\"https://a\"]", "`egress.allow` has \"https://a\", which is a URL"),
            ("deny = [\"a:0\"]", "`egress.deny` has \"a:0\""),
            ("ca-files = [\"/nowhere.pem\"]", "/nowhere.pem"),
            (concat!("ca-files = [\"", env!("CARGO_MANIFEST_DIR"), "/Cargo.toml\"]"), "egress.ca-files"),
            ("connect-timeout-ms = 0", "`egress.connect-timeout-ms` is 0"),
        ] {
            let error = format!("{:#}", read(text, true).unwrap_err());
            assert!(error.contains(told), "{error}");
        }
    }
}
