//! From a host and a port to a connection: one lookup, and the dial goes to what it answered.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Gate, codes};
use crate::endpoint::Host;
use crate::error::EgressError;
use crate::pace::Paced;

/// The least time that one of several addresses is tried for.
const LEAST: Duration = Duration::from_millis(250);

impl Gate {
    /// Connects to a host and port that the configuration names, within `allowed`. Addresses are tried one after the
    /// other.
    pub(crate) async fn dial(
        &self,
        host: &Host,
        port: u16,
        allowed: Duration,
    ) -> Result<Paced<TcpStream>, EgressError> {
        let ports = self.ports(host);
        if !ports.is_empty() && !ports.contains(&port) {
            let detail = format!("{host}:{port}: the configuration names this host with another port");
            return Err(EgressError::Denied(self.deny(codes::PORT, detail)));
        }
        let allowed = allowed.min(self.quotas().connect_timeout);
        let until = Instant::now() + allowed;
        let late = || EgressError::TimedOut(format!("connecting to {host}:{port}"), allowed.as_millis());
        let ports = if ports.is_empty() { &[][..] } else { &[port][..] };
        let addresses = tokio::time::timeout_at(until, self.learn(host, ports)).await.map_err(|_| late())??;
        let mut last = late();
        let mut left = addresses.len() as u32;
        for address in addresses {
            // So that a first address that swallows packets leaves time for the others.
            let share = until.saturating_duration_since(Instant::now()) / left.max(1);
            left = left.saturating_sub(1);
            let address = SocketAddr::new(address.ip(), port);
            match tokio::time::timeout(share.max(LEAST), TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Guests write whole messages; where this fails, only latency is lost.
                    stream.set_nodelay(true).ok();
                    return Ok(Paced::new(stream, self.pace().clone()));
                }
                Ok(Err(error)) => last = failed(host, address, &error),
                Err(_) => last = late(),
            }
        }
        Err(last)
    }
}

fn failed(host: &Host, address: SocketAddr, error: &io::Error) -> EgressError {
    let to = match host {
        Host::Name(name) => format!("{name}:{} ({})", address.port(), address.ip()),
        Host::Ip(_) => address.to_string(),
    };
    match error.kind() {
        io::ErrorKind::ConnectionRefused => EgressError::Refused(to),
        io::ErrorKind::TimedOut => EgressError::Unreachable(to, "no answer".to_owned()),
        _ => EgressError::Unreachable(to, error.to_string()),
    }
}
