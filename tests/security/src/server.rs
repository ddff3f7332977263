//! Somebody on the network.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// A server on loopback that answers every connection with the same, and counts them. It ends with the test program.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
}

impl Server {
    /// Listens on this address, such as `127.0.0.2:0`, and sends `answer` to whoever has said something.
    #[track_caller]
    pub fn start(address: &str, answer: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap_or_else(|error| panic!("listen on {address}: {error}"));
        let address = listener.local_addr().unwrap_or_else(|error| panic!("find the port: {error}"));
        let (connections, answer) = (Arc::new(AtomicU32::new(0)), answer.to_owned());
        let counter = connections.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                // The other side may go at any time.
                thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                        stream.write_all(answer.as_bytes()).ok();
                    }
                });
            }
        });
        Self { address, connections }
    }

    /// `ip:port`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections reached it.
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }
}
