//! A host as it is written, made into the one form that is compared.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use super::EndpointError;

/// Bytes of a host name, as DNS has it.
const NAME_BYTES: usize = 253;
const LABEL_BYTES: usize = 63;

/// A host in its one form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name: lower case, international labels in punycode, no dot at the end. Never the spelling of an address.
    Name(String),
    /// An address. IPv4 addresses mapped into IPv6 are IPv4 addresses here.
    Ip(IpAddr),
}

impl Host {
    /// Reads a host: a name, an IPv4 address in any spelling that a resolver would take (`127.1`, `0x7f000001`,
    /// `2130706433`), or an IPv6 address, with or without brackets.
    ///
    /// ```
    /// use wharf_egress::Host;
    /// assert_eq!(Host::parse("API.Example.com."), Host::parse("api.example.com"));
    /// assert_eq!(Host::parse("0x7f.1"), Ok(Host::Ip("127.0.0.1".parse().unwrap())));
    /// assert_eq!(Host::parse("[::ffff:10.0.0.1]"), Ok(Host::Ip("10.0.0.1".parse().unwrap())));
    /// assert_eq!(Host::parse("bücher.example"), Ok(Host::Name("xn--bcher-kva.example".into())));
    /// ```
    ///
    /// # Errors
    /// When it is neither, with what to write instead.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        if let Ok(address) = bare.unwrap_or(text).parse::<Ipv6Addr>() {
            return Ok(Self::Ip(IpAddr::V6(address).to_canonical()));
        }
        if text.contains(['{', '}', '$', '<', '>']) {
            return Err(EndpointError::Template);
        }
        if bare.is_some() || text.contains(':') {
            return Err(EndpointError::Address);
        }
        // Percent signs would be decoded, and a resolver reads a zone after them.
        if text.is_empty() || text.contains(['%', '/', '\\', '?', '#', '@', '[', ']']) {
            return Err(EndpointError::Host);
        }
        match url::Host::parse(text).map_err(|_| EndpointError::Host)? {
            url::Host::Ipv4(address) => Ok(Self::Ip(address.into())),
            url::Host::Ipv6(address) => Ok(Self::Ip(IpAddr::V6(address).to_canonical())),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(&name);
                if is_name(name) { Ok(Self::Name(name.to_owned())) } else { Err(EndpointError::Host) }
            }
        }
    }

    /// The name, where it is one.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Ip(_) => None,
        }
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES
        && name.split('.').all(|label| {
            (1..=LABEL_BYTES).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte))
        })
}

impl fmt::Display for Host {
    /// As it stands in a URL: IPv6 addresses in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_understood_in_every_spelling() {
        for text in
            ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.0.0.1", "127.0.0.1.", "１２７.0.0.1"]
        {
            assert_eq!(Host::parse(text), Ok(Host::Ip([127, 0, 0, 1].into())), "{text}");
        }
        assert_eq!(Host::parse("[::1]"), Host::parse("0:0:0:0:0:0:0:1"));
    }

    #[test]
    fn a_name_has_one_form() {
        for text in ["db.example.com", "DB.Example.COM", "db.example.com.", "db\u{3002}example\u{3002}com"] {
            assert_eq!(Host::parse(text), Ok(Host::Name("db.example.com".into())), "{text}");
        }
        assert_eq!(Host::parse("Straße.example").unwrap(), Host::parse("xn--strae-oqa.example").unwrap());
        assert_eq!(Host::parse("my_db-1"), Ok(Host::Name("my_db-1".into())));
    }

    #[test]
    fn what_is_neither_is_refused() {
        let long = "a.".repeat(200);
        for text in [
            "",
            ".",
            "a..b",
            "..",
            "*.a",
            "a b",
            "a%2eb",
            "fe80::1%eth0",
            "[a]",
            "a:b",
            "a@b",
            "999.1.1.1",
            "a/b",
            &long,
        ] {
            assert!(Host::parse(text).is_err(), "{text}");
        }
        assert_eq!(Host::parse("{topic}.example.com"), Err(EndpointError::Template));
    }
}
