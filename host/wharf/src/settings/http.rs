//! `[http]`: what bounds the REST API's listener.
//!
//! | key | default | meaning |
//! |---|---|---|
//! | `max-connections` | 1024 | further connections wait |
//! | `header-timeout-ms` | 30000 | how long the headers of a request, or a TLS handshake, may take |
//! | `body-timeout-ms` | 30000 | how long the body of a request may take; a large one gets a second more for each 64 KiB |
//! | `max-body-bytes` | 1 MiB | the largest request; plugins have a limit of their own |
//! | `requests-per-second` | no limit | of each client address |
//! | `cors-allow-origins` | none | pages that may use the API from a browser |
//! | `cors-allow-methods` | GET, HEAD, POST | what they may do |

use std::time::Duration;

use anyhow::{anyhow, bail};
use axum::http::{HeaderValue, Method};
use serde::Deserialize;
use wharf_api::Cors;
use wharf_api::listen::RestServer;

use super::at_least;

/// Bodies are kept in memory: 1 GiB is a slip of the pen.
const MOST_BODY_BYTES: usize = 1 << 30;

/// The section as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// Connections at a time.
    pub(crate) max_connections: Option<usize>,
    /// How long the headers of a request, or a TLS handshake, may take.
    pub(crate) header_timeout_ms: Option<u64>,
    /// How long the body of a request may take.
    pub(crate) body_timeout_ms: Option<u64>,
    /// The largest request.
    pub(crate) max_body_bytes: Option<usize>,
    /// For each client address.
    pub(crate) requests_per_second: Option<u32>,
    /// Pages that may use the API from a browser.
    pub(crate) cors_allow_origins: Vec<String>,
    /// What they may do.
    pub(crate) cors_allow_methods: Option<Vec<String>>,
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &[
    "http.max-connections",
    "http.header-timeout-ms",
    "http.body-timeout-ms",
    "http.max-body-bytes",
    "http.requests-per-second",
    "http.cors-allow-origins",
    "http.cors-allow-methods",
];

/// The section, checked.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    /// But for the certificate, which is read when the listener is opened.
    pub(crate) server: RestServer,
    pub(crate) max_body_bytes: usize,
    pub(crate) requests_per_second: Option<u32>,
    pub(crate) cors: Option<Cors>,
}

pub(super) fn resolve(raw: &Raw) -> anyhow::Result<Http> {
    let default = RestServer::default();
    let ms = |key: &str, value: Option<u64>, default: Duration| match value {
        Some(ms) => at_least(key, ms, 10).map(Duration::from_millis),
        None => Ok(default),
    };
    let max_body_bytes = at_least("http.max-body-bytes", raw.max_body_bytes.unwrap_or(1 << 20), 1024)?;
    if max_body_bytes > MOST_BODY_BYTES {
        bail!("`http.max-body-bytes` is {max_body_bytes}: write at most {MOST_BODY_BYTES}");
    }
    let server = RestServer {
        max_connections: at_least("http.max-connections", raw.max_connections.unwrap_or(default.max_connections), 1)?,
        header_timeout: ms("http.header-timeout-ms", raw.header_timeout_ms, default.header_timeout)?,
        body_timeout: ms("http.body-timeout-ms", raw.body_timeout_ms, default.body_timeout)?,
        tls: None,
    };
    let rate = raw.requests_per_second.map(|rate| at_least("http.requests-per-second", rate, 1)).transpose()?;
    Ok(Http { server, max_body_bytes, requests_per_second: rate, cors: cors(raw)? })
}

fn cors(raw: &Raw) -> anyhow::Result<Option<Cors>> {
    if raw.cors_allow_origins.is_empty() {
        if raw.cors_allow_methods.is_some() {
            bail!("`http.cors-allow-methods` has no effect without origins: write `cors-allow-origins` beside it");
        }
        return Ok(None);
    }
    let origins = raw.cors_allow_origins.iter().map(|text| origin(text)).collect::<anyhow::Result<_>>()?;
    let methods = match &raw.cors_allow_methods {
        None => vec![Method::GET, Method::HEAD, Method::POST],
        Some(texts) => texts.iter().map(|text| method(text)).collect::<anyhow::Result<_>>()?,
    };
    Ok(Some(Cors { origins, methods }))
}

/// A scheme, a host and perhaps a port, as browsers send it, or `*`.
fn origin(text: &str) -> anyhow::Result<HeaderValue> {
    let wrong =
        || anyhow!("`http.cors-allow-origins` has \"{text}\": write an origin such as https://console.example.com");
    let host = ["https://", "http://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    if text != "*" && host.is_none_or(|host| host.is_empty() || host.contains(['/', '*', ' ', ','])) {
        return Err(wrong());
    }
    HeaderValue::try_from(text).map_err(|_| wrong())
}

fn method(text: &str) -> anyhow::Result<Method> {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    known
        .into_iter()
        .find(|method| method.as_str() == text)
        .ok_or_else(|| anyhow!("`http.cors-allow-methods` has \"{text}\": write GET, HEAD, POST, PUT, PATCH or DELETE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> anyhow::Result<Http> {
        resolve(&toml::from_str(text).unwrap())
    }

    #[test]
    fn without_a_word_there_is_no_cors_and_no_rate() {
        let http = parsed("").unwrap();
        assert_eq!((http.cors, http.requests_per_second, http.max_body_bytes), (None, None, 1 << 20));
        assert_eq!((http.server.max_connections, http.server.header_timeout.as_secs()), (1024, 30));
    }

    #[test]
    fn every_key_arrives() {
        let text = "max-connections = 5\nheader-timeout-ms = 11\nbody-timeout-ms = 13\nmax-body-bytes = 2048\n\
                    requests-per-second = 3\ncors-allow-origins = [\"https://a.example:8443\"]\n\
                    cors-allow-methods = [\"PUT\"]";
        let http = parsed(text).unwrap();
        let server = http.server;
        assert_eq!((server.max_connections, server.header_timeout.as_millis()), (5, 11));
        assert_eq!((server.body_timeout.as_millis(), http.max_body_bytes), (13, 2048));
        assert_eq!(http.requests_per_second, Some(3));
        let origins = vec![HeaderValue::from_static("https://a.example:8443")];
        assert_eq!(http.cors, Some(Cors { origins, methods: vec![Method::PUT] }));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        let refusal = |text: &str| parsed(text).unwrap_err().to_string();
        for origin in ["a.example", "https://", "https://a.example/", "https://*.example", ""] {
            assert!(refusal(&format!("cors-allow-origins = [\"{origin}\"]")).contains("write an origin"), "{origin}");
        }
        assert!(refusal("cors-allow-methods = [\"GET\"]").contains("write `cors-allow-origins` beside it"));
        assert!(refusal("cors-allow-origins = [\"*\"]\ncors-allow-methods = [\"get\"]").contains("write GET"));
        assert!(refusal("max-body-bytes = 1").contains("`http.max-body-bytes` is 1: write at least 1024"));
        assert!(refusal("max-connections = 0").contains("write at least 1"));
    }
}
