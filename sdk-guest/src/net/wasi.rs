//! Connections in WebAssembly: the interface `openmessaging:connect/net`.

use std::io;
use std::time::Duration;

use wharf_bindings_net::openmessaging::connect::net::{self as host, NetCode, NetError};

use super::{Received, Tls};

#[derive(Debug)]
pub(super) struct Connection(host::Connection);

impl Connection {
    pub(super) fn open(name: &str, port: u16, tls: &Tls, timeout: Duration) -> io::Result<Self> {
        let tls = match tls {
            Tls::Off => None,
            Tls::On { server_name, alpn } => Some(tls_out(server_name.as_deref(), alpn)),
        };
        host::connect(name, port, tls.as_ref(), millis(timeout)).map(Self).map_err(error)
    }

    pub(super) fn receive(&mut self, max: usize, wait: Duration) -> io::Result<Received> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        match self.0.read(max, millis(wait)).map_err(error)? {
            host::Received::Data(bytes) => Ok(Received::Data(bytes)),
            host::Received::Nothing => Ok(Received::Nothing),
            host::Received::End => Ok(Received::End),
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8], wait: Duration) -> io::Result<()> {
        self.0.write(bytes, millis(wait)).map_err(error)
    }

    pub(super) fn start_tls(&mut self, server_name: Option<&str>, alpn: &[String], wait: Duration) -> io::Result<()> {
        self.0.start_tls(&tls_out(server_name, alpn), millis(wait)).map_err(error)
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.0.finish().map_err(error)
    }
}

fn tls_out(server_name: Option<&str>, alpn: &[String]) -> host::Tls {
    host::Tls { server_name: server_name.map(str::to_owned), alpn: alpn.to_vec() }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

fn error(error: NetError) -> io::Error {
    let kind = match error.code {
        NetCode::Denied => io::ErrorKind::PermissionDenied,
        NetCode::NameNotFound => io::ErrorKind::NotFound,
        NetCode::Refused => io::ErrorKind::ConnectionRefused,
        NetCode::Unreachable => io::ErrorKind::HostUnreachable,
        NetCode::TimedOut => io::ErrorKind::TimedOut,
        NetCode::Closed => io::ErrorKind::ConnectionReset,
        NetCode::Tls => io::ErrorKind::InvalidData,
        NetCode::Quota => io::ErrorKind::QuotaExceeded,
        NetCode::Invalid => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error.message)
}
