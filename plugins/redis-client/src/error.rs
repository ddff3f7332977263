//! What went wrong, and what it means for the task.

use std::fmt;
use std::io;

use wharf_sdk::{Failure, net};

/// What the server complains of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerError {
    /// The first word, such as `WRONGTYPE`; it is stable.
    pub code: String,
    /// All of it.
    pub message: String,
}

/// What kind of complaint it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The server cannot now: it loads, is full, is a replica that nobody has promoted yet.
    Passing,
    /// Who may do what: user, password, rights.
    Login,
    /// This is one node of a cluster, and the key is on another.
    Cluster,
    /// The consumer group is gone.
    NoGroup,
    /// The key holds something of another type.
    WrongType,
    /// Anything else: it is about this one command.
    Command,
}

impl ServerError {
    pub(crate) fn new(text: &[u8]) -> Self {
        let message = String::from_utf8_lossy(text).into_owned();
        let code = message.split(' ').next().unwrap_or_default().to_owned();
        Self { code, message }
    }

    /// What kind of complaint it is.
    pub fn kind(&self) -> Kind {
        match self.code.as_str() {
            "LOADING" | "BUSY" | "TRYAGAIN" | "MASTERDOWN" | "CLUSTERDOWN" | "OOM" | "MISCONF" | "READONLY"
            | "NOREPLICAS" | "UNBLOCKED" | "EXECABORT" => Kind::Passing,
            "NOAUTH" | "WRONGPASS" | "NOPERM" => Kind::Login,
            "MOVED" | "ASK" | "CROSSSLOT" => Kind::Cluster,
            "NOGROUP" => Kind::NoGroup,
            "WRONGTYPE" => Kind::WrongType,
            "ERR" if self.message.contains("max number of clients") => Kind::Passing,
            "ERR" if self.message.contains("AUTH") || self.message.contains("invalid password") => Kind::Login,
            _ => Kind::Command,
        }
    }
}

/// Why something could not be asked of the server.
#[derive(Debug)]
pub enum Error {
    /// The connection: what was to be done, and what the host says.
    Io(&'static str, io::Error),
    /// The server answered with an error.
    Server(ServerError),
    /// The server says what no Redis says.
    Protocol(String),
}

impl Error {
    /// What it means for a task that talks to `address`.
    pub fn failure(&self, address: &str) -> Failure {
        match self {
            Self::Io(what, error) => net::failure("redis.url", &format!("{what} {address}"), error),
            Self::Server(error) => {
                let reason = format!("{address} says: {}", error.message);
                match error.kind() {
                    Kind::Passing | Kind::NoGroup => Failure::retry(reason),
                    Kind::Login => Failure::config("redis.password", reason),
                    Kind::Cluster => Failure::config(
                        "redis.url",
                        format!("{reason}: Redis Cluster is not supported, name one server"),
                    ),
                    Kind::WrongType => {
                        Failure::config("mode", format!("{reason}: name keys of the type that `mode` is for"))
                    }
                    Kind::Command => Failure::fatal(reason),
                }
            }
            Self::Protocol(reason) => Failure::retry(format!("{address} does not speak as Redis does: {reason}")),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(what, error) => write!(f, "cannot {what} the server: {error}"),
            Self::Server(error) => f.write_str(&error.message),
            Self::Protocol(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_apart_by_what_helps() {
        for (text, kind) in [
            ("LOADING Redis is loading the dataset in memory", Kind::Passing),
            ("OOM command not allowed when used memory > 'maxmemory'.", Kind::Passing),
            ("ERR max number of clients reached", Kind::Passing),
            ("WRONGPASS invalid username-password pair or user is disabled.", Kind::Login),
            ("ERR AUTH <password> called without any password configured", Kind::Login),
            ("MOVED 3999 127.0.0.1:6381", Kind::Cluster),
            ("WRONGTYPE Operation against a key holding the wrong kind of value", Kind::WrongType),
            ("NOGROUP No such key 's' or consumer group 'g'", Kind::NoGroup),
            ("ERR value is not an integer or out of range", Kind::Command),
        ] {
            assert_eq!(ServerError::new(text.as_bytes()).kind(), kind, "{text}");
        }
    }
}
