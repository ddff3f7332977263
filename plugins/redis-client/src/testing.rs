//! A real redis-server for tests, on a free port and in a directory of its own.

#![expect(clippy::panic, reason = "what helps a test fails it by panicking")]

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running server. It ends with this value.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    dir: TempDir,
    options: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts a server; fails the test where that cannot be.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts a server with further options: `["--requirepass", "secret"]`.
    #[track_caller]
    pub fn with(options: &[&str]) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.unwrap_or_else(|error| panic!("find a free port: {error}")).port();
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("make a directory: {error}"));
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self { port, dir, options, child: None };
        server.start_again();
        server
    }

    /// Starts it on the port and the files that it had.
    #[track_caller]
    pub fn start_again(&mut self) {
        let child = Command::new("redis-server")
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "always", "--daemonize", "no", "--loglevel", "warning"])
            .arg("--dir")
            .arg(self.dir.path())
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| {
            panic!("start redis-server: {error}; these tests need it: run `apt-get install redis-server`")
        }));
        let deadline = Instant::now() + Duration::from_secs(30);
        while !self.is_ready() {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none() && Instant::now() < deadline, "redis-server does not come up: {ended:?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn is_ready(&self) -> bool {
        // Whatever it answers, it has loaded its data once it does not say LOADING.
        let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) else { return false };
        let mut answer = [0; 8];
        let asked = stream.write_all(b"PING\r\n").and_then(|()| std::io::Read::read(&mut stream, &mut answer));
        asked.is_ok_and(|read| read > 0) && !answer.starts_with(b"-LOADING")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }

    /// `127.0.0.1:port`
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// What `redis-cli` answers, a program that shares no code with what is tested; without the last line's end.
    #[track_caller]
    pub fn cli(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        let output = command.args(["-p", &self.port.to_string()]).args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("run redis-cli: {error}; it comes with redis-server"));
        assert!(output.status.success(), "redis-cli {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_owned()
    }

    /// As [`RedisServer::cli`], line by line.
    #[track_caller]
    pub fn lines(&self, arguments: &[&str]) -> Vec<String> {
        self.cli(arguments).lines().map(str::to_owned).collect()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
