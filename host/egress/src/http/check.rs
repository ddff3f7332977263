//! What a request may look like.
//!
//! | | |
//! |---|---|
//! | method | any but `CONNECT` and `TRACE`: the one makes tunnels, the other shows headers |
//! | URL | `http` or `https`, with a host, without user and password |
//! | path | begins with `/`; empty means `/` |
//! | `Host` | set by the sender, to the host that is dialled; a guest cannot set it |
//! | `Connection`, `Keep-Alive`, `TE`, `Trailer`, `Transfer-Encoding`, `Upgrade`, `HTTP2-Settings`, `Proxy-*` | a guest cannot set them: they are between two neighbours, and the sender is one of them |
//! | `Content-Length` | at most one |
//! | `Authorization`, `Cookie`, `Accept-Encoding`, … | as the guest likes. They go to hosts that the configuration names, with credentials that the configuration holds; answers are handed on as they come, packed or not, so that nothing grows in the host |

use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{Method, Uri};

use super::error::HttpError;
use crate::endpoint::Host;
use crate::error::Denial;

const FORBIDDEN: [HeaderName; 9] =
    [CONNECTION, HOST, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, KEEP_ALIVE];
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Whether a guest may not set this header.
///
/// ```
/// use http::header::{AUTHORIZATION, HOST};
/// use wharf_egress::http::is_forbidden;
/// assert!(is_forbidden(&HOST) && !is_forbidden(&AUTHORIZATION));
/// ```
pub fn is_forbidden(name: &HeaderName) -> bool {
    FORBIDDEN.contains(name) || name.as_str().starts_with("proxy-") || name.as_str() == "http2-settings"
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) tls: bool,
    pub(super) host: Host,
    pub(super) port: u16,
    /// The value of `Host`: without the scheme's own port.
    pub(super) authority: String,
    /// Path and query.
    pub(super) path: String,
}

impl Target {
    pub(super) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }
}

/// Reads where a request goes.
pub(super) fn target(uri: &Uri) -> Result<Target, HttpError> {
    let tls = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(HttpError::Url("has another scheme than http and https")),
    };
    let authority = uri.authority().ok_or(HttpError::Url("names no host"))?;
    if authority.as_str().contains('@') {
        return Err(HttpError::Url("has a user or password before the host: send an Authorization header"));
    }
    let host = Host::parse(authority.host()).map_err(|_| HttpError::Url("has a host that cannot be read"))?;
    let own = if tls { 443 } else { 80 };
    // What `http` takes for a port may be empty, or too large and then be overlooked.
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("" | ":") => own,
        Some(_) => authority.port_u16().filter(|port| *port > 0).ok_or(HttpError::Url("has a port that is no port"))?,
        None => return Err(HttpError::Url("has a host that cannot be read")),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
    if !path.starts_with('/') {
        return Err(HttpError::Url("has a path that does not begin with a slash"));
    }
    let authority = if port == own { host.to_string() } else { format!("{host}:{port}") };
    Ok(Target { tls, host, port, authority, path })
}

/// What is wrong with a request, if anything.
pub(super) fn fault(method: &Method, headers: &HeaderMap) -> Option<String> {
    if matches!(*method, Method::CONNECT | Method::TRACE) {
        return Some(format!("the method {method} is not allowed"));
    }
    // wasi:http sets `Host` itself; it is set anew.
    if let Some(name) = headers.keys().find(|name| is_forbidden(name) && **name != HOST) {
        return Some(format!("the header {name} is not allowed"));
    }
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    (lengths > 1).then(|| "there is more than one Content-Length".to_owned())
}

pub(super) fn forbidden(denial: Denial) -> HttpError {
    HttpError::Request(denial)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(uri: &str) -> Result<(bool, String, u16, String, String), HttpError> {
        let Target { tls, host, port, authority, path } = target(&uri.parse().unwrap())?;
        Ok((tls, host.to_string(), port, authority, path))
    }

    #[test]
    fn a_target_is_one_host_and_one_port() {
        let is = |tls, host: &str, port, authority: &str, path: &str| {
            Ok((tls, host.to_owned(), port, authority.to_owned(), path.to_owned()))
        };
        assert_eq!(read("http://A.example./x?y"), is(false, "a.example", 80, "a.example", "/x?y"));
        assert_eq!(read("https://a:8443"), is(true, "a", 8443, "a:8443", "/"));
        assert_eq!(read("https://a:443/"), is(true, "a", 443, "a", "/"));
        assert_eq!(read("https://a?x"), is(true, "a", 443, "a", "/?x"));
        assert_eq!(read("http://[::1]:80/"), is(false, "[::1]", 80, "[::1]", "/"));
        assert_eq!(read("http://0x7f.1/"), is(false, "127.0.0.1", 80, "127.0.0.1", "/"));
    }

    #[test]
    fn what_may_mean_two_places_means_none() {
        for uri in [
            "http://good.example@evil.example/",
            "http://u:p@a/",
            "ftp://a/",
            "/only/a/path",
            "http://a:0/",
            "http://a:99999/",
        ] {
            let Ok(uri) = uri.parse::<Uri>() else { continue };
            assert!(target(&uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn headers_between_neighbours_are_not_the_guests() {
        for name in [
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "proxy-connection",
            "proxy-authorization",
            "proxy-anything",
            "http2-settings",
            "host",
        ] {
            assert!(is_forbidden(&name.parse().unwrap()), "{name}");
        }
        for name in ["authorization", "accept-encoding", "cookie", "content-type", "content-length", "x-proxy"] {
            assert!(!is_forbidden(&name.parse().unwrap()), "{name}");
        }
    }

    #[test]
    fn a_line_break_cannot_stand_in_a_header() {
        assert!(http::HeaderValue::from_str("a\r\nHost: evil").is_err());
        assert!("a\r\nb".parse::<HeaderName>().is_err());
        assert!("http://a/b\r\nc".parse::<Uri>().is_err());
    }

    #[test]
    fn faults_are_named() {
        let mut headers = HeaderMap::new();
        assert_eq!(fault(&Method::POST, &headers), None);
        assert!(fault(&Method::CONNECT, &headers).unwrap().contains("CONNECT"));
        headers.append(CONTENT_LENGTH, 1.into());
        headers.append(HOST, http::HeaderValue::from_static("a"));
        assert_eq!(fault(&Method::GET, &headers), None);
        headers.append(CONTENT_LENGTH, 2.into());
        assert!(fault(&Method::GET, &headers).unwrap().contains("Content-Length"));
        headers.insert(TRANSFER_ENCODING, http::HeaderValue::from_static("chunked"));
        assert!(fault(&Method::GET, &headers).unwrap().contains("transfer-encoding"));
    }
}
