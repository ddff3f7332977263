//! Requests over HTTP, one at a time, each waited for.
//!
//! The host dials, speaks TLS and keeps connections open between requests; a connector can reach only what a
//! configuration key of type [`Endpoint`](crate::ValueType::Endpoint) names. Redirects are never followed: the answer
//! that asks for one is handed back like any other.
//!
//! ```no_run
//! use std::time::Duration;
//! use wharf_sdk::http::{self, Request};
//! use wharf_sdk::{Failure, net};
//!
//! fn temperature(url: &str) -> Result<String, Failure> {
//!     let request = Request::new("GET", url).header("accept", "text/plain").timeout(Duration::from_secs(5)).max_body(100);
//!     let response = http::send(&request).map_err(|error| net::failure("url", &format!("get {url}"), &error))?;
//!     if response.status != 200 {
//!         return Err(Failure::retry(format!("{url} answered {}", response.status)));
//!     }
//!     Ok(response.text().into_owned())
//! }
//! ```
//!
//! Natively, for unit tests, a small client of HTTP/1.1 stands in: `http` only, one connection for each request.

#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasi;

#[cfg(not(target_family = "wasm"))]
use native as system;
#[cfg(target_family = "wasm")]
use wasi as system;

use std::borrow::Cow;
use std::io;
use std::time::Duration;

/// A request. It borrows its body: what a sink collected goes out as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    method: Cow<'a, str>,
    url: Cow<'a, str>,
    headers: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
    body: &'a [u8],
    timeout: Duration,
    max_body: usize,
}

impl<'a> Request<'a> {
    /// A request without headers and body, which may take 10 seconds and be answered with 1 MiB. `url` is absolute;
    /// user and password in it are refused: send the header `authorization`.
    pub fn new(method: impl Into<Cow<'a, str>>, url: impl Into<Cow<'a, str>>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: &[],
            timeout: Duration::from_secs(10),
            max_body: 1024 * 1024,
        }
    }

    /// Adds a header. `host`, `content-length` and what belongs to the connection are the host's to set.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        let value = match value.into() {
            Cow::Borrowed(value) => Cow::Borrowed(value.as_bytes()),
            Cow::Owned(value) => Cow::Owned(value.into_bytes()),
        };
        self.headers.push((name.into(), value));
        self
    }

    /// What is sent.
    #[must_use]
    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// How long all of it may take: connecting, sending, and reading the answer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How much of an answer's body is kept, in bytes. The rest is not read.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, or its beginning.
    pub body: Vec<u8>,
    /// The body was longer than [`Request::max_body`], and the rest is missing.
    pub truncated: bool,
}

impl Response {
    /// The first header of that name, given in lower case; `None` where there is none or it is no UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        std::str::from_utf8(value).ok()
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// Sends a request and waits for the answer, whatever its status.
///
/// # Errors
/// `PermissionDenied` where neither the configuration nor the operator allows it; `InvalidInput`: the URL, the method or
/// a header is wrong; `NotFound`: there is no such name; `ConnectionRefused`; `HostUnreachable`; `ConnectionReset`;
/// `TimedOut`; `InvalidData`: TLS could not be agreed on, or the answer is no HTTP; `QuotaExceeded`: too many requests at
/// a time. See [`net::failure`](crate::net::failure).
pub fn send(request: &Request<'_>) -> io::Result<Response> {
    let url = Url::parse(&request.url)?;
    system::send(request, &url)
}

/// The parts of an absolute URL that a request needs.
#[derive(Debug, PartialEq, Eq)]
struct Url<'a> {
    https: bool,
    /// `host` or `host:port`.
    authority: &'a str,
    /// Begins with `/`, and has no fragment.
    path_with_query: Cow<'a, str>,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("the URL has no scheme"))?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(wrong("the URL's scheme is neither http nor https")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.is_empty() || authority.contains('@') {
            return Err(wrong("the URL needs a host, and no user or password before it"));
        }
        if text.contains(|c: char| c.is_ascii_control() || c == ' ' || !c.is_ascii()) {
            return Err(wrong("the URL holds characters that must be percent-encoded"));
        }
        let path_with_query = if path.starts_with('/') { Cow::Borrowed(path) } else { Cow::Owned(format!("/{path}")) };
        Ok(Self { https, authority, path_with_query })
    }
}

#[cfg(test)]
mod tests;
