//! One entry of the operator's lists.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::endpoint::{Host, read_port};
use crate::ranges;

/// An entry of `allow` or `deny`; the grammar is in the [module](super)'s table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    what: What,
    /// First and last.
    ports: (u16, u16),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Any,
    Name(String),
    /// Names that end in a dot and this.
    Below(String),
    Address(IpAddr),
    Network(IpNet),
}

/// Why an entry cannot be read. The message ends a sentence that begins with the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say all")]
pub enum RuleError {
    #[error("is neither a name nor an address: write db.example.com, *.example.com, 10.0.0.5, 10.0.0.0/8 or *")]
    What,
    #[error("is a URL: write only its host and port, like example.com:443")]
    Url,
    #[error("has ports that cannot be read: write one like :443, or a range like :8000-8999")]
    Ports,
    #[error("has an asterisk in a place where it means nothing: write *.example.com for all names below example.com")]
    Asterisk,
    #[error("is no network: write its first address and the bits that it has in common, like 10.0.0.0/8")]
    Network,
}

impl FromStr for Rule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text = text.trim();
        if text.contains("://") {
            return Err(RuleError::Url);
        }
        let (what, ports) = split(text)?;
        let ports = ports.map_or(Ok((1, u16::MAX)), read_ports)?;
        Ok(Self { what: What::read(what)?, ports })
    }
}

/// What and, behind a colon, the ports. The colons of an IPv6 address that is not in brackets begin no ports.
fn split(text: &str) -> Result<(&str, Option<&str>), RuleError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (what, rest) = rest.split_once(']').ok_or(RuleError::What)?;
        return match rest.strip_prefix(':') {
            _ if rest.is_empty() => Ok((what, None)),
            Some(ports) => Ok((what, Some(ports))),
            None => Err(RuleError::What),
        };
    }
    match text.split_once(':') {
        Some((what, ports)) if !ports.contains(':') => Ok((what, Some(ports))),
        _ => Ok((text, None)),
    }
}

fn read_ports(text: &str) -> Result<(u16, u16), RuleError> {
    let port = |text: &str| read_port(text).map_err(|_| RuleError::Ports);
    match text.split_once('-') {
        None => port(text).map(|port| (port, port)),
        Some((from, to)) => {
            let (from, to) = (port(from)?, port(to)?);
            if from <= to { Ok((from, to)) } else { Err(RuleError::Ports) }
        }
    }
}

impl What {
    fn read(text: &str) -> Result<Self, RuleError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if text.contains('/') {
            let network: IpNet = text.parse().map_err(|_| RuleError::Network)?;
            return Ok(Self::Network(network.trunc()));
        }
        if let Some(suffix) = text.strip_prefix("*.") {
            return match Host::parse(suffix) {
                Ok(Host::Name(name)) => Ok(Self::Below(name)),
                _ => Err(RuleError::Asterisk),
            };
        }
        match Host::parse(text) {
            Ok(Host::Name(name)) => Ok(Self::Name(name)),
            Ok(Host::Ip(address)) => Ok(Self::Address(address)),
            Err(_) if text.contains('*') => Err(RuleError::Asterisk),
            Err(_) => Err(RuleError::What),
        }
    }
}

impl Rule {
    fn has_port(&self, port: u16) -> bool {
        (self.ports.0..=self.ports.1).contains(&port)
    }

    /// Whether it speaks of this name.
    pub(super) fn matches_name(&self, name: &str, port: u16) -> bool {
        self.has_port(port)
            && match &self.what {
                What::Any => true,
                What::Name(own) => own == name,
                What::Below(suffix) => {
                    name.strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
                }
                What::Address(_) | What::Network(_) => false,
            }
    }

    /// Whether it speaks of this address, or of one that it carries.
    pub(super) fn matches_address(&self, address: IpAddr, port: u16) -> bool {
        self.has_port(port)
            && ranges::stands_for(address).any(|address| match &self.what {
                What::Any => true,
                What::Name(_) | What::Below(_) => false,
                What::Address(own) => *own == address,
                What::Network(network) => network.contains(&address),
            })
    }

    /// Whether it names this one address: what opens a range that is closed.
    pub(super) fn is_exactly(&self, address: IpAddr, port: u16) -> bool {
        self.has_port(port) && matches!(self.what, What::Address(own) if own == address)
    }

    /// Whether it could match a name's address once that is known.
    pub(super) fn may_match_later(&self, port: u16) -> bool {
        self.has_port(port) && matches!(self.what, What::Address(_) | What::Network(_))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.ports == (1, u16::MAX);
        match &self.what {
            What::Any => f.write_str("*")?,
            What::Name(name) => f.write_str(name)?,
            What::Below(suffix) => write!(f, "*.{suffix}")?,
            What::Address(address @ IpAddr::V6(_)) if !all => write!(f, "[{address}]")?,
            What::Address(address) => address.fmt(f)?,
            What::Network(network @ IpNet::V6(_)) if !all => write!(f, "[{network}]")?,
            What::Network(network) => network.fmt(f)?,
        }
        match self.ports {
            _ if all => Ok(()),
            (from, to) if from == to => write!(f, ":{from}"),
            (from, to) => write!(f, ":{from}-{to}"),
        }
    }
}
