//! A TCP connection for a guest that asks the host for one, with TLS where it asks for that too.

use std::future::Future;
use std::io;
use std::time::Duration;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::endpoint::Host;
use crate::error::EgressError;
use crate::gate::Gate;
use crate::pace::Paced;
use crate::quota::Permit;

/// Bytes that one read brings at most.
const READ: usize = 256 << 10;

/// How to speak TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The name that the certificate must be for; `None`: the host that was dialled.
    pub server_name: Option<String>,
    /// Application protocols to offer, best first.
    pub alpn: Vec<String>,
}

/// What a read brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// At least one byte.
    Data(Vec<u8>),
    /// Nothing came in time.
    Nothing,
    /// The other side will send no more.
    End,
}

#[derive(Debug)]
enum Stream {
    Plain(Paced<TcpStream>),
    Tls(Box<TlsStream<Paced<TcpStream>>>),
    /// Something went wrong half-way.
    Broken,
}

/// An open connection. Dropping it closes it, and gives its place back.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    host: Host,
    peer: String,
    gate: Gate,
    _permit: Permit,
}

impl Gate {
    /// Connects to a host and port that the configuration names.
    ///
    /// # Errors
    /// When that is denied, fails, or takes longer than `allowed`.
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        tls: Option<Tls>,
        allowed: Duration,
    ) -> Result<Connection, EgressError> {
        let until = Instant::now() + allowed;
        let host = self.host(host)?;
        let permit = self.socket()?;
        let stream = Stream::Plain(self.dial(&host, port, allowed).await?);
        let peer = format!("{host}:{port}");
        let mut connection = Connection { stream, host, peer, gate: self.clone(), _permit: permit };
        if let Some(tls) = tls {
            connection.start_tls(tls, until.saturating_duration_since(Instant::now())).await?;
        }
        Ok(connection)
    }
}

impl Connection {
    /// Up to `most` bytes that are there, or the first that come within `wait`.
    ///
    /// # Errors
    /// When the connection is broken.
    pub async fn read(&mut self, most: usize, wait: Duration) -> Result<Received, EgressError> {
        let mut buffer = Vec::new();
        let most = most.clamp(1, READ);
        buffer.reserve_exact(most);
        let read = async {
            // `take` bounds it, as a vector may have more room than was asked for.
            match &mut self.stream {
                Stream::Plain(stream) => stream.take(most as u64).read_buf(&mut buffer).await,
                Stream::Tls(stream) => stream.take(most as u64).read_buf(&mut buffer).await,
                Stream::Broken => Err(io::ErrorKind::BrokenPipe.into()),
            }
        };
        match timeout(wait, read).await {
            Ok(Ok(0)) => Ok(Received::End),
            Ok(Ok(_)) => Ok(Received::Data(buffer)),
            // Many servers end TLS without a farewell. What comes after such an end cannot be told from an attack, but a
            // protocol that frames its messages notices that one is missing.
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Received::End),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => Ok(Received::Nothing),
        }
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// When that fails or takes longer than `wait`: the connection is of no more use then.
    pub async fn write(&mut self, bytes: &[u8], wait: Duration) -> Result<(), EgressError> {
        let write = async {
            match &mut self.stream {
                Stream::Plain(stream) => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
                Stream::Tls(stream) => {
                    stream.write_all(bytes).await?;
                    stream.flush().await
                }
                Stream::Broken => Err(io::ErrorKind::BrokenPipe.into()),
            }
        };
        match timeout(wait, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => {
                self.stream = Stream::Broken;
                Err(EgressError::TimedOut(format!("sending to {}", self.peer), wait.as_millis()))
            }
        }
    }

    /// Goes on in TLS.
    ///
    /// # Errors
    /// When the handshake fails or takes longer than `wait`, or TLS is spoken already.
    pub async fn start_tls(&mut self, tls: Tls, wait: Duration) -> Result<(), EgressError> {
        let until = Instant::now() + wait;
        let refused = |why: String| EgressError::Tls(self.peer.clone(), why);
        let name = match &tls.server_name {
            None => server_name(&self.host),
            Some(name) => Host::parse(name).ok().and_then(|host| server_name(&host)),
        };
        let name = name.ok_or_else(|| EgressError::Invalid("the server name is no name: write a host".to_owned()))?;
        if tls.alpn.iter().any(|protocol| protocol.is_empty() || protocol.len() > 255) || tls.alpn.len() > 16 {
            return Err(EgressError::Invalid("offer at most 16 protocols with 1 to 255 bytes each".to_owned()));
        }
        let alpn = tls.alpn.into_iter().map(String::into_bytes).collect();
        let config = self.gate.tls().offering(alpn).await.map_err(|error| refused(error.to_string()))?;
        let stream = match std::mem::replace(&mut self.stream, Stream::Broken) {
            Stream::Plain(stream) => stream,
            other => {
                self.stream = other;
                return Err(EgressError::Invalid("TLS is spoken already, or the connection is closed".to_owned()));
            }
        };
        match timeout_at(until, TlsConnector::from(config).connect(name, stream)).await {
            Ok(Ok(stream)) => {
                self.stream = Stream::Tls(Box::new(stream));
                Ok(())
            }
            Ok(Err(error)) => Err(EgressError::Tls(self.peer.clone(), error.to_string())),
            Err(_) => Err(EgressError::TimedOut(format!("the TLS handshake with {}", self.peer), wait.as_millis())),
        }
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// When the connection is broken, or this takes longer than `wait`.
    pub async fn finish(&mut self, wait: Duration) -> Result<(), EgressError> {
        let finish = async {
            match &mut self.stream {
                Stream::Plain(stream) => stream.shutdown().await,
                Stream::Tls(stream) => stream.shutdown().await,
                Stream::Broken => Err(io::ErrorKind::BrokenPipe.into()),
            }
        };
        in_time(finish, wait).await.map_err(|error| self.broken(&error))
    }

    fn broken(&mut self, error: &io::Error) -> EgressError {
        self.stream = Stream::Broken;
        EgressError::Closed(self.peer.clone(), error.to_string())
    }
}

async fn in_time<T>(what: impl Future<Output = io::Result<T>>, wait: Duration) -> io::Result<T> {
    timeout(wait, what).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The name that a host's certificate must be for.
pub(crate) fn server_name(host: &Host) -> Option<ServerName<'static>> {
    match host {
        Host::Name(name) => ServerName::try_from(name.clone()).ok(),
        Host::Ip(address) => Some(ServerName::from(*address)),
    }
}
