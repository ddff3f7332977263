//! Requests over the native backend, against a real socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};

use super::*;

/// Answers one request with `answer`; gives the request back once it has come up to `until`.
fn server(answer: &'static str, until: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(until.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(request).unwrap()
    });
    (url, served)
}

#[test]
fn a_request_goes_out_whole_and_its_answer_comes_back() {
    let (url, served) = server("HTTP/1.1 201 Created\r\nX-Id: 7\r\nContent-Length: 4\r\n\r\ndoneREST", "hello");
    let url = format!("{url}/a?b=c#fragment");
    let response = send(&Request::new("POST", &url).header("x-k", "v").body(b"hello")).unwrap();
    let expected = Response {
        status: 201,
        headers: vec![("x-id".into(), b"7".to_vec()), ("content-length".into(), b"4".to_vec())],
        body: b"done".to_vec(),
        truncated: false,
    };
    assert_eq!(response, expected);
    let request = served.join().unwrap();
    assert!(request.starts_with("POST /a?b=c HTTP/1.1\r\n") && request.contains("\r\nx-k: v\r\n"), "{request}");
    assert!(request.contains("\r\ncontent-length: 5\r\n"), "{request}");
}

#[test]
fn a_long_answer_is_cut_and_a_chunked_one_is_joined() {
    let (url, _served) = server("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n0123456789", "\r\n\r\n");
    let response = send(&Request::new("GET", url).max_body(4)).unwrap();
    assert_eq!((response.text().as_ref(), response.truncated), ("0123", true));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    let (url, _served) = server(chunked, "\r\n\r\n");
    let response = send(&Request::new("GET", url)).unwrap();
    assert_eq!((response.text().as_ref(), response.truncated), ("abcde", false));
}

#[test]
fn an_answer_that_ends_too_early_is_an_error() {
    for half in ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "HTTP/1.1 200 OK\r\nX: 1", ""] {
        let (url, _served) = server(half, "\r\n\r\n");
        assert_eq!(send(&Request::new("GET", url)).unwrap_err().kind(), ErrorKind::ConnectionReset, "{half}");
    }
}

#[test]
fn urls_are_taken_apart_and_wrong_ones_refused() {
    let url = Url::parse("HTTPS://h:1?q#f").unwrap();
    assert_eq!(url, Url { https: true, authority: "h:1", path_with_query: "/?q".into() });
    for wrong in ["h/a", "ftp://h/", "http:///a", "http://u:p@h/", "http://h/a b", "http://h/\r\nx: y", "http://h/ü"] {
        assert_eq!(send(&Request::new("GET", wrong)).unwrap_err().kind(), ErrorKind::InvalidInput, "{wrong}");
    }
}
