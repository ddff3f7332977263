//! `wasi:sockets/udp`: wasmtime-wasi's sockets, counted and paced.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::udp::{
    self, HostIncomingDatagramStream, HostOutgoingDatagramStream, HostUdpSocket, IncomingDatagram,
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream,
};
use wasmtime_wasi::p2::bindings::sockets::udp_create_socket;
use wasmtime_wasi::p2::{DynPollable, Network, SocketResult, UdpSocket, subscribe};

use super::paced::Wait;
use super::{View, hand_on};

type Socket = Resource<UdpSocket>;
type Incoming = Resource<IncomingDatagramStream>;
type Outgoing = Resource<OutgoingDatagramStream>;

impl udp_create_socket::Host for View<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Socket> {
        let permit = self.permit()?;
        let socket = udp_create_socket::Host::create_udp_socket(&mut self.inner, family).await?;
        self.network.sockets.insert(socket.rep(), permit);
        Ok(socket)
    }
}

impl View<'_> {
    /// What to wait for while the pace allows nothing.
    fn wait(&mut self) -> Option<wasmtime::Result<Resource<DynPollable>>> {
        let pace = self.network.gate.pace();
        pace.delay()?;
        // Owned: it goes with what is made of it.
        let wait = self.inner.table.push(Wait(pace.clone()));
        Some(wait.map_err(Into::into).and_then(|wait| subscribe(self.inner.table, wait)))
    }
}

impl udp::Host for View<'_> {}

impl HostUdpSocket for View<'_> {
    async fn start_bind(
        &mut self,
        socket: Socket,
        network: Resource<Network>,
        address: IpSocketAddress,
    ) -> SocketResult<()> {
        HostUdpSocket::start_bind(&mut self.inner, socket, network, address).await
    }

    async fn stream(&mut self, socket: Socket, remote: Option<IpSocketAddress>) -> SocketResult<(Incoming, Outgoing)> {
        HostUdpSocket::stream(&mut self.inner, socket, remote).await
    }

    fn drop(&mut self, socket: Socket) -> wasmtime::Result<()> {
        let number = socket.rep();
        HostUdpSocket::drop(&mut self.inner, socket)?;
        self.network.sockets.remove(&number);
        Ok(())
    }

    hand_on! { HostUdpSocket:
        fn finish_bind(socket: Socket) -> SocketResult<()>;
        fn local_address(socket: Socket) -> SocketResult<IpSocketAddress>;
        fn remote_address(socket: Socket) -> SocketResult<IpSocketAddress>;
        fn address_family(socket: Socket) -> wasmtime::Result<IpAddressFamily>;
        fn unicast_hop_limit(socket: Socket) -> SocketResult<u8>;
        fn set_unicast_hop_limit(socket: Socket, value: u8) -> SocketResult<()>;
        fn receive_buffer_size(socket: Socket) -> SocketResult<u64>;
        fn set_receive_buffer_size(socket: Socket, value: u64) -> SocketResult<()>;
        fn send_buffer_size(socket: Socket) -> SocketResult<u64>;
        fn set_send_buffer_size(socket: Socket, value: u64) -> SocketResult<()>;
        fn subscribe(socket: Socket) -> wasmtime::Result<Resource<DynPollable>>;
    }
}

impl HostIncomingDatagramStream for View<'_> {
    fn receive(&mut self, stream: Incoming, max_results: u64) -> SocketResult<Vec<IncomingDatagram>> {
        if self.network.gate.pace().delay().is_some() {
            return Ok(Vec::new());
        }
        let received = HostIncomingDatagramStream::receive(&mut self.inner, stream, max_results)?;
        self.network.gate.pace().moved(received.iter().map(|datagram| datagram.data.len()).sum());
        Ok(received)
    }

    fn subscribe(&mut self, stream: Incoming) -> wasmtime::Result<Resource<DynPollable>> {
        match self.wait() {
            Some(wait) => wait,
            None => HostIncomingDatagramStream::subscribe(&mut self.inner, stream),
        }
    }

    hand_on! { HostIncomingDatagramStream:
        fn drop(stream: Incoming) -> wasmtime::Result<()>;
    }
}

impl HostOutgoingDatagramStream for View<'_> {
    fn check_send(&mut self, stream: Outgoing) -> SocketResult<u64> {
        if self.network.gate.pace().delay().is_some() {
            return Ok(0);
        }
        HostOutgoingDatagramStream::check_send(&mut self.inner, stream)
    }

    fn send(&mut self, stream: Outgoing, datagrams: Vec<OutgoingDatagram>) -> SocketResult<u64> {
        self.network.gate.pace().moved(datagrams.iter().map(|datagram| datagram.data.len()).sum());
        HostOutgoingDatagramStream::send(&mut self.inner, stream, datagrams)
    }

    fn subscribe(&mut self, stream: Outgoing) -> wasmtime::Result<Resource<DynPollable>> {
        match self.wait() {
            Some(wait) => wait,
            None => HostOutgoingDatagramStream::subscribe(&mut self.inner, stream),
        }
    }

    async fn drop(&mut self, stream: Outgoing) -> wasmtime::Result<()> {
        HostOutgoingDatagramStream::drop(&mut self.inner, stream).await
    }
}
