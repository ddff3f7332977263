//! What a connector may reach over the network, and how it is reached. Knows nothing of WebAssembly.
//!
//! A connector reaches what its configuration names, and of that what the operator lets it reach:
//!
//! 1. [`endpoint`]: the values of the keys that the plugin's descriptor types as endpoints become [`Endpoint`]s, a host and a
//!    port each. Host names are normalised here and nowhere else, so that two spellings of one host are one host.
//! 2. [`ceiling`]: the operator's `[egress]` lists and switches. [`ranges`] says what an address is: private, loopback, a
//!    cloud's metadata service.
//! 3. [`gate`]: one [`Gate`] for each instance. It answers name lookups for names that are configured and for no others,
//!    drops forbidden addresses out of the answers, remembers the rest, and says of an address whether it may be connected
//!    to. It dials what it has checked: there is no second lookup between the check and the dial that could answer
//!    differently. It keeps the quotas, and tells the auditor of each denial, with a stable [code](gate::codes).
//! 4. [`connection`], [`tls`], [`http`]: bytes, TLS and HTTP/1.1 over what the gate dials. No redirects are followed, no
//!    proxies asked, no environment read.
//!
//! Nothing is shared between two gates but the trust roots: no pool, no TLS session, no lookup.

pub mod ceiling;
pub mod connection;
pub mod endpoint;
mod error;
pub mod gate;
pub mod http;
mod pace;
pub mod quota;
pub mod ranges;
pub mod resolve;
pub mod tls;

pub use ceiling::{Ceiling, Rule};
pub use connection::{Connection, Received};
pub use endpoint::{Endpoint, EndpointError, Host};
pub use error::{Denial, EgressError};
pub use gate::{Gate, GateOptions, Subject};
pub use pace::Pace;
pub use quota::{Permit, Quotas};
pub use resolve::{Resolve, SystemResolver};
pub use tls::{TlsClient, TlsFiles, TrustRoots};
