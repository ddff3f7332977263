//! A connection, commands sent and replies awaited.

use std::io;
use std::time::{Duration, Instant};

use wharf_sdk::Failure;
use wharf_sdk::net::{self, Connection, Received};

use crate::resp::{Malformed, Scan, Value, parse};
use crate::{Commands, Error, Server, ServerError};

/// How much is read at once.
const PIECE: usize = 256 * 1024;

/// The longest reply that is taken: what a reader asks for is far less, so a longer one comes from no Redis.
const LONGEST: usize = 64 * 1024 * 1024;

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    timeout: Duration,
    input: Vec<u8>,
    /// Where in `input` the next reply begins; what is before was handed out.
    begin: usize,
    scan: Scan,
}

impl Client {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When the server cannot be reached or does not let us in.
    pub fn open(server: &Server) -> Result<Self, Error> {
        let connection = net::connect(&server.host, server.port, &server.tls, server.timeout);
        let connection = connection.map_err(|error| Error::Io("connect to", error))?;
        let mut client =
            Self { connection, timeout: server.timeout, input: Vec::new(), begin: 0, scan: Scan::default() };
        let mut login = Commands::new();
        match (&server.username, &server.password) {
            (Some(user), Some(password)) => login.push(&[b"AUTH", user.as_bytes(), password.as_bytes()]),
            (None, Some(password)) => login.push(&[b"AUTH", password.as_bytes()]),
            (_, None) => {}
        }
        if server.database != 0 {
            login.push(&[b"SELECT", server.database.to_string().as_bytes()]);
        }
        // Shows whether we are let in where nothing else asks.
        login.push(&[b"PING"]);
        login.push(&[b"CLIENT", b"SETNAME", server.name.as_bytes()]);
        client.send(&login)?;
        for _ in 1..login.count() {
            client.expect()?;
        }
        // A user may be forbidden to name itself.
        client.await_reply()?;
        Ok(client)
    }

    /// Sends commands; as many replies will come.
    ///
    /// # Errors
    /// When the connection broke, or takes no more: it is of no use then.
    pub fn send(&mut self, commands: &Commands) -> Result<(), Error> {
        // The host copies a call's bytes: bound what it must hold.
        for piece in commands.bytes().chunks(1024 * 1024) {
            self.connection.send(piece, self.timeout).map_err(|error| Error::Io("write to", error))?;
        }
        Ok(())
    }

    /// The next reply, as its bytes for [`parse`]; `None` where not all of it came within `wait`: ask again.
    ///
    /// # Errors
    /// When the connection broke or what came is no RESP.
    pub fn poll_reply(&mut self, wait: Duration) -> Result<Option<&[u8]>, Error> {
        let deadline = Instant::now() + wait;
        loop {
            match self.scan.advance(self.input.get(self.begin..).unwrap_or_default()) {
                Ok(Some(length)) => {
                    let (begin, end) = (self.begin, self.begin + length);
                    (self.begin, self.scan) = (end, Scan::default());
                    return Ok(self.input.get(begin..end));
                }
                Ok(None) => {}
                Err(Malformed) => return Err(Error::Protocol("a reply is no RESP".to_owned())),
            }
            self.input.drain(..self.begin);
            self.begin = 0;
            if self.input.len() > LONGEST {
                return Err(Error::Protocol(format!("a reply is longer than {LONGEST} bytes")));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.connection.receive(PIECE, left).map_err(|error| Error::Io("read from", error))? {
                Received::Data(bytes) if self.input.is_empty() => self.input = bytes,
                Received::Data(bytes) => self.input.extend_from_slice(&bytes),
                Received::Nothing => return Ok(None),
                Received::End => {
                    let error = io::Error::new(io::ErrorKind::ConnectionReset, "it closed the connection");
                    return Err(Error::Io("read from", error));
                }
            }
        }
    }

    /// The next reply, which is due; also where it is an error.
    ///
    /// # Errors
    /// As [`Client::poll_reply`]; also where it does not come in time.
    pub fn await_reply(&mut self) -> Result<Value<'_>, Error> {
        let wait = self.timeout;
        match self.poll_reply(wait)? {
            Some(reply) => parse(reply).ok_or_else(|| Error::Protocol("a reply is no RESP".to_owned())),
            None => Err(late(wait)),
        }
    }

    /// The next reply, which is due and must be none of the server's errors.
    ///
    /// # Errors
    /// As [`Client::await_reply`], and what the server complains of.
    pub fn expect(&mut self) -> Result<Value<'_>, Error> {
        match self.await_reply()? {
            Value::Error(text) => Err(Error::Server(ServerError::new(text))),
            value => Ok(value),
        }
    }

    /// Sends one command and waits for its reply.
    ///
    /// # Errors
    /// As [`Client::expect`].
    pub fn call(&mut self, parts: &[&[u8]]) -> Result<Value<'_>, Error> {
        self.send(&Commands::one(parts))?;
        self.expect()
    }
}

fn late(wait: Duration) -> Error {
    let text = format!("no reply within {} ms", wait.as_millis());
    Error::Io("read from", io::Error::new(io::ErrorKind::TimedOut, text))
}

/// A client that is connected when it is needed, and anew after a failure.
#[derive(Debug)]
pub struct Link {
    server: Server,
    client: Option<Client>,
}

impl Link {
    /// Not connected yet.
    pub fn new(server: Server) -> Self {
        Self { server, client: None }
    }

    /// Where it leads.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Whether there is a connection.
    pub fn is_open(&self) -> bool {
        self.client.is_some()
    }

    /// The client, connected now if it is not.
    ///
    /// # Errors
    /// When that cannot be.
    pub fn client(&mut self) -> Result<&mut Client, Error> {
        let client = match self.client.take() {
            Some(client) => client,
            None => Client::open(&self.server)?,
        };
        Ok(self.client.insert(client))
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        self.client = None;
    }

    /// Closes the connection and says what the error means.
    pub fn failed(&mut self, error: &Error) -> Failure {
        self.close();
        error.failure(&self.server.address)
    }

    /// Tries to connect, at the start of a task. A server that is down may come back, so only what can never work is a
    /// failure.
    ///
    /// # Errors
    /// What no retry cures.
    pub fn begin(&mut self) -> Result<(), Failure> {
        let Err(error) = self.client() else { return Ok(()) };
        match self.failed(&error) {
            Failure::Retriable(retry) => {
                log::warn!("{}; the task starts, and tries again", retry.reason);
                Ok(())
            }
            failure => Err(failure),
        }
    }
}
