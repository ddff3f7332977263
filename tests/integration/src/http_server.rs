//! An HTTP server that answers as a test tells it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method and path.
    pub line: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body; what is no UTF-8 in it is replaced.
    pub body: String,
    /// The body as it came.
    pub bytes: Vec<u8>,
}

/// A server that keeps the requests it has seen. It runs until the test ends.
#[derive(Debug)]
pub struct HttpServer {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl HttpServer {
    /// Starts one. `judge` is given a request and how many came before it, and answers with status line, headers and
    /// body: `200 OK\r\n\r\n`.
    #[track_caller]
    pub fn start(judge: impl Fn(&Seen, usize) -> String + Send + Sync + 'static) -> Self {
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|it| Ok((it.local_addr()?, it)));
        let (address, listener) = bound.unwrap_or_else(|error| panic!("listen: {error}"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (judge, keep) = (Arc::new(judge), seen.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (judge, keep) = (judge.clone(), keep.clone());
                thread::spawn(move || serve(&stream, &*judge, &keep).ok());
            }
        });
        Self { address: address.to_string(), seen }
    }

    /// `http://127.0.0.1:port`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come so far.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).clone()
    }
}

fn lock(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request for each connection.
fn serve(
    stream: &TcpStream,
    judge: &(impl Fn(&Seen, usize) -> String + ?Sized),
    keep: &Mutex<Vec<Seen>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let line = line.trim_end_matches(" HTTP/1.1\r\n").to_owned();
    let mut seen = Seen { line, headers: Vec::new(), body: String::new(), bytes: Vec::new() };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        let name = name.to_ascii_lowercase();
        if name == "content-length" {
            length = value.parse().unwrap_or(0);
        }
        seen.headers.push((name, value.to_owned()));
    }
    reader.take(length).read_to_end(&mut seen.bytes)?;
    seen.body = String::from_utf8_lossy(&seen.bytes).into_owned();
    let answer = {
        let mut all = lock(keep);
        let answer = judge(&seen, all.len());
        all.push(seen);
        answer
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let length = body.len();
    write!(&mut &*stream, "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}
