//! How a connector may be called over HTTP: `ingest.*`, typed.

use std::fmt;
use std::time::Duration;

use super::{Config, keys};
use crate::failure::Problem;

const AUTH: &str = "ingest.auth";
const TOKEN: &str = "ingest.auth.token";
const HEADER: &str = "ingest.auth.header";

/// A text that is neither shown nor logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The bytes, to be compared in constant time.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[hidden]")
    }
}

/// Who may call a connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IngestAuth {
    /// Nothing was said. Everybody, where only the worker's own machine reaches the listener.
    Unsaid,
    /// Everybody: the operator said so.
    None,
    /// Whoever sends `Authorization: Bearer` and this.
    Bearer(Secret),
    /// Whoever sends this secret in a header of this name, in lower case.
    Header(String, Secret),
}

/// How a webhook source may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestSpec {
    /// `ingest.auth` and what belongs to it.
    pub auth: IngestAuth,
    /// `ingest.max.body.bytes`; `None`: what the worker allows.
    pub max_body_bytes: Option<usize>,
    /// `ingest.requests.per.second`; `None`: what the worker allows.
    pub requests_per_second: Option<u32>,
    /// `ingest.max.in.flight`, at least 1.
    pub max_in_flight: usize,
    /// `ingest.timeout.ms`
    pub timeout: Duration,
}

/// The value of a key, trimmed; `None` where it is not set or empty.
fn text<'a>(config: &'a Config, key: &str) -> Option<&'a str> {
    config.get(key).map(|value| value.trim()).filter(|value| !value.is_empty())
}

fn number<T: std::str::FromStr>(config: &Config, key: &str) -> Option<T> {
    text(config, key).or(Some(keys::default_of(key)))?.parse().ok()
}

/// What is wrong between keys that are right by themselves.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let problem = |key: &str, message: String| Problem { key: key.to_owned(), message: format!("{key}: {message}") };
    let mut problems = Vec::new();
    let auth = text(config, AUTH).unwrap_or_default();
    let (token, header) = (text(config, TOKEN), text(config, HEADER));
    if matches!(auth, "bearer" | "header") && token.is_none() {
        problems.push(problem(TOKEN, format!("with {AUTH}={auth} callers send a secret: write it here")));
    }
    if auth == "header" && header.is_none() {
        problems.push(problem(HEADER, "write the name of the header that carries the secret".to_owned()));
    }
    if !matches!(auth, "bearer" | "header") && token.is_some() {
        // A secret that nobody asks for is a door that looks locked.
        problems.push(problem(AUTH, format!("{TOKEN} is set: write bearer or header, or leave the token out")));
    }
    problems
}

/// The typed form of a configuration that has no problems.
pub(super) fn spec(config: &Config) -> IngestSpec {
    let secret = || Secret::new(text(config, TOKEN).unwrap_or_default());
    let auth = match text(config, AUTH) {
        Some("bearer") => IngestAuth::Bearer(secret()),
        Some("header") => IngestAuth::Header(text(config, HEADER).unwrap_or_default().to_ascii_lowercase(), secret()),
        Some(_) => IngestAuth::None,
        None => IngestAuth::Unsaid,
    };
    IngestSpec {
        auth,
        max_body_bytes: number(config, "ingest.max.body.bytes"),
        requests_per_second: number(config, "ingest.requests.per.second"),
        max_in_flight: number(config, "ingest.max.in.flight").unwrap_or(64),
        timeout: Duration::from_millis(number(config, "ingest.timeout.ms").unwrap_or(30_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(pairs: &[(&str, &str)]) -> Config {
        pairs.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    fn wrong(pairs: &[(&str, &str)]) -> Vec<String> {
        problems(&config(pairs)).into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_defaults_are_those_of_the_keys() {
        let spec = spec(&Config::new());
        assert_eq!((spec.auth, spec.max_body_bytes, spec.requests_per_second), (IngestAuth::Unsaid, None, None));
        assert_eq!((spec.max_in_flight, spec.timeout), (64, Duration::from_secs(30)));
    }

    #[test]
    fn what_belongs_together_must_be_there_together() {
        assert_eq!(wrong(&[]), [""; 0]);
        assert_eq!(wrong(&[(AUTH, "none")]), [""; 0]);
        assert_eq!(wrong(&[(AUTH, "bearer")]), [TOKEN]);
        assert_eq!(wrong(&[(AUTH, "header"), (TOKEN, " ")]), [TOKEN, HEADER]);
        assert_eq!(wrong(&[(TOKEN, "t")]), [AUTH]);
        assert_eq!(wrong(&[(AUTH, "none"), (TOKEN, "t")]), [AUTH]);
        assert_eq!(wrong(&[(AUTH, "header"), (TOKEN, "t"), (HEADER, "X-T")]), [""; 0]);
    }

    #[test]
    fn a_secret_is_not_shown() {
        let spec = spec(&config(&[(AUTH, "header"), (HEADER, "X-Token"), (TOKEN, "hunter2")]));
        assert_eq!(spec.auth, IngestAuth::Header("x-token".into(), Secret::new("hunter2")));
        assert!(!format!("{spec:?}").contains("hunter2"));
    }
}
