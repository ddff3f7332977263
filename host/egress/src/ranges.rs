//! What an address is.
//!
//! IPv6 has many ways to carry an IPv4 address in it, and some of them are routed to it: an address is judged by the IPv4
//! address that it carries.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of an address, by what stands at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Range {
    /// The internet.
    Public,
    /// This machine: 127.0.0.0/8, ::1.
    Loopback,
    /// A network of somebody's own: 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10 (shared by a provider's
    /// customers), fc00::/7, fec0::/10.
    Private,
    /// The same wire: 169.254.0.0/16, fe80::/10.
    LinkLocal,
    /// Where clouds hand out credentials: 169.254.169.254 and its like. Nothing opens these.
    Metadata,
    /// No address: 0.0.0.0/8, ::. Systems take it for this machine. Nothing opens these.
    Unspecified,
    /// Many at once: 224.0.0.0/4, ff00::/8. Nothing opens these.
    Multicast,
    /// All on the wire: 255.255.255.255. Nothing opens this.
    Broadcast,
    /// For documentation and for measurements: 192.0.2.0/24, 198.18.0.0/15, 2001:db8::/32, …
    Documentation,
    /// Set aside: 240.0.0.0/4, 192.0.0.0/24, 64:ff9b:1::/48, what of IPv6 is not given out, …
    Reserved,
}

impl Range {
    /// What it is called in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Unspecified => "unspecified",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Reserved => "reserved",
        }
    }

    /// Whether no setting opens it.
    pub fn is_never_allowed(self) -> bool {
        matches!(self, Self::Metadata | Self::Unspecified | Self::Multicast | Self::Broadcast)
    }
}

/// Metadata services, and others that hand machines their credentials.
const METADATA_V4: &[Ipv4Addr] = &[
    // AWS, Azure, Google, OpenStack, DigitalOcean, …
    Ipv4Addr::new(169, 254, 169, 254),
    // AWS: credentials of containers and of pods.
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    // Tencent.
    Ipv4Addr::new(169, 254, 0, 23),
    // Alibaba.
    Ipv4Addr::new(100, 100, 100, 200),
    // Oracle.
    Ipv4Addr::new(192, 0, 0, 192),
    // Azure's host of the machine.
    Ipv4Addr::new(168, 63, 129, 16),
];

const METADATA_V6: &[Ipv6Addr] = &[
    // AWS: metadata, credentials of pods.
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    // Google.
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
    // OpenStack.
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe),
];

/// What an address is. Of an IPv6 address that carries IPv4 addresses: what the worst of them is.
///
/// ```
/// use wharf_egress::ranges::{Range, classify};
/// assert_eq!(classify("8.8.8.8".parse().unwrap()), Range::Public);
/// assert_eq!(classify("64:ff9b::a9fe:a9fe".parse().unwrap()), Range::Metadata);
/// ```
pub fn classify(address: IpAddr) -> Range {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) if METADATA_V6.contains(&address) => Range::Metadata,
        IpAddr::V6(address) => {
            let carried = carried(address);
            let worst = carried.iter().map(|address| v4(*address)).find(|range| *range != Range::Public);
            match worst {
                Some(range) => range,
                None if carried.is_empty() => v6(address),
                None => Range::Public,
            }
        }
    }
}

/// The addresses that `address` stands for: itself, and the IPv4 addresses that it carries.
pub fn stands_for(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let carried = match address {
        IpAddr::V4(_) => Vec::new(),
        IpAddr::V6(address) => carried(address),
    };
    std::iter::once(address).chain(carried.into_iter().map(IpAddr::V4))
}

fn v4(address: Ipv4Addr) -> Range {
    if METADATA_V4.contains(&address) {
        return Range::Metadata;
    }
    match address.octets() {
        [0, ..] => Range::Unspecified,
        [127, ..] => Range::Loopback,
        [10, ..] | [192, 168, ..] | [172, 16..=31, ..] | [100, 64..=127, ..] => Range::Private,
        [169, 254, ..] => Range::LinkLocal,
        [224..=239, ..] => Range::Multicast,
        [255, 255, 255, 255] => Range::Broadcast,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [198, 18..=19, ..] => Range::Documentation,
        [192, 0, 0, _] | [192, 88, 99, _] | [240..=255, ..] => Range::Reserved,
        _ => Range::Public,
    }
}

