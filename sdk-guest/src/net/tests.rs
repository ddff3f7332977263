//! Connections over the native backend, against real sockets on loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread;
use std::time::Duration;

use super::*;

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(20);

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

#[test]
fn what_is_sent_is_received_and_the_end_is_seen() {
    let (listener, port) = listener();
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        stream.write_all(&all).unwrap();
    });
    let mut connection = connect("localhost", port, &Tls::Off, LONG).unwrap();
    assert_eq!(connection.receive(10, SOON).unwrap(), Received::Nothing);
    connection.set_timeouts(SOON, LONG);
    assert_eq!(connection.read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::TimedOut);
    let sent: Vec<u8> = (0..300_000_u32).map(|at| at as u8).collect();
    connection.write_all(&sent).unwrap();
    connection.finish().unwrap();
    connection.set_timeouts(LONG, LONG);
    let mut back = Vec::new();
    connection.read_to_end(&mut back).unwrap();
    assert!(back == sent);
    assert_eq!(connection.receive(10, LONG).unwrap(), Received::End);
    echo.join().unwrap();
}

#[test]
fn a_port_where_nobody_listens_is_refused_and_may_pass() {
    let (listener, port) = listener();
    drop(listener);
    let error = connect("127.0.0.1", port, &Tls::Off, LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(matches!(failure("url", "connect", &error), Failure::Retriable(_)));
}

#[test]
fn natively_there_is_no_tls_and_it_says_so() {
    let (listener, port) = listener();
    assert_eq!(connect("127.0.0.1", port, &Tls::on(), LONG).unwrap_err().kind(), ErrorKind::Unsupported);
    let mut plain = connect("127.0.0.1", port, &Tls::Off, LONG).unwrap();
    assert_eq!(plain.start_tls(&Tls::on(), LONG).unwrap_err().kind(), ErrorKind::Unsupported);
    plain.start_tls(&Tls::Off, LONG).unwrap();
    drop(listener);
}
