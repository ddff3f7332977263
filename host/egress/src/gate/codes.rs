//! The audit codes of what is denied. Stable: operators' tools know them.

/// A name, or an address, that the configuration does not name.
pub const NAME: &str = "egress.name";
/// An address that no allowed name led to.
pub const ADDRESS: &str = "egress.address";
/// The host is named, but with another port.
pub const PORT: &str = "egress.port";
/// The host and port are named, but with another scheme.
pub const SCHEME: &str = "egress.scheme";
/// An address of a kind that is switched off, or never allowed.
pub const RANGE: &str = "egress.range";
/// The operator's lists stand against it.
pub const CEILING: &str = "egress.ceiling";
/// Listening, or accepting a connection.
pub const LISTEN: &str = "egress.listen";
/// Binding a socket to an address or port of the guest's choice.
pub const BIND: &str = "egress.bind";
/// An HTTP request whose method, path or headers no guest may send.
pub const REQUEST: &str = "egress.request";
/// Too many sockets.
pub const QUOTA_SOCKETS: &str = "egress.quota.sockets";
/// Too many HTTP requests.
pub const QUOTA_REQUESTS: &str = "egress.quota.requests";
/// Too many name lookups.
pub const QUOTA_LOOKUPS: &str = "egress.quota.lookups";

/// All of them.
pub const ALL: &[&str] =
    &[NAME, ADDRESS, PORT, SCHEME, RANGE, CEILING, LISTEN, BIND, REQUEST, QUOTA_SOCKETS, QUOTA_REQUESTS, QUOTA_LOOKUPS];
