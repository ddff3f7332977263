//! `[ingest]`: the listener for requests from outside.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `listen` | none | where it listens; without it, connectors that are called over HTTP are refused |
//! | `tls-certificate`, `tls-key` | none | PEM files; with them it speaks TLS only |
//! | `max-body-bytes` | 1 MiB | the largest request; a connector may set less |
//! | `requests-per-second` | no limit | for each connector; a connector may set less |
//! | `max-connections` | 256 | further connections wait |
//! | `header-timeout-ms` | 10000 | how long the headers of a request, or a TLS handshake, may take |
//! | `body-timeout-ms` | 30000 | how long the body of a request may take |
//!
//! Unlike the REST API it may listen where other machines reach it without `--insecure`: that is what it is for. Each
//! connector must say who may call it then.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{anyhow, bail};
use serde::Deserialize;
use wharf_api::ingest::IngestServer;
use wharf_runtime::IngestOptions;

use super::{at_least, parse_listen};

/// Bodies are kept in memory: 1 GiB is a slip of the pen.
const MOST_BODY_BYTES: usize = 1 << 30;

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// Where it listens.
    pub(crate) listen: Option<String>,
    /// The server's certificate and those between it and the root.
    pub(crate) tls_certificate: Option<PathBuf>,
    /// Its private key.
    pub(crate) tls_key: Option<PathBuf>,
    /// The largest request.
    pub(crate) max_body_bytes: Option<usize>,
    /// For each connector.
    pub(crate) requests_per_second: Option<u32>,
    /// Connections at a time.
    pub(crate) max_connections: Option<usize>,
    /// How long the headers of a request, or a TLS handshake, may take.
    pub(crate) header_timeout_ms: Option<u64>,
    /// How long the body of a request may take.
    pub(crate) body_timeout_ms: Option<u64>,
}

/// The listener, checked.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    pub(crate) listen: SocketAddr,
    /// Certificate and key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
    pub(crate) options: IngestOptions,
    /// But for the certificate, which is read when the listener is opened.
    pub(crate) server: IngestServer,
}

/// `None` where nothing is to be listened to.
pub(super) fn resolve(raw: &Raw, beside_file: impl Fn(PathBuf) -> PathBuf) -> anyhow::Result<Option<Ingest>> {
    let Some(text) = &raw.listen else {
        if *raw != Raw::default() {
            bail!("`[ingest]` has no effect without `listen`: write `listen = \"127.0.0.1:8090\"` in it");
        }
        return Ok(None);
    };
    let listen = parse_listen(text).map_err(|hint| anyhow!("`ingest.listen` is `{text}`: {hint}"))?;
    let tls = match (&raw.tls_certificate, &raw.tls_key) {
        (Some(certificate), Some(key)) => Some((beside_file(certificate.clone()), beside_file(key.clone()))),
        (None, None) => None,
        (Some(_), None) => bail!("`ingest.tls-certificate` needs its private key: write `tls-key` beside it"),
        (None, Some(_)) => bail!("`ingest.tls-key` needs its certificate: write `tls-certificate` beside it"),
    };
    let max_body_bytes = at_least("ingest.max-body-bytes", raw.max_body_bytes.unwrap_or(1 << 20), 1)?;
    if max_body_bytes > MOST_BODY_BYTES {
        bail!("`ingest.max-body-bytes` is {max_body_bytes}: write at most {MOST_BODY_BYTES}");
    }
    let rate = raw.requests_per_second.map(|rate| at_least("ingest.requests-per-second", rate, 1)).transpose()?;
    let default = IngestServer::default();
    let ms = |key: &str, value: Option<u64>, default: Duration| match value {
        Some(ms) => at_least(key, ms, 1).map(Duration::from_millis),
        None => Ok(default),
    };
    let server = IngestServer {
        max_connections: at_least("ingest.max-connections", raw.max_connections.unwrap_or(default.max_connections), 1)?,
        header_timeout: ms("ingest.header-timeout-ms", raw.header_timeout_ms, default.header_timeout)?,
        body_timeout: ms("ingest.body-timeout-ms", raw.body_timeout_ms, default.body_timeout)?,
        tls: None,
    };
    let is_public = !listen.ip().is_loopback();
    let options = IngestOptions { is_public, max_body_bytes, requests_per_second: rate };
    Ok(Some(Ingest { listen, tls, options, server }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> anyhow::Result<Option<Ingest>> {
        resolve(&toml::from_str(text).unwrap(), |path| PathBuf::from("/etc/wharf").join(path))
    }

    fn refusal(text: &str) -> String {
        parsed(text).unwrap_err().to_string()
    }

    #[test]
    fn without_a_word_nothing_listens() {
        assert!(parsed("").unwrap().is_none());
        assert!(refusal("max-body-bytes = 1").contains("write `listen ="));
    }

    #[test]
    fn every_key_arrives() {
        let text = "listen = \"0.0.0.0:8090\"\ntls-certificate = \"c.pem\"\ntls-key = \"/k.pem\"\nmax-body-bytes = 7\n\
                    requests-per-second = 3\nmax-connections = 5\nheader-timeout-ms = 11\nbody-timeout-ms = 13";
        let ingest = parsed(text).unwrap().unwrap();
        assert_eq!(ingest.tls, Some(("/etc/wharf/c.pem".into(), "/k.pem".into())));
        let options = IngestOptions { is_public: true, max_body_bytes: 7, requests_per_second: Some(3) };
        assert_eq!(ingest.options, options);
        let server = ingest.server;
        assert_eq!((server.max_connections, server.header_timeout.as_millis()), (5, 11));
        assert_eq!(server.body_timeout.as_millis(), 13);
        assert!(!parsed("listen = \":8090\"").unwrap().unwrap().options.is_public);
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let with = |rest: &str| refusal(&format!("listen = \":1\"\n{rest}"));
        assert!(with("tls-key = \"k\"").contains("write `tls-certificate` beside it"));
        assert!(with("tls-certificate = \"k\"").contains("write `tls-key` beside it"));
        assert!(with("max-body-bytes = 0").contains("`ingest.max-body-bytes` is 0: write at least 1"));
        assert!(with("max-body-bytes = 2000000000").contains("write at most"));
        assert!(with("requests-per-second = 0").contains("write at least 1"));
        assert!(refusal("listen = \"here\"").contains("`ingest.listen` is `here`"));
    }
}
