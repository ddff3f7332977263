//! Connections to other systems, in the clear or over TLS.
//!
//! The host looks names up, dials and speaks TLS, so a connector carries neither a resolver nor cryptography. It can
//! reach only what a configuration key of type [`Endpoint`](crate::ValueType::Endpoint) names. A [`Connection`] reads and
//! writes like any other stream.
//!
//! ```no_run
//! use std::io::{BufRead, BufReader, Write};
//! use std::time::Duration;
//! use wharf_sdk::Failure;
//! use wharf_sdk::net::{self, Endpoint, Tls};
//!
//! fn greeting(address: &str) -> Result<String, Failure> {
//!     let endpoint = Endpoint::parse(address).map_err(|problem| Failure::config("address", problem))?;
//!     let port = endpoint.port.unwrap_or(25);
//!     let failed = |error: &std::io::Error| net::failure("address", &format!("greet {}", endpoint.host), error);
//!     let connection = net::connect(&endpoint.host, port, &Tls::Off, Duration::from_secs(5)).map_err(|e| failed(&e))?;
//!     let mut connection = BufReader::new(connection);
//!     connection.get_mut().write_all(b"HELO there\r\n").map_err(|e| failed(&e))?;
//!     let mut line = String::new();
//!     connection.read_line(&mut line).map_err(|e| failed(&e))?;
//!     Ok(line)
//! }
//! ```
//!
//! Natively, for unit tests, the same calls go over [`std::net`], without any limit on where to, and without TLS.

mod endpoint;
#[cfg(not(target_family = "wasm"))]
mod native;
#[cfg(target_family = "wasm")]
mod wasi;

#[cfg(not(target_family = "wasm"))]
use native as system;
#[cfg(target_family = "wasm")]
use wasi as system;

use std::io;
use std::time::Duration;

pub use endpoint::Endpoint;

use crate::failure::Failure;

/// How long reads and writes wait where nothing else is said.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a connection speaks TLS from its first byte.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tls {
    /// It does not.
    #[default]
    Off,
    /// It does, and the certificate is checked: against the system's roots and those that the configuration names.
    On {
        /// The name that the certificate must be for. `None`: the host that is dialled.
        server_name: Option<String>,
        /// Application protocols to offer, best first; usually none.
        alpn: Vec<String>,
    },
}

impl Tls {
    /// TLS with the host's own name.
    pub fn on() -> Self {
        Self::On { server_name: None, alpn: Vec::new() }
    }
}

/// What [`Connection::receive`] brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// At least one byte.
    Data(Vec<u8>),
    /// Nothing came in time.
    Nothing,
    /// The other side will send no more.
    End,
}

/// An open connection. Dropping it closes it.
///
/// [`io::Read`] and [`io::Write`] wait as long as [`Connection::set_timeouts`] says, 10 seconds to begin with, and fail
/// with [`io::ErrorKind::TimedOut`] then. Each call crosses into the host: read through [`io::BufReader`], or take what
/// is there with [`Connection::receive`].
#[derive(Debug)]
pub struct Connection {
    system: system::Connection,
    read_timeout: Duration,
    write_timeout: Duration,
}

/// Connects to `port` of `host`, a name or an address, within `timeout`.
///
/// # Errors
/// `PermissionDenied` where neither the configuration nor the operator allows it; `NotFound`: there is no such name;
/// `ConnectionRefused`; `HostUnreachable`; `TimedOut`; `InvalidData`: TLS could not be agreed on, or the certificate is
/// not trusted; `QuotaExceeded`: too many connections; `Unsupported`: TLS natively. See [`failure`].
pub fn connect(host: &str, port: u16, tls: &Tls, timeout: Duration) -> io::Result<Connection> {
    let system = system::Connection::open(host, port, tls, timeout)?;
    Ok(Connection { system, read_timeout: PATIENCE, write_timeout: PATIENCE })
}

impl Connection {
    /// How long a read and a write may wait, for the calls of [`io::Read`] and [`io::Write`].
    pub fn set_timeouts(&mut self, read: Duration, write: Duration) {
        (self.read_timeout, self.write_timeout) = (read, write);
    }

    /// Up to `max` bytes that are there, or the first that come within `wait`. Waiting in vain is no error.
    ///
    /// # Errors
    /// `ConnectionReset` where the connection broke.
    pub fn receive(&mut self, max: usize, wait: Duration) -> io::Result<Received> {
        self.system.receive(max, wait)
    }

    /// Sends all of `bytes` within `wait`. After an error nobody knows how many of them were sent: drop the connection.
    ///
    /// # Errors
    /// `TimedOut`; `ConnectionReset` where the connection broke.
    pub fn send(&mut self, bytes: &[u8], wait: Duration) -> io::Result<()> {
        self.system.send(bytes, wait)
    }

    /// Goes on in TLS, as after a STARTTLS that the other side agreed to. Nothing may have come that was not read.
    ///
    /// # Errors
    /// `InvalidData` where TLS could not be agreed on; `TimedOut`; natively `Unsupported`.
    pub fn start_tls(&mut self, tls: &Tls, timeout: Duration) -> io::Result<()> {
        match tls {
            Tls::Off => Ok(()),
            Tls::On { server_name, alpn } => self.system.start_tls(server_name.as_deref(), alpn, timeout),
        }
    }

    /// Says that nothing more will be sent; reading goes on.
    ///
    /// # Errors
    /// `ConnectionReset` where the connection broke.
    pub fn finish(&mut self) -> io::Result<()> {
        self.system.finish()
    }
}

impl io::Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.receive(buffer.len(), self.read_timeout)? {
            Received::Data(bytes) => {
                // The host keeps to `max`; a host that did not would lose bytes here unseen.
                let room = buffer.get_mut(..bytes.len()).ok_or(io::ErrorKind::InvalidData)?;
                room.copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Received::Nothing => Err(io::Error::new(io::ErrorKind::TimedOut, "nothing came in time")),
            Received::End => Ok(0),
        }
    }
}

impl io::Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes, self.write_timeout)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What an error of [`connect`], of a [`Connection`] or of [`http::send`](crate::http::send) means for the task: what the
/// configuration or the operator forbids stays forbidden, so it is a problem of `key`, the key that named the endpoint;
/// everything else may pass. `what` was to be done: `"connect to redis.example.com:6379"`.
///
/// ```
/// use std::io::{Error, ErrorKind};
/// use wharf_sdk::{Failure, net};
/// let refused = net::failure("url", "connect to db:5432", &Error::new(ErrorKind::ConnectionRefused, "refused"));
/// assert_eq!(refused, Failure::retry("cannot connect to db:5432: refused"));
/// let denied = net::failure("url", "connect to db:5432", &Error::new(ErrorKind::PermissionDenied, "not allowed"));
/// assert_eq!(denied, Failure::config("url", "cannot connect to db:5432: not allowed"));
/// ```
pub fn failure(key: &str, what: &str, error: &io::Error) -> Failure {
    let reason = format!("cannot {what}: {error}");
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => {
            Failure::config(key, reason)
        }
        _ => Failure::retry(reason),
    }
}

#[cfg(test)]
mod tests;
