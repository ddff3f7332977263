//! What the value of an endpoint key means.
//!
//! | value | host | port |
//! |---|---|---|
//! | `db.example.com:5432` | the name | 5432 |
//! | `10.0.0.5:80`, `[::1]:6379` | the address | as written |
//! | `https://api.example.com/v1/{topic}` | the name | 443: the [scheme's](default_port) |
//! | `redis://cache:6380/0` | the name | 6380 |
//! | `nats://a:4222,b` | both names | 4222, and the scheme's |
//! | `db.example.com` | – | refused: there is no scheme that would say the port |
//! | `https://user:secret@host/` | – | refused: credentials have keys of their own |
//! | `https://{topic}.example.com/` | – | refused: rows do not choose the host |
//!
//! What follows the host and port of a URL is the connector's affair; templates may stand there.

mod host;
mod scheme;

use std::fmt;

pub use host::Host;
pub use scheme::default_port;

/// Hosts that one value may name.
const MOST: usize = 64;

/// A host and a port that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The scheme of the URL, in lower case; none where it was no URL.
    pub scheme: Option<String>,
    /// Where to.
    pub host: Host,
    /// At least 1.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    /// `host:port`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Why a value is no endpoint. The messages end a sentence, and never repeat the value: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say all")]
pub enum EndpointError {
    #[error("names no host: write host:port, like db.example.com:5432, or a URL, like https://example.com/data")]
    Empty,
    #[error("has blanks, control characters or backslashes in it: write host:port or a URL without them")]
    Blank,
    #[error(
        "has a user or password before the host: write the address alone, and the credentials into the keys that the \
         connector has for them"
    )]
    Credentials,
    #[error("has a template in its host or port: write the host out; templates may stand behind it, in the path")]
    Template,
    #[error("names no port: write host:port, like db.example.com:5432")]
    NoPort,
    #[error("has a scheme whose port is not known: write the port too, like scheme://host:1234")]
    UnknownScheme,
    #[error("has a port that is no number from 1 to 65535: write host:port, like db.example.com:5432")]
    Port,
    #[error(
        "has a host that is neither a name nor an address: write a name like db.example.com, or 10.0.0.5, or [::1]"
    )]
    Host,
    #[error("has an address that cannot be read: write an IPv6 address in brackets, like [::1]:6379")]
    Address,
    #[error("has a path but no scheme: write a URL, like https://example.com/data, or host:port alone")]
    Path,
    #[error("has a scheme that cannot be read: write letters before the ://, like https://example.com")]
    Scheme,
    #[error("names more than 64 hosts: write fewer")]
    TooMany,
}

/// Reads the value of an endpoint key. Only a URL may name several hosts, separated by commas.
///
/// ```
/// use wharf_egress::endpoint::parse;
/// let shown = |text| parse(text).map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
/// assert_eq!(shown("DB.example.com:5432"), Ok("db.example.com:5432".into()));
/// assert_eq!(shown("https://api.example.com/v1/{topic}"), Ok("api.example.com:443".into()));
/// assert_eq!(shown("redis://[::1]/0"), Ok("[::1]:6379".into()));
/// assert_eq!(shown("nats://a:4222,b"), Ok("a:4222 b:4222".into()));
/// assert!(shown("https://good.example@evil.example/").unwrap_err().to_string().contains("user or password"));
/// assert!(shown("db.example.com").unwrap_err().to_string().contains("no port"));
/// ```
///
/// # Errors
/// With what to write instead.
pub fn parse(text: &str) -> Result<Vec<Endpoint>, EndpointError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(EndpointError::Empty);
    }
    if text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err(EndpointError::Blank);
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(read_scheme(scheme)?), rest),
        None => (None, text),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err(EndpointError::Credentials);
    }
    let Some(scheme) = scheme else {
        // Without a scheme a slash would be a path of nothing, or a user's guess at a network.
        return if authority.len() == rest.len() { Ok(vec![one(authority, None)?]) } else { Err(EndpointError::Path) };
    };
    if authority.split(',').count() > MOST {
        return Err(EndpointError::TooMany);
    }
    authority.split(',').map(|host| one(host, Some(&scheme))).collect()
}

/// Reads the value of an endpoint list: endpoints separated by commas. None in an empty text.
///
/// # Errors
/// As [`parse`], for the first item that is wrong.
pub fn parse_list(text: &str) -> Result<Vec<Endpoint>, EndpointError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    if text.split(',').count() > MOST {
        return Err(EndpointError::TooMany);
    }
    let parsed: Result<Vec<_>, _> = text.split(',').map(parse).collect();
    Ok(parsed?.into_iter().flatten().collect())
}

fn read_scheme(text: &str) -> Result<String, EndpointError> {
    let is_scheme = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    if is_scheme {
        Ok(text.to_ascii_lowercase())
    } else if text.contains('@') {
        Err(EndpointError::Credentials)
    } else {
        Err(EndpointError::Scheme)
    }
}

fn one(text: &str, scheme: Option<&str>) -> Result<Endpoint, EndpointError> {
    let (host, port) = match text.rsplit_once(':') {
        // The colons of an IPv6 address without brackets, or within them, stand before no port.
        Some((host, _)) if host.contains(':') && !host.ends_with(']') => {
            if text.starts_with('[') && text.ends_with(']') {
                (text, None)
            } else {
                return Err(EndpointError::Address);
            }
        }
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    if host.is_empty() {
        return Err(EndpointError::Empty);
    }
    let host = Host::parse(host)?;
    let port = match (port, scheme) {
        (Some(port), _) => read_port(port)?,
        (None, Some(scheme)) => default_port(scheme).ok_or(EndpointError::UnknownScheme)?,
        (None, None) => return Err(EndpointError::NoPort),
    };
    Ok(Endpoint { scheme: scheme.map(str::to_owned), host, port })
}

pub(crate) fn read_port(text: &str) -> Result<u16, EndpointError> {
    if text.contains(['{', '}', '$']) {
        return Err(EndpointError::Template);
    }
    // `parse` alone would take a plus sign.
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number && port > 0 => Ok(port),
        _ => Err(EndpointError::Port),
    }
}

#[cfg(test)]
mod tests;
