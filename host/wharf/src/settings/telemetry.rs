//! `[telemetry]`: traces and metrics to an OpenTelemetry collector.
//!
//! Without an endpoint nothing is exported. OpenTelemetry's own environment variables win over the file, as environment
//! variables do everywhere: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use http::{HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::at_least;

/// The section as it was written.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Raw {
    /// The collector's URL; `/v1/traces` and `/v1/metrics` are put behind it.
    pub(crate) otlp_endpoint: Option<String>,
    /// Sent with each request; may hold secrets.
    pub(crate) otlp_headers: BTreeMap<String, String>,
    /// How often metrics are sent.
    pub(crate) otlp_interval_ms: Option<u64>,
    /// As what the worker appears.
    pub(crate) service_name: Option<String>,
    /// Which part of the batches is traced, 0 to 1, in millionths, so that it can be compared.
    #[serde(deserialize_with = "ratio")]
    pub(crate) traces_sample_ratio: Option<u32>,
}

impl std::fmt::Debug for Raw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers carry tokens.
        f.debug_struct("Raw").field("otlp_endpoint", &self.otlp_endpoint).finish_non_exhaustive()
    }
}

/// Every key of the section.
pub(super) const KEYS: &[&str] = &[
    "telemetry.otlp-endpoint",
    "telemetry.otlp-headers",
    "telemetry.otlp-interval-ms",
    "telemetry.service-name",
    "telemetry.traces-sample-ratio",
];

const MILLION: f64 = 1e6;

fn ratio<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let ratio = f64::deserialize(deserializer)?;
    if !(0.0..=1.0).contains(&ratio) {
        let message = format!("`telemetry.traces-sample-ratio` is {ratio}: write a number from 0 to 1");
        return Err(serde::de::Error::custom(message));
    }
    Ok(Some((ratio * MILLION).round() as u32))
}

/// Where traces and metrics go.
#[derive(Clone, PartialEq)]
pub(crate) struct Telemetry {
    /// Without a slash at its end.
    pub(crate) endpoint: String,
    /// Sent with each request.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// How often metrics are sent.
    pub(crate) interval: Duration,
    /// As what the worker appears.
    pub(crate) service_name: String,
    /// Which part of the batches is traced, 0 to 1.
    pub(crate) sample_ratio: f64,
}

impl std::fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Headers carry tokens.
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Telemetry").field("endpoint", &self.endpoint).field("headers", &names).finish_non_exhaustive()
    }
}

/// Checks the section; `None`: nothing is exported. `env` gives environment variables.
pub(super) fn resolve(raw: &Raw, env: impl Fn(&str) -> Option<String>) -> anyhow::Result<Option<Telemetry>> {
    let var = |name: &str| env(name).filter(|value| !value.trim().is_empty());
    let Some(endpoint) = var("OTEL_EXPORTER_OTLP_ENDPOINT").or_else(|| raw.otlp_endpoint.clone()) else {
        return Ok(None);
    };
    let mut headers = Vec::new();
    match var("OTEL_EXPORTER_OTLP_HEADERS") {
        Some(text) => {
            for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
                let (name, value) = pair.split_once('=').ok_or_else(|| {
                    anyhow!("`OTEL_EXPORTER_OTLP_HEADERS` has an entry without `=`: write name=value,name=value")
                })?;
                let value = percent_decode_str(value.trim()).decode_utf8().context("`OTEL_EXPORTER_OTLP_HEADERS`")?;
                headers.push(header(name.trim(), &value)?);
            }
        }
        None => {
            for (name, value) in &raw.otlp_headers {
                headers.push(header(name, value)?);
            }
        }
    }
    let interval = at_least("telemetry.otlp-interval-ms", raw.otlp_interval_ms.unwrap_or(60_000), 100)?;
    Ok(Some(Telemetry {
        endpoint: check(&endpoint)?,
        headers,
        interval: Duration::from_millis(interval),
        service_name: var("OTEL_SERVICE_NAME")
            .or_else(|| raw.service_name.clone())
            .unwrap_or_else(|| "wharf".to_owned()),
        sample_ratio: raw.traces_sample_ratio.map_or(0.01, |millionths| f64::from(millionths) / MILLION),
    }))
}

