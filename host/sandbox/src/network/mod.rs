//! The network of one instance: `wasi:sockets`, `wasi:http` outgoing and `openmessaging:connect/net`, all through one
//! [`Gate`].
//!
//! | interface | whose code | what is ours |
//! |---|---|---|
//! | `wasi:sockets/tcp`, `udp` | wasmtime-wasi's | each address asks the gate; sockets are counted; no listening, no binding but the implicit one; bytes keep the pace |
//! | `wasi:sockets/ip-name-lookup` | ours | wasmtime-wasi's looks up anything |
//! | `wasi:http/outgoing-handler` | wasmtime-wasi-http's | sending: [`wharf_egress::http`] |
//! | `openmessaging:connect/net` | ours | all |
//!
//! An instance that only describes or validates has a gate that is shut.

mod config;
mod hooks;
mod lookup;
mod net;
mod paced;
mod policy;
mod tcp;
mod udp;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use wasmtime::component::{HasData, Linker, Resource};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::sockets;
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, HostNetwork};
use wasmtime_wasi::p2::{Network as NetworkHandle, SocketError};
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSockets, WasiSocketsCtxView, WasiSocketsView as _};
use wasmtime_wasi_http::WasiHttpCtx;
use wharf_egress::gate::codes;
use wharf_egress::{EgressError, Gate, Permit};

pub(crate) use config::{check, denied, gate, has_endpoints};
pub use policy::EgressPolicy;

use crate::state::State;
use hooks::Hooks;

/// Bytes of the headers of one HTTP message.
const FIELD_BYTES: usize = 64 << 10;

/// What the instance holds of the network.
pub(crate) struct Network {
    pub(crate) gate: Gate,
    /// The right to each open socket, by its number in the table.
    sockets: HashMap<u32, Permit>,
    pub(crate) http: WasiHttpCtx,
    pub(crate) hooks: Hooks,
}

impl Network {
    pub(crate) fn new(gate: Gate) -> Self {
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(FIELD_BYTES);
        Self { hooks: Hooks(gate.clone()), gate, sockets: HashMap::new(), http }
    }

    /// Lets wasmtime-wasi make sockets, each of whose addresses asks the gate.
    pub(crate) fn allow(gate: &Gate, wasi: &mut WasiCtxBuilder) {
        let gate = gate.clone();
        wasi.allow_tcp(true).allow_udp(true).socket_addr_check(move |address, purpose| {
            let allowed = may(&gate, address, purpose);
            Box::pin(std::future::ready(allowed))
        });
    }
}

impl Drop for Network {
    /// Before the table goes: a request that is half sent must break rather than end.
    fn drop(&mut self) {
        self.gate.close();
    }
}

fn may(gate: &Gate, address: SocketAddr, purpose: SocketAddrUse) -> bool {
    match purpose {
        SocketAddrUse::TcpConnect | SocketAddrUse::UdpSend => gate.may_connect(address).is_ok(),
        SocketAddrUse::UdpReceive => gate.knows(address),
        // Every connect begins with this: the system chooses address and port.
        SocketAddrUse::TcpBind | SocketAddrUse::UdpBind if is_unspecified(address) => true,
        SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => {
            gate.deny(codes::BIND, format!("bind a socket to {address}: a plugin may only connect"));
            false
        }
        SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => {
            gate.deny(codes::LISTEN, format!("listen on {address}: a plugin may only connect"));
            false
        }
    }
}

fn is_unspecified(address: SocketAddr) -> bool {
    address.port() == 0 && (address.ip() == Ipv4Addr::UNSPECIFIED || address.ip() == Ipv6Addr::UNSPECIFIED)
}

/// The names of [`wasmtime::component::bindgen!`] for where the implementation is found.
pub(crate) struct GrantedNetwork;

impl HasData for GrantedNetwork {
    type Data<'a> = View<'a>;
}

/// What the host functions work on.
pub(crate) struct View<'a> {
    pub(crate) inner: WasiSocketsCtxView<'a>,
    pub(crate) network: &'a mut Network,
}

impl View<'_> {
    /// The right to one more socket.
    fn permit(&self) -> Result<Permit, SocketError> {
        self.network.gate.socket().map_err(|_| ErrorCode::NewSocketLimit.into())
    }
}

impl network::Host for View<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        network::Host::convert_error_code(&mut self.inner, error)
    }

    fn network_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        network::Host::network_error_code(&mut self.inner, error)
    }
}

impl HostNetwork for View<'_> {
    fn drop(&mut self, network: Resource<NetworkHandle>) -> wasmtime::Result<()> {
        HostNetwork::drop(&mut self.inner, network)
    }
}

/// What `wasi:sockets` says of an error.
fn error_code(error: &EgressError) -> ErrorCode {
    match error {
        EgressError::Denied(_) => ErrorCode::AccessDenied,
        EgressError::Quota(_) => ErrorCode::NewSocketLimit,
        EgressError::NotFound(_) => ErrorCode::NameUnresolvable,
        EgressError::TimedOut(..) => ErrorCode::TemporaryResolverFailure,
        EgressError::Refused(_) => ErrorCode::ConnectionRefused,
        EgressError::Unreachable(..) => ErrorCode::TemporaryResolverFailure,
        EgressError::Closed(..) | EgressError::Tls(..) => ErrorCode::ConnectionReset,
        EgressError::Invalid(_) => ErrorCode::InvalidArgument,
    }
}

/// Adds all of the network but `openmessaging:connect/net`, which is part of the contract's bindings.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let options = network::LinkOptions::default();
    sockets::network::add_to_linker::<State, WasiSockets>(linker, &options, State::sockets)?;
    sockets::instance_network::add_to_linker::<State, WasiSockets>(linker, State::sockets)?;
    sockets::tcp_create_socket::add_to_linker::<State, GrantedNetwork>(linker, State::network_view)?;
    sockets::tcp::add_to_linker::<State, GrantedNetwork>(linker, State::network_view)?;
    sockets::udp_create_socket::add_to_linker::<State, GrantedNetwork>(linker, State::network_view)?;
    sockets::udp::add_to_linker::<State, GrantedNetwork>(linker, State::network_view)?;
    lookup::add_to_linker(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)
}

/// Hands functions of a trait on to wasmtime-wasi.
macro_rules! hand_on {
    ($trait:ident: $(fn $name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name(&mut self, $($arg: $type),*) -> $answer {
            $trait::$name(&mut self.inner, $($arg),*)
        })*
    };
}
use hand_on;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_bound_only_as_a_connect_binds_it() {
        let gate = Gate::shut();
        let may = |address: &str, purpose| may(&gate, address.parse().unwrap(), purpose);
        assert!(may("0.0.0.0:0", SocketAddrUse::TcpBind) && may("[::]:0", SocketAddrUse::UdpBind));
        for address in ["0.0.0.0:80", "127.0.0.1:0", "[::1]:0", "[::]:1"] {
            assert!(!may(address, SocketAddrUse::TcpBind) && !may(address, SocketAddrUse::UdpBind), "{address}");
        }
        for purpose in
            [SocketAddrUse::TcpListen, SocketAddrUse::TcpAccept, SocketAddrUse::TcpConnect, SocketAddrUse::UdpSend]
        {
            assert!(!may("0.0.0.0:0", purpose), "{purpose:?}");
        }
    }
}
