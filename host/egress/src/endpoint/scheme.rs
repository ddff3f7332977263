//! The ports that URLs leave out.

/// Schemes whose port is known. Others must name theirs.
const PORTS: &[(&str, u16)] = &[
    ("amqp", 5672),
    ("amqps", 5671),
    ("clickhouse", 9000),
    ("ftp", 21),
    ("ftps", 990),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imaps", 993),
    ("ldap", 389),
    ("ldaps", 636),
    ("mongodb", 27017),
    ("mqtt", 1883),
    ("mqtts", 8883),
    ("mysql", 3306),
    ("nats", 4222),
    ("postgres", 5432),
    ("postgresql", 5432),
    ("pulsar", 6650),
    ("pulsar+ssl", 6651),
    ("redis", 6379),
    ("rediss", 6379),
    ("smtp", 25),
    ("smtps", 465),
    ("ssh", 22),
    ("sftp", 22),
    ("ws", 80),
    ("wss", 443),
];

/// The port that a URL of this scheme, in lower case, means where it names none.
///
/// ```
/// use wharf_egress::endpoint::default_port;
/// assert_eq!(default_port("https"), Some(443));
/// assert_eq!(default_port("kafka"), None);
/// ```
pub fn default_port(scheme: &str) -> Option<u16> {
    PORTS.iter().find(|(known, _)| *known == scheme).map(|(_, port)| *port)
}