fn check(endpoint: &str) -> anyhow::Result<String> {
    let endpoint = endpoint.trim().trim_end_matches('/');
    let uri: Result<Uri, _> = endpoint.parse();
    let fits = uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some()
            && uri.query().is_none()
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
    });
    if !fits {
        bail!("`telemetry.otlp-endpoint` is no URL of a collector: write such as http://127.0.0.1:4318");
    }
    Ok(endpoint.to_owned())
}

/// The value is not told: it may be a secret.
fn header(name: &str, value: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let parsed: HeaderName =
        name.parse().map_err(|_| anyhow!("`telemetry.otlp-headers` has `{name}`, which is no name of a header"))?;
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| anyhow!("`telemetry.otlp-headers` gives `{name}` a value that no header may have"))?;
    value.set_sensitive(true);
    Ok((parsed, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, env: &[(&str, &str)]) -> anyhow::Result<Option<Telemetry>> {
        let env: BTreeMap<_, _> = env.iter().copied().collect();
        resolve(&toml::from_str(text)?, |name| env.get(name).map(|&value| value.to_owned()))
    }

    #[test]
    fn without_an_endpoint_nothing_is_exported() {
        assert_eq!(read("service-name = \"x\"", &[]).unwrap(), None);
        assert_eq!(read("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]).unwrap(), None);
    }

    #[test]
    fn every_key_arrives() {
        let text = r#"
            otlp-endpoint = "https://collector:4318/otlp/"
            otlp-headers = { authorization = "Bearer s3cret" }
            otlp-interval-ms = 500
            service-name = "orders"
            traces-sample-ratio = 0.25
        "#;
        let telemetry = read(text, &[]).unwrap().unwrap();
        assert_eq!(
            (telemetry.endpoint.as_str(), telemetry.service_name.as_str()),
            ("https://collector:4318/otlp", "orders")
        );
        assert_eq!((telemetry.interval.as_millis(), telemetry.sample_ratio), (500, 0.25));
        assert_eq!(telemetry.headers.len(), 1);
        let raw: Raw = toml::from_str(text).unwrap();
        assert!(!format!("{telemetry:?} {raw:?}").contains("s3cret"));
    }

    #[test]
    fn the_environment_wins() {
        let env = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://b:1"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=1%202, b=x=y"),
            ("OTEL_SERVICE_NAME", "other"),
        ];
        let telemetry = read("otlp-endpoint = \"http://a:1\"\notlp-headers = { c = \"3\" }", &env).unwrap().unwrap();
        assert_eq!((telemetry.endpoint.as_str(), telemetry.service_name.as_str()), ("http://b:1", "other"));
        let headers: Vec<_> = telemetry.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("a", b"1 2".as_slice()), ("b", b"x=y")]);
        assert_eq!((telemetry.interval.as_secs(), telemetry.sample_ratio), (60, 0.01));
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_told() {
        for (text, told) in [
            ("otlp-endpoint = \"collector:4318\"", "write such as http://"),
            ("otlp-endpoint = \"http://user:pass@h\"", "write such as http://"),
            ("otlp-endpoint = \"http://h\"\notlp-interval-ms = 1", "telemetry.otlp-interval-ms"),
            ("otlp-endpoint = \"http://h\"\notlp-headers = { \"a b\" = \"s3cret\" }", "no name of a header"),
            ("otlp-endpoint = \"http://h\"\notlp-headers = { a = \"s3cret\\n\" }", "no header may have"),
            ("traces-sample-ratio = 2.0", "from 0 to 1"),
        ] {
            let error = format!("{:#}", read(text, &[]).unwrap_err());
            assert!(error.contains(told) && !error.contains("s3cret"), "{error}");
        }
    }
}
