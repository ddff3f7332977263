//! `openmessaging:connect/net`: connections and TLS from the host.

use std::time::{Duration, Instant};

use wasmtime::component::Resource;
use wharf_egress::connection;
use wharf_egress::{Connection, EgressError};

use crate::bindings::base::openmessaging::connect::net::{Host, HostConnection, NetCode, NetError, Received, Tls};
use crate::state::State;

type Answer<T> = wasmtime::Result<Result<T, NetError>>;

impl State {
    /// As long as the guest asks, but never past the end of the call that it is in.
    fn wait(&self, milliseconds: u32) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        Duration::from_millis(milliseconds.into()).min(left)
    }

    fn connection(&mut self, connection: &Resource<Connection>) -> wasmtime::Result<&mut Connection> {
        let (_, table) = self.network_and_table();
        Ok(table.get_mut(connection)?)
    }
}

impl Host for State {
    async fn connect(
        &mut self,
        host: String,
        port: u16,
        tls: Option<Tls>,
        max_wait_ms: u32,
    ) -> Answer<Resource<Connection>> {
        let (gate, wait) = (self.network.gate.clone(), self.wait(max_wait_ms));
        match gate.connect(&host, port, tls.map(wanted), wait).await {
            Ok(connection) => {
                let (_, table) = self.network_and_table();
                Ok(Ok(table.push(connection)?))
            }
            Err(error) => Ok(Err(told(&error))),
        }
    }
}

impl HostConnection for State {
    async fn read(&mut self, this: Resource<Connection>, max_bytes: u32, max_wait_ms: u32) -> Answer<Received> {
        let wait = self.wait(max_wait_ms);
        let received = self.connection(&this)?.read(max_bytes as usize, wait).await;
        Ok(received.map_err(|error| told(&error)).map(|received| match received {
            connection::Received::Data(data) => Received::Data(data),
            connection::Received::Nothing => Received::Nothing,
            connection::Received::End => Received::End,
        }))
    }

    async fn write(&mut self, this: Resource<Connection>, bytes: Vec<u8>, max_wait_ms: u32) -> Answer<()> {
        let wait = self.wait(max_wait_ms);
        Ok(self.connection(&this)?.write(&bytes, wait).await.map_err(|error| told(&error)))
    }

    async fn start_tls(&mut self, this: Resource<Connection>, tls: Tls, max_wait_ms: u32) -> Answer<()> {
        let wait = self.wait(max_wait_ms);
        Ok(self.connection(&this)?.start_tls(wanted(tls), wait).await.map_err(|error| told(&error)))
    }

    async fn finish(&mut self, this: Resource<Connection>) -> Answer<()> {
        // TLS says farewell, for which the other side must take what was sent before.
        let wait = self.wait(u32::MAX);
        Ok(self.connection(&this)?.finish(wait).await.map_err(|error| told(&error)))
    }

    async fn drop(&mut self, this: Resource<Connection>) -> wasmtime::Result<()> {
        let (_, table) = self.network_and_table();
        // The socket closes with it.
        drop(table.delete(this)?);
        Ok(())
    }
}

fn wanted(tls: Tls) -> connection::Tls {
    connection::Tls { server_name: tls.server_name, alpn: tls.alpn }
}

fn told(error: &EgressError) -> NetError {
    let code = match error {
        EgressError::Denied(_) => NetCode::Denied,
        EgressError::Quota(_) => NetCode::Quota,
        EgressError::NotFound(_) => NetCode::NameNotFound,
        EgressError::Refused(_) => NetCode::Refused,
        EgressError::Unreachable(..) => NetCode::Unreachable,
        EgressError::TimedOut(..) => NetCode::TimedOut,
        EgressError::Closed(..) => NetCode::Closed,
        EgressError::Tls(..) => NetCode::Tls,
        EgressError::Invalid(_) => NetCode::Invalid,
    };
    NetError { code, message: error.to_string() }
}
