//! What the value of an endpoint key says.

/// An endpoint as a configuration names it: `host:port`, or a URL.
///
/// ```
/// use wharf_sdk::net::Endpoint;
/// let plain = Endpoint::parse("db.example.com:5432").unwrap();
/// assert_eq!((plain.host.as_str(), plain.port, plain.scheme.as_str()), ("db.example.com", Some(5432), ""));
/// let url = Endpoint::parse("rediss://[::1]/3").unwrap();
/// assert_eq!((url.scheme.as_str(), url.host.as_str(), url.port, url.path.as_str()), ("rediss", "::1", None, "/3"));
/// assert!(Endpoint::parse("no-port").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The scheme of a URL in lower case; empty for `host:port`.
    pub scheme: String,
    /// What stands before the `@` of a URL: `user:password`, as it is written. Better refused than used: the value of an
    /// endpoint key is shown in clear.
    pub credentials: Option<String>,
    /// A name or an address; an IPv6 address without its brackets.
    pub host: String,
    /// The port, where one is named.
    pub port: Option<u16>,
    /// What follows the host in a URL: path, query and fragment as they are written.
    pub path: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let credentials = self.credentials.as_ref().map(|_| "[hidden]");
        f.debug_struct("Endpoint")
            .field("scheme", &self.scheme)
            .field("credentials", &credentials)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("path", &self.path)
            .finish()
    }
}

impl Endpoint {
    /// Reads `host:port`, where the port must be named, or a URL, where it may be left out.
    ///
    /// # Errors
    /// What to write instead. The text itself is not repeated: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err("write an endpoint without spaces".to_owned());
        }
        match text.split_once("://") {
            Some((scheme, rest)) => Self::of_url(scheme, rest),
            None => {
                let (host, port) = host_and_port(text)?;
                if port.is_none() {
                    return Err("name the port too: host:port, like db.example.com:5432".to_owned());
                }
                let (scheme, path) = (String::new(), String::new());
                Ok(Self { scheme, credentials: None, host, port, path })
            }
        }
    }

    fn of_url(scheme: &str, rest: &str) -> Result<Self, String> {
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !is_scheme {
            return Err("begin a URL with its scheme, like https://".to_owned());
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (credentials, address) = match authority.rsplit_once('@') {
            Some((credentials, address)) => (Some(credentials.to_owned()), address),
            None => (None, authority),
        };
        let (host, port) = host_and_port(address)?;
        Ok(Self { scheme: scheme.to_ascii_lowercase(), credentials, host, port, path: path.to_owned() })
    }

    /// `host:port`, with the brackets of an IPv6 address, for messages and headers.
    pub fn address(&self, default_port: u16) -> String {
        let (host, port) = (&self.host, self.port.unwrap_or(default_port));
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

fn host_and_port(text: &str) -> Result<(String, Option<u16>), String> {
    let wrong = || "write host:port, like db.example.com:5432 or [::1]:5432".to_owned();
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
            let port = if after.is_empty() { None } else { Some(after.strip_prefix(':').ok_or_else(wrong)?) };
            if !host.contains(':') || host.contains(['[', '@', '/']) {
                return Err(wrong());
            }
            (host, port)
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if host.is_empty() || (!text.starts_with('[') && host.contains([':', '/', '[', ']', '@', ',', '\\'])) {
        return Err(wrong());
    }
    let port = match port {
        None => None,
        Some(port) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
            let port = port.parse::<u16>().ok().filter(|&port| port > 0);
            Some(port.ok_or_else(|| "write a port from 1 to 65535".to_owned())?)
        }
        Some(_) => return Err(wrong()),
    };
    Ok((host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_urls_are_told_apart() {
        let full = Endpoint::parse("HTTPS://me:secret@Example.com:8443/a?b=c").unwrap();
        assert_eq!((full.scheme.as_str(), full.host.as_str(), full.port), ("https", "Example.com", Some(8443)));
        assert_eq!((full.credentials.as_deref(), full.path.as_str()), (Some("me:secret"), "/a?b=c"));
        assert!(!format!("{full:?}").contains("secret"));
        assert_eq!(Endpoint::parse("[::1]:6379").unwrap().address(1), "[::1]:6379");
        assert_eq!(Endpoint::parse("redis://h").unwrap().address(6379), "h:6379");
        assert_eq!(Endpoint::parse("redis://h?x=1").unwrap().path, "?x=1");
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in ["", "h", ":1", "h:", "h:0", "h:65536", "h:+1", "a b:1", "[::1", "[x]:1", "::1:1", "://h", "1x://h"]
        {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
        for text in ["http://", "http://:80", "http://u@", "http://h:x/", "http://a,b/", "http://a\\b/"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }
}
