//! `wasi:sockets/tcp`: wasmtime-wasi's sockets, counted and paced.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::tcp::{self, HostTcpSocket, ShutdownType};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::pipe::{ClosedInputStream, ClosedOutputStream};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, Network, SocketResult, TcpSocket};
use wharf_egress::gate::codes;

use super::paced::{PacedInput, PacedOutput};
use super::{View, hand_on};

type Socket = Resource<TcpSocket>;
type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

impl tcp_create_socket::Host for View<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Socket> {
        let permit = self.permit()?;
        let socket = tcp_create_socket::Host::create_tcp_socket(&mut self.inner, family)?;
        self.network.sockets.insert(socket.rep(), permit);
        Ok(socket)
    }
}

impl tcp::Host for View<'_> {}

impl HostTcpSocket for View<'_> {
    async fn start_bind(
        &mut self,
        socket: Socket,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        HostTcpSocket::start_bind(&mut self.inner, socket, network, address).await
    }

    fn finish_connect(&mut self, socket: Socket) -> SocketResult<Streams> {
        let (input, output) = HostTcpSocket::finish_connect(&mut self.inner, socket)?;
        let pace = self.network.gate.pace();
        if pace.is_bounded() {
            let entry = self.inner.table.get_mut(&input)?;
            let inner = std::mem::replace(entry, Box::new(ClosedInputStream));
            *entry = Box::new(PacedInput { inner, pace: pace.clone() });
            let entry = self.inner.table.get_mut(&output)?;
            let inner = std::mem::replace(entry, Box::new(ClosedOutputStream));
            *entry = Box::new(PacedOutput { inner, pace: pace.clone() });
        }
        Ok((input, output))
    }

    // A guest that asks is told, and the auditor too, whatever state its socket is in.

    async fn start_listen(&mut self, _: Socket) -> SocketResult<()> {
        self.network.gate.deny(codes::LISTEN, "listen on a TCP socket: a plugin may only connect".to_owned());
        Err(ErrorCode::AccessDenied.into())
    }

    fn accept(&mut self, _: Socket) -> SocketResult<(Socket, Resource<DynInputStream>, Resource<DynOutputStream>)> {
        Err(ErrorCode::AccessDenied.into())
    }

    fn drop(&mut self, socket: Socket) -> wasmtime::Result<()> {
        let number = socket.rep();
        HostTcpSocket::drop(&mut self.inner, socket)?;
        self.network.sockets.remove(&number);
        Ok(())
    }

    hand_on! { HostTcpSocket:
        fn finish_bind(socket: Socket) -> SocketResult<()>;
        fn start_connect(socket: Socket, network: Resource<Network>, address: IpSocketAddress) -> SocketResult<()>;
        fn finish_listen(socket: Socket) -> SocketResult<()>;
        fn local_address(socket: Socket) -> SocketResult<IpSocketAddress>;
        fn remote_address(socket: Socket) -> SocketResult<IpSocketAddress>;
        fn is_listening(socket: Socket) -> wasmtime::Result<bool>;
        fn address_family(socket: Socket) -> wasmtime::Result<IpAddressFamily>;
        fn set_listen_backlog_size(socket: Socket, value: u64) -> SocketResult<()>;
        fn keep_alive_enabled(socket: Socket) -> SocketResult<bool>;
        fn set_keep_alive_enabled(socket: Socket, value: bool) -> SocketResult<()>;
        fn keep_alive_idle_time(socket: Socket) -> SocketResult<u64>;
        fn set_keep_alive_idle_time(socket: Socket, value: u64) -> SocketResult<()>;
        fn keep_alive_interval(socket: Socket) -> SocketResult<u64>;
        fn set_keep_alive_interval(socket: Socket, value: u64) -> SocketResult<()>;
        fn keep_alive_count(socket: Socket) -> SocketResult<u32>;
        fn set_keep_alive_count(socket: Socket, value: u32) -> SocketResult<()>;
        fn hop_limit(socket: Socket) -> SocketResult<u8>;
        fn set_hop_limit(socket: Socket, value: u8) -> SocketResult<()>;
        fn receive_buffer_size(socket: Socket) -> SocketResult<u64>;
        fn set_receive_buffer_size(socket: Socket, value: u64) -> SocketResult<()>;
        fn send_buffer_size(socket: Socket) -> SocketResult<u64>;
        fn set_send_buffer_size(socket: Socket, value: u64) -> SocketResult<()>;
        fn subscribe(socket: Socket) -> wasmtime::Result<Resource<DynPollable>>;
        fn shutdown(socket: Socket, how: ShutdownType) -> SocketResult<()>;
    }
}
