//! Connections outside WebAssembly, for unit tests.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::{Received, Tls};

/// As much as the host gives at once, so that tests meet the same seams.
const MOST: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Connection(TcpStream);

impl Connection {
    pub(super) fn open(name: &str, port: u16, tls: &Tls, timeout: Duration) -> io::Result<Self> {
        if *tls != Tls::Off {
            return Err(no_tls());
        }
        let mut last = io::Error::new(io::ErrorKind::NotFound, format!("{name} has no address"));
        for address in (name, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, at_least_a_little(timeout)) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    pub(super) fn receive(&mut self, max: usize, wait: Duration) -> io::Result<Received> {
        self.0.set_read_timeout(Some(at_least_a_little(wait)))?;
        let mut bytes = vec![0; max.min(MOST)];
        match self.0.read(&mut bytes) {
            Ok(0) => Ok(Received::End),
            Ok(read) => {
                bytes.truncate(read);
                Ok(Received::Data(bytes))
            }
            Err(error) if is_timeout(&error) => Ok(Received::Nothing),
            Err(error) => Err(error),
        }
    }

    pub(super) fn send(&mut self, bytes: &[u8], wait: Duration) -> io::Result<()> {
        self.0.set_write_timeout(Some(at_least_a_little(wait)))?;
        self.0.write_all(bytes).map_err(|error| match is_timeout(&error) {
            true => io::Error::new(io::ErrorKind::TimedOut, "the other side takes no more"),
            false => error,
        })
    }

    pub(super) fn start_tls(&mut self, _: Option<&str>, _: &[String], _: Duration) -> io::Result<()> {
        Err(no_tls())
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.0.shutdown(Shutdown::Write)
    }
}

fn no_tls() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "TLS is the host's work: natively, in unit tests, there is none")
}

/// A socket takes a timeout of zero for none at all.
fn at_least_a_little(wait: Duration) -> Duration {
    wait.max(Duration::from_millis(1))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
