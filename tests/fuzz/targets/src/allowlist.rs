//! The values of endpoint keys and the operator's ceiling, from which follows what a connector may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use wharf_egress::endpoint::{parse, parse_list};
use wharf_egress::ranges::{Range, classify};
use wharf_egress::{Ceiling, Endpoint, EndpointError, Host, Rule};

use crate::must;

/// Takes the text as the value of an endpoint key, as a list of endpoints, and as an entry of the operator's lists; and the
/// first sixteen bytes as an address.
pub fn allowlist(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let one = parse(&text);
    match &one {
        Ok(endpoints) => {
            must(!endpoints.is_empty() && endpoints.len() <= 64, "how many hosts", &endpoints.len());
            endpoints.iter().for_each(|endpoint| one_form(endpoint, &text));
        }
        Err(error) => unrepeated(error, &text),
    }
    // A list of one is the same as one.
    if !text.contains(',') && !text.trim().is_empty() {
        must(parse_list(&text) == one, "a list of one differs from one", &text);
    }
    let address = address(data);
    ranges(address);
    if let Ok(rule) = text.parse::<Rule>() {
        let shown = rule.to_string();
        must(shown.parse::<Rule>().as_ref() == Ok(&rule), "a rule is not read back from what it shows", &shown);
        ceiling(rule, address, one.ok().as_ref().and_then(|all| all.first()));
    }
}

/// What is taken is in the one form that is compared: nothing can be read as another host by whoever comes later.
fn one_form(endpoint: &Endpoint, text: &str) {
    must(endpoint.port > 0, "port 0", endpoint);
    let again = parse(&endpoint.to_string());
    let is_same = again.as_ref().is_ok_and(|all| {
        all.first().is_some_and(|it| all.len() == 1 && it.host == endpoint.host && it.port == endpoint.port)
    });
    must(is_same, "an endpoint is not read back from what it shows", &again);
    must(Host::parse(&endpoint.host.to_string()).as_ref() == Ok(&endpoint.host), "host", &endpoint.host);
    if let Host::Name(name) = &endpoint.host {
        let is_plain =
            name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte));
        must(is_plain && !name.is_empty() && !name.ends_with('.'), "a name that is none", name);
        must(name.parse::<IpAddr>().is_err(), "a name that is an address", name);
    }
    // What stands before an `@` may look like the host and is not.
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    must(!rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@'), "credentials", &endpoint);
}

/// A message may be shown to anybody, and a value may hold a secret.
fn unrepeated(error: &EndpointError, text: &str) {
    let message = error.to_string();
    must(text.trim().len() < 16 || !message.contains(text.trim()), "a value in a message", &message);
}

fn address(data: &[u8]) -> IpAddr {
    let byte = |at: usize| data.get(at).copied().unwrap_or_default();
    let v4 = Ipv4Addr::new(byte(1), byte(2), byte(3), byte(4));
    match byte(0) % 4 {
        0 => v4.into(),
        1 => v4.to_ipv6_mapped().into(),
        2 => {
            let [a, b, c, d] = v4.octets().map(u16::from);
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, (a << 8) | b, (c << 8) | d).into()
        }
        _ => {
            let segments = std::array::from_fn(|at| (u16::from(byte(2 * at + 1)) << 8) | u16::from(byte(2 * at + 2)));
            let [a, b, c, d, e, f, g, h] = segments;
            Ipv6Addr::new(a, b, c, d, e, f, g, h).into()
        }
    }
}

/// An IPv4 address is no better for being written as an IPv6 address.
fn ranges(address: IpAddr) {
    let IpAddr::V4(v4) = address else { return };
    let plain = classify(address);
    must(classify(v4.to_ipv6_mapped().into()) == plain, "mapped", &v4);
    let [a, b, c, d] = v4.octets().map(u16::from);
    let nat64 = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, (a << 8) | b, (c << 8) | d);
    must(plain == Range::Public || classify(nat64.into()) != Range::Public, "NAT64", &v4);
}

/// An entry of `deny` only takes away, one of `allow` opens no address that nobody may reach.
fn ceiling(rule: Rule, address: IpAddr, endpoint: Option<&Endpoint>) {
    let open = Ceiling { loopback: true, private: true, link_local: true, ..Ceiling::default() };
    let denying = Ceiling { deny: vec![rule.clone()], ..open.clone() };
    let allowing = Ceiling { allow: vec![rule], ..open.clone() };
    let name = endpoint.and_then(|endpoint| endpoint.host.name());
    let port = endpoint.map_or(443, |endpoint| endpoint.port);
    for name in [None, name] {
        let is_open = open.check(name, address, port).is_ok();
        must(is_open || denying.check(name, address, port).is_err(), "deny opens", &address);
        let is_never = classify(address.to_canonical()).is_never_allowed();
        must(!is_never || allowing.check(name, address, port).is_err(), "allow opens what is never allowed", &address);
    }
}
