//! A real redis-server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;

use crate::{ports, wait_until, write};

/// A redis-server on a free port, which keeps all that it was told on its disk. It ends with this value.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    tls: bool,
    dir: TempDir,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one.
    #[track_caller]
    pub fn start() -> Self {
        let mut server = Self::prepare();
        server.start_again();
        server
    }

    /// Makes its directory and finds its port, but does not start it: [`RedisServer::start_again`] does.
    #[track_caller]
    pub fn prepare() -> Self {
        let dir = TempDir::with_prefix("wharf-redis-").unwrap_or_else(|error| panic!("make a directory: {error}"));
        Self { port: ports::free(), tls: false, dir, child: None }
    }

    /// Starts one that speaks nothing but TLS, with a certificate for `localhost`; see [`RedisServer::ca_file`].
    #[track_caller]
    pub fn with_tls() -> Self {
        let mut server = Self::prepare();
        server.tls = true;
        server.make_certificates().unwrap_or_else(|error| panic!("make certificates: {error}"));
        server.start_again();
        server
    }

    fn make_certificates(&self) -> Result<(), rcgen::Error> {
        let ca_key = KeyPair::generate()?;
        let mut ca = CertificateParams::new(Vec::new())?;
        // Another name than the server's own certificate has, or else that would look as if it had signed itself.
        ca.distinguished_name.push(DnType::CommonName, "Wharf's test authority");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        write(&self.ca_file(), ca.self_signed(&ca_key)?.pem());
        let key = KeyPair::generate()?;
        let issuer = Issuer::new(ca, ca_key);
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &issuer)?;
        write(&self.file("cert.pem"), certificate.pem());
        write(&self.file("key.pem"), key.serialize_pem());
        Ok(())
    }

    /// The certificate of who signed the server's.
    pub fn ca_file(&self) -> PathBuf {
        self.file("ca.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts it on the port and with the data that it had, and waits until it is ready.
    #[track_caller]
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "the server runs already");
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--daemonize", "no", "--loglevel", "warning", "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]).arg("--dir").arg(self.dir.path());
        if self.tls {
            command.args(["--port", "0", "--tls-port", &port, "--tls-auth-clients", "no"]);
            command.arg("--tls-cert-file").arg(self.file("cert.pem")).arg("--tls-key-file").arg(self.file("key.pem"));
            command.arg("--tls-ca-cert-file").arg(self.ca_file());
        } else {
            command.args(["--port", &port]);
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        self.child = Some(child.unwrap_or_else(|error| {
            panic!("start redis-server: {error}; these tests need it: run `apt-get install redis-server`")
        }));
        wait_until("redis-server is ready", || {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "redis-server ended while it started: {ended:?}");
            self.is_ready()
        });
    }

    fn is_ready(&self) -> bool {
        if self.tls {
            return self.try_cli(&["PING"]).is_some_and(|answer| answer == "PONG");
        }
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return false };
        let mut answer = [0; 8];
        let asked = stream.write_all(b"PING\r\n").and_then(|()| stream.read(&mut answer));
        asked.is_ok_and(|read| read > 0) && answer.starts_with(b"+PONG")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// `redis://127.0.0.1:port`, or `rediss://localhost:port`.
    pub fn url(&self) -> String {
        let port = self.port;
        if self.tls { format!("rediss://localhost:{port}") } else { format!("redis://127.0.0.1:{port}") }
    }

    /// What `redis-cli` answers, without the last line's end.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> String {
        self.try_cli(arguments).unwrap_or_else(|| panic!("redis-cli {arguments:?} failed"))
    }

    fn try_cli(&self, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string()]);
        if self.tls {
            command.arg("--tls").arg("--cacert").arg(self.ca_file()).args(["-h", "localhost"]);
        }
        let output = command.args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("run redis-cli: {error}; it comes with redis-server"));
        let text = String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned();
        output.status.success().then_some(text)
    }

    /// Adds entries with these numbers to a stream, each in its field `value`.
    #[track_caller]
    pub fn add(&self, stream: &str, numbers: std::ops::Range<u64>) {
        let script = "for i = ARGV[1], ARGV[2] - 1 do redis.call('XADD', KEYS[1], '*', 'value', i) end";
        self.cli(&["EVAL", script, "1", stream, &numbers.start.to_string(), &numbers.end.to_string()]);
    }

    /// Appends elements with these numbers to a list.
    #[track_caller]
    pub fn push(&self, list: &str, numbers: std::ops::Range<u64>) {
        let script = "for i = ARGV[1], ARGV[2] - 1 do redis.call('RPUSH', KEYS[1], i) end";
        self.cli(&["EVAL", script, "1", list, &numbers.start.to_string(), &numbers.end.to_string()]);
    }

    /// The numbers in a list, in order.
    #[track_caller]
    pub fn numbers(&self, list: &str) -> Vec<u64> {
        let text = self.cli(&["LRANGE", list, "0", "-1"]);
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
