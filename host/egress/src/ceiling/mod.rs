//! The operator's ceiling: what no connector reaches, whatever its configuration names.
//!
//! Entries of `allow` and `deny`:
//!
//! | entry | speaks of |
//! |---|---|
//! | `db.example.com` | that name, and no other |
//! | `*.example.com` | all names below `example.com`, at any depth, but not `example.com` itself |
//! | `10.0.0.5`, `2001:db8::1` | that address, whatever name led to it |
//! | `10.0.0.0/8`, `2001:db8::/32` | the addresses of that network |
//! | `*` | everything |
//! | …`:443` | only that port; an IPv6 address or network stands in brackets then: `[2001:db8::/32]:443` |
//! | …`:8000-8999` | only those ports |
//!
//! How it is decided, in this order:
//!
//! | a connection | |
//! |---|---|
//! | to a metadata, unspecified, multicast or broadcast address | denied, whatever is written |
//! | to a name or an address of which an entry of `deny` speaks | denied |
//! | of which no entry of `allow` speaks, where `allow` has entries | denied |
//! | into a range that is switched off (loopback, private, link-local, reserved) | denied, unless an entry of `allow` is exactly this address |
//! | to anything else | allowed |
//!
//! ```
//! use wharf_egress::Ceiling;
//! let ceiling = Ceiling {
//!     allow: vec!["*.example.com:443".parse().unwrap(), "127.0.0.1:6379".parse().unwrap()],
//!     deny: vec!["admin.example.com".parse().unwrap()],
//!     ..Ceiling::default()
//! };
//! let address = "93.184.215.14".parse().unwrap();
//! assert!(ceiling.check(Some("api.example.com"), address, 443).is_ok());
//! assert!(ceiling.check(Some("api.example.com"), address, 80).is_err());
//! assert!(ceiling.check(Some("admin.example.com"), address, 443).is_err());
//! // The name is allowed, but not where it leads to.
//! assert!(ceiling.check(Some("api.example.com"), "10.0.0.1".parse().unwrap(), 443).is_ok());
//! assert!(ceiling.check(Some("api.example.com"), "127.0.0.1".parse().unwrap(), 443).is_err());
//! assert!(ceiling.check(None, "127.0.0.1".parse().unwrap(), 6379).is_ok());
//! assert!(ceiling.check(None, "127.0.0.1".parse().unwrap(), 6380).is_err());
//! ```

mod rule;

use std::net::IpAddr;

pub use rule::{Rule, RuleError};

use crate::endpoint::{Endpoint, Host};
use crate::gate::codes;
use crate::ranges::{Range, classify};

/// What the operator lets connectors reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceiling {
    /// Only these; empty: everything that is not denied. Default empty.
    pub allow: Vec<Rule>,
    /// Not these. Default empty.
    pub deny: Vec<Rule>,
    /// Whether addresses of this machine may be reached. Default `false`; a worker that listens on loopback only turns it on.
    pub loopback: bool,
    /// Whether addresses of private networks may be reached. Default `true`: most databases stand in one.
    pub private: bool,
    /// Whether link-local addresses may be reached; metadata addresses never are. Default `false`.
    pub link_local: bool,
}

impl Default for Ceiling {
    fn default() -> Self {
        Self { allow: Vec::new(), deny: Vec::new(), loopback: false, private: true, link_local: false }
    }
}

/// Why the ceiling stands against a connection. The messages end a sentence that begins with where to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The address is of a kind that is switched off, or that nothing opens.
    #[error("is {article} {kind} address, {advice}", article = article(*.0), kind = .0.as_str(), advice = advice(*.0))]
    Range(Range),
    /// An entry of `deny` speaks of it.
    #[error("is denied by the operator (egress.deny has {0})")]
    Denied(String),
    /// `allow` has entries, and none speaks of it.
    #[error("is not among what the operator allows (egress.allow)")]
    NotAllowed,
}

impl Refusal {
    /// The audit code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Range(_) => codes::RANGE,
            Self::Denied(_) | Self::NotAllowed => codes::CEILING,
        }
    }
}

fn article(range: Range) -> &'static str {
    if matches!(range, Range::Unspecified) { "an" } else { "a" }
}

fn advice(range: Range) -> &'static str {
    match range {
        Range::Loopback => "which the operator must open: `loopback = true` in [egress], or the address in `allow`",
        Range::Private => "which the operator must open: `private = true` in [egress], or the address in `allow`",
        Range::LinkLocal => "which the operator must open: `link-local = true` in [egress], or the address in `allow`",
        Range::Public | Range::Documentation | Range::Reserved => {
            "which the operator must open: the address in `allow` of [egress]"
        }
        Range::Metadata | Range::Unspecified | Range::Multicast | Range::Broadcast => {
            "which no connector may reach: name another"
        }
    }
}

impl Ceiling {
    /// Judges a name before it is looked up: `Ok` also where it depends on its addresses.
    ///
    /// # Errors
    /// When no address could make it allowed.
    pub fn check_name(&self, name: &str, port: u16) -> Result<(), Refusal> {
        if let Some(rule) = self.deny.iter().find(|rule| rule.matches_name(name, port)) {
            return Err(Refusal::Denied(rule.to_string()));
        }
        let possible = |rule: &Rule| rule.matches_name(name, port) || rule.may_match_later(port);
        if self.allow.is_empty() || self.allow.iter().any(possible) { Ok(()) } else { Err(Refusal::NotAllowed) }
    }

    /// Judges an address, and the name that led to it where there was one.
    ///
    /// # Errors
    /// When it may not be connected to.
    pub fn check(&self, name: Option<&str>, address: IpAddr, port: u16) -> Result<(), Refusal> {
        let address = address.to_canonical();
        let range = classify(address);
        if range.is_never_allowed() {
            return Err(Refusal::Range(range));
        }
        let matches = |rule: &&Rule| {
            rule.matches_address(address, port) || name.is_some_and(|name| rule.matches_name(name, port))
        };
        if let Some(rule) = self.deny.iter().find(matches) {
            return Err(Refusal::Denied(rule.to_string()));
        }
        if !self.allow.is_empty() && !self.allow.iter().any(|rule| matches(&rule)) {
            return Err(Refusal::NotAllowed);
        }
        let is_on = match range {
            Range::Public => true,
            Range::Loopback => self.loopback,
            Range::Private => self.private,
            Range::LinkLocal => self.link_local,
            _ => false,
        };
        if is_on || self.allow.iter().any(|rule| rule.is_exactly(address, port)) {
            Ok(())
        } else {
            Err(Refusal::Range(range))
        }
    }

    /// Judges what a configuration names, before anything starts: no name is looked up.
    ///
    /// # Errors
    /// When it can never be connected to.
    pub fn check_endpoint(&self, endpoint: &Endpoint) -> Result<(), Refusal> {
        match &endpoint.host {
            Host::Name(name) => self.check_name(name, endpoint.port),
            Host::Ip(address) => self.check(None, *address, endpoint.port),
        }
    }
}

#[cfg(test)]
mod tests;