fn v6(address: Ipv6Addr) -> Range {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Range::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Range::Loopback,
        [0xff00..=0xffff, ..] => Range::Multicast,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => Range::Private,
        [0xfe80..=0xfebf, ..] => Range::LinkLocal,
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] | [0x2001, 0x0002, 0, ..] => Range::Documentation,
        // Protocol assignments: ORCHID, DRIP and the like.
        [0x2001, 0x0000..=0x01ff, ..] => Range::Reserved,
        [0x2000..=0x3fff, ..] => Range::Public,
        _ => Range::Reserved,
    }
}

/// The IPv4 addresses in an IPv6 address.
fn carried(address: Ipv6Addr) -> Vec<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // `::` and `::1` are themselves.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => vec![],
        // Compatible, mapped, translated (SIIT), and translated by a NAT64.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => vec![join(high, low)],
        // 6to4: the router's.
        [0x2002, high, low, ..] => vec![join(high, low)],
        // Teredo: the client's, with all bits turned, and the server's.
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            vec![join(!high, !low), join(server_high, server_low)]
        }
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_range_is_known() {
        use Range::{
            Broadcast, Documentation, LinkLocal, Loopback, Metadata, Multicast, Private, Public, Reserved, Unspecified,
        };
        for (text, range) in [
            ("8.8.8.8", Public),
            ("1.1.1.1", Public),
            ("2606:4700::1111", Public),
            ("0.0.0.0", Unspecified),
            ("0.1.2.3", Unspecified),
            ("::", Unspecified),
            ("127.0.0.1", Loopback),
            ("127.255.0.9", Loopback),
            ("::1", Loopback),
            ("10.0.0.1", Private),
            ("172.16.0.1", Private),
            ("172.31.255.255", Private),
            ("172.32.0.1", Public),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("100.127.255.255", Private),
            ("100.128.0.1", Public),
            ("fd12::1", Private),
            ("fec0::1", Private),
            ("169.254.1.1", LinkLocal),
            ("fe80::1", LinkLocal),
            ("169.254.169.254", Metadata),
            ("169.254.170.2", Metadata),
            ("100.100.100.200", Metadata),
            ("168.63.129.16", Metadata),
            ("fd00:ec2::254", Metadata),
            ("fd20:ce::254", Metadata),
            ("224.0.0.1", Multicast),
            ("ff02::1", Multicast),
            ("255.255.255.255", Broadcast),
            ("192.0.2.1", Documentation),
            ("198.18.0.1", Documentation),
            ("2001:db8::1", Documentation),
            ("240.0.0.1", Reserved),
            ("192.0.0.8", Reserved),
            ("64:ff9b:1::1", Reserved),
            ("2001:10::1", Reserved),
            ("4000::1", Reserved),
            ("100::1", Reserved),
        ] {
            assert_eq!(classify(text.parse().unwrap()), range, "{text}");
        }
    }

    #[test]
    fn an_address_within_an_address_is_judged_as_what_it_is() {
        for text in [
            "::ffff:169.254.169.254",
            "::ffff:0:a9fe:a9fe",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001:0:808:808:0:0:5601:5601",
            "2001:0:a9fe:a9fe::f7f7:f7f7",
        ] {
            assert_eq!(classify(text.parse().unwrap()), Range::Metadata, "{text}");
        }
        for (text, range) in [
            ("::ffff:10.0.0.1", Range::Private),
            ("64:ff9b::7f00:1", Range::Loopback),
            ("2002:7f00:1::", Range::Loopback),
            ("64:ff9b::808:808", Range::Public),
            ("2002:808:808::1", Range::Public),
            ("::ffff:8.8.8.8", Range::Public),
            ("::2", Range::Unspecified),
        ] {
            assert_eq!(classify(text.parse().unwrap()), range, "{text}");
        }
    }

    proptest! {
        /// However an IPv4 address is wrapped, it is no better than unwrapped.
        #[test]
        fn no_wrapping_opens_an_address(bits: u32) {
            let plain = Ipv4Addr::from(bits);
            let [a, b, c, d] = plain.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let range = classify(plain.into());
            for wrapped in [
                Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
                Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
                Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
                Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            ] {
                prop_assert_eq!(classify(wrapped.into()), range, "{}", wrapped);
            }
        }

        #[test]
        fn every_address_has_a_range_and_stands_for_itself(bits: u128) {
            let address = IpAddr::from(Ipv6Addr::from(bits));
            let _range = classify(address);
            prop_assert_eq!(stands_for(address).next(), Some(address));
        }
    }
}
