//! Against servers on loopback, which say what they are told to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use http_body_util::{BodyExt as _, Full};
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, pem::PemObject as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::gate::GateOptions;
use crate::quota::Quotas;
use crate::tls::{TlsClient, TlsFiles, TrustRoots};
use crate::{Ceiling, Received, connection::Tls, endpoint::parse_list};

/// Reads until the head of a request is there.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A server that gives each request of a connection the next of `answers`, the last for ever. Counts connections, keeps
/// heads.
struct Server {
    port: u16,
    connections: Arc<AtomicUsize>,
    heads: Arc<std::sync::Mutex<Vec<String>>>,
}

async fn server(answer: &'static str) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server =
        Server { port: listener.local_addr().unwrap().port(), connections: Arc::default(), heads: Arc::default() };
    let (connections, heads) = (server.connections.clone(), server.heads.clone());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Relaxed);
            let heads = heads.clone();
            tokio::spawn(async move {
                while let Some(head) = head(&mut stream).await {
                    heads.lock().unwrap().push(head);
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    server
}

fn gate(endpoints: &str, quotas: Quotas) -> Gate {
    Gate::new(GateOptions {
        endpoints: parse_list(endpoints).unwrap(),
        ceiling: Arc::new(Ceiling { loopback: true, ..Ceiling::default() }),
        quotas,
        ..GateOptions::default()
    })
}

fn get(url: &str) -> Request<Full<Bytes>> {
    Request::get(url).body(Full::default()).unwrap()
}

async fn text(response: Response<ResponseBody>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

#[tokio::test]
async fn a_request_goes_to_the_host_and_says_so() {
    let server = server(OK).await;
    let url = format!("http://127.0.0.1:{}/a?b", server.port);
    let gate = gate(&url, Quotas::default());
    let mut request = get(&url);
    request.headers_mut().insert(HOST, "evil.example".parse().unwrap());
    request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
    let response = gate.send(request, Bounds::default()).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await, "hi");
    let head = server.heads.lock().unwrap().remove(0).to_ascii_lowercase();
    assert!(head.starts_with("get /a?b http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: 127.0.0.1:{}\r\n", server.port)) && !head.contains("evil"), "{head}");
    assert!(head.contains("authorization: bearer x"), "{head}");
}

#[tokio::test]
async fn a_connection_whose_answer_was_read_is_used_again_by_its_own_gate_only() {
    let server = server(OK).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let (one, other) = (gate(&url, Quotas::default()), gate(&url, Quotas::default()));
    for _ in 0..3 {
        text(one.send(get(&url), Bounds::default()).await.unwrap()).await;
    }
    assert_eq!(server.connections.load(Relaxed), 1);
    text(other.send(get(&url), Bounds::default()).await.unwrap()).await;
    assert_eq!(server.connections.load(Relaxed), 2);
    // An answer that was not read to its end takes its connection with it.
    drop(one.send(get(&url), Bounds::default()).await.unwrap());
    text(one.send(get(&url), Bounds::default()).await.unwrap()).await;
    assert_eq!(server.connections.load(Relaxed), 3);
    one.close();
    assert!(one.send(get(&url), Bounds::default()).await.is_err());
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_connected_to_again() {
    let server = server("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi").await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let gate = gate(&url, Quotas::default());
    for _ in 0..3 {
        assert_eq!(text(gate.send(get(&url), Bounds::default()).await.unwrap()).await, "hi");
    }
    assert_eq!(server.connections.load(Relaxed), 3);
}

#[tokio::test]
async fn a_redirect_is_handed_on_and_the_next_request_is_judged_anew() {
    let server = server("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n").await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let gate = gate(&url, Quotas::default());
    let response = gate.send(get(&url), Bounds::default()).await.unwrap();
    assert_eq!(response.status(), 302);
    let denied = gate.send(get("http://169.254.169.254/"), Bounds::default()).await.unwrap_err();
    assert!(matches!(denied, HttpError::Egress(EgressError::Denied(_))), "{denied:?}");
    assert_eq!(server.connections.load(Relaxed), 1);
}

#[tokio::test]
async fn requests_under_way_are_counted_until_their_answers_are_read() {
    let server = server(OK).await;
    let url = format!("http://127.0.0.1:{}/", server.port);
    let gate = gate(&url, Quotas { http_requests: 1, ..Quotas::default() });
    let held = {
        // Its body is not at its end: the answer has another byte to come.
        let long = self::server("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhi").await;
        let url = format!("http://127.0.0.1:{}/", long.port);
        let gate = self::gate(&url, Quotas { http_requests: 1, ..Quotas::default() });
        let held = gate.send(get(&url), Bounds::default()).await.unwrap();
        let full = gate.send(get(&url), Bounds::default()).await.unwrap_err();
        assert!(matches!(full, HttpError::Egress(EgressError::Quota(_))), "{full:?}");
        drop(held);
        gate.send(get(&url), Bounds::default()).await.unwrap()
    };
    drop(held);
    text(gate.send(get(&url), Bounds::default()).await.unwrap()).await;
    text(gate.send(get(&url), Bounds::default()).await.unwrap()).await;
}

#[tokio::test]
async fn an_answer_that_does_not_begin_pauses_or_never_ends_is_given_up() {
    let short = Quotas { http_timeout: Duration::from_millis(50), ..Quotas::default() };
    for (answer, expected) in [
        ("", "no answer within"),
        ("HTTP/1.1 200 OK\r\nslow: ", "no answer within"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi", "paused for longer"),
        ("HTTP/1.1 200 OK\r\n\r\nmore and more", "more than 5 bytes"),
        ("SSH-2.0-OpenSSH\r\n\r\n", "speak HTTP"),
    ] {
        let server = server(answer).await;
        let url = format!("http://127.0.0.1:{}/", server.port);
        // Asked for longer than is allowed.
        let hour = Some(Duration::from_secs(3600));
        let bounds = Bounds { first_byte: hour, between_bytes: hour, response_bytes: Some(5), connect: hour };
        let failed = match gate(&url, short.clone()).send(get(&url), bounds).await {
            Err(error) => error,
            Ok(response) => response.into_body().collect().await.unwrap_err(),
        };
        assert!(failed.to_string().contains(expected), "{answer}: {failed}");
    }
}

#[tokio::test]
async fn endless_headers_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream
            .write_all(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n")
            .await
            .is_ok()
        {}
    });
    let failed = gate(&url, Quotas::default()).send(get(&url), Bounds::default()).await.unwrap_err();
    assert!(matches!(failed, HttpError::Protocol(_)), "{failed:?}");
}

struct Tlsd {
    port: u16,
    ca: Vec<u8>,
}

/// A TLS server for `name` that answers each line-less request head with `OK`, or without a head echoes.
async fn tls_server(name: &str, wants_client: Option<&[u8]>) -> Tlsd {
    let own = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.signing_key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match wants_client {
        None => builder.with_no_client_auth(),
        Some(pem) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(rustls_pki_types::CertificateDer::from_pem_slice(pem).unwrap()).unwrap();
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder.with_single_cert(vec![own.cert.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                while head(&mut stream).await.is_some() {
                    stream.write_all(OK.as_bytes()).await.unwrap();
                    stream.flush().await.unwrap();
                }
            });
        }
    });
    Tlsd { port, ca: own.cert.pem().into_bytes() }
}

fn tls_gate(endpoints: &str, own: &TlsFiles) -> Gate {
    Gate::new(GateOptions {
        endpoints: parse_list(endpoints).unwrap(),
        ceiling: Arc::new(Ceiling { loopback: true, ..Ceiling::default() }),
        tls: TlsClient::new(&TrustRoots::new(false, &[]).unwrap(), own).unwrap(),
        ..GateOptions::default()
    })
}

#[tokio::test]
async fn https_trusts_what_the_connector_brings_and_nobody_else() {
    let server = tls_server("127.0.0.1", None).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    let trusting = tls_gate(&url, &TlsFiles { ca: Some(server.ca.clone()), ..TlsFiles::default() });
    assert_eq!(text(trusting.send(get(&url), Bounds::default()).await.unwrap()).await, "hi");
    // Another connector does not profit from it.
    let failed = tls_gate(&url, &TlsFiles::default()).send(get(&url), Bounds::default()).await.unwrap_err();
    assert!(matches!(failed, HttpError::Egress(EgressError::Tls(..))), "{failed:?}");
    // Plain HTTP to an https endpoint is another scheme.
    let plain = get(&format!("http://127.0.0.1:{}/", server.port));
    assert!(trusting.send(plain, Bounds::default()).await.is_err());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let server = tls_server("other.example", None).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    let gate = tls_gate(&url, &TlsFiles { ca: Some(server.ca.clone()), ..TlsFiles::default() });
    let failed = gate.send(get(&url), Bounds::default()).await.unwrap_err();
    assert!(matches!(failed, HttpError::Egress(EgressError::Tls(..))), "{failed:?}");
    // Unless it is asked for by that name.
    let tls = Tls { server_name: Some("other.example".to_owned()), alpn: vec![] };
    let wait = Duration::from_secs(5);
    let mut connection = gate.connect("127.0.0.1", server.port, Some(tls), wait).await.unwrap();
    connection.write(b"GET / HTTP/1.1\r\n\r\n", wait).await.unwrap();
    assert!(matches!(connection.read(100, wait).await, Ok(Received::Data(data)) if data.starts_with(b"HTTP/1.1 200")));
}

#[tokio::test]
async fn a_connector_appears_with_its_own_certificate() {
    let client = rcgen::generate_simple_self_signed(vec!["client".to_owned()]).unwrap();
    let server = tls_server("127.0.0.1", Some(client.cert.pem().as_bytes())).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    let nobody = TlsFiles { ca: Some(server.ca.clone()), ..TlsFiles::default() };
    let somebody = TlsFiles {
        certificate: Some(client.cert.pem().into_bytes()),
        key: Some(client.signing_key.serialize_pem().into_bytes()),
        ..nobody.clone()
    };
    assert_eq!(text(tls_gate(&url, &somebody).send(get(&url), Bounds::default()).await.unwrap()).await, "hi");
    assert!(tls_gate(&url, &nobody).send(get(&url), Bounds::default()).await.is_err());
}

#[tokio::test]
async fn a_connection_goes_on_in_tls_where_it_began_in_clear() {
    let server = tls_server("127.0.0.1", None).await;
    let gate = tls_gate(
        &format!("127.0.0.1:{}", server.port),
        &TlsFiles { ca: Some(server.ca.clone()), ..TlsFiles::default() },
    );
    let wait = Duration::from_secs(5);
    let mut connection = gate.connect("127.0.0.1", server.port, None, wait).await.unwrap();
    connection.start_tls(Tls::default(), wait).await.unwrap();
    assert!(matches!(connection.start_tls(Tls::default(), wait).await, Err(EgressError::Invalid(_))));
    assert_eq!(connection.read(10, Duration::from_millis(1)).await, Ok(Received::Nothing));
    connection.write(b"GET / HTTP/1.1\r\n\r\n", wait).await.unwrap();
    assert!(matches!(connection.read(10, wait).await, Ok(Received::Data(data)) if data.len() <= 10));
    connection.finish(wait).await.unwrap();
}

#[tokio::test]
async fn a_connection_reads_what_is_there_and_sees_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let echo = tokio::spawn(async move {
        let (mut stream, _): (TcpStream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(&all).await.unwrap();
    });
    let gate = gate(&format!("127.0.0.1:{port}"), Quotas { sockets: 1, ..Quotas::default() });
    let wait = Duration::from_secs(5);
    let mut connection = gate.connect("127.0.0.1", port, None, wait).await.unwrap();
    assert!(matches!(gate.connect("127.0.0.1", port, None, wait).await, Err(EgressError::Quota(_))));
    connection.write(b"hello", wait).await.unwrap();
    connection.finish(wait).await.unwrap();
    let mut seen = Vec::new();
    while let Received::Data(data) = connection.read(2, wait).await.unwrap() {
        assert!((1..=2).contains(&data.len()));
        seen.extend(data);
    }
    assert_eq!(seen, b"hello");
    echo.await.unwrap();
    drop(connection);
    assert!(matches!(gate.connect("127.0.0.1", port, None, wait).await, Err(EgressError::Refused(_))));
    assert!(matches!(gate.connect("127.0.0.1", 1, None, wait).await, Err(EgressError::Denied(_))));
}

#[tokio::test]
async fn a_download_is_bounded_and_follows_only_where_it_may() {
    let target = server(OK).await;
    let to = format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{}/x\r\ncontent-length: 0\r\n\r\n", target.port);
    let first = server(Box::leak(to.into_boxed_str())).await;
    let url = format!("http://127.0.0.1:{}/", first.port);
    let fetcher = Fetcher {
        ceiling: Arc::new(Ceiling { loopback: true, ..Ceiling::default() }),
        tls: TlsClient::default(),
        timeout: Duration::from_secs(5),
        redirects: true,
    };
    assert_eq!(fetcher.get(&url, 2).await.unwrap(), "hi");
    assert!(fetcher.get(&url, 1).await.unwrap_err().to_string().contains("more than 1 bytes"));
    let strict = Fetcher { redirects: false, ..fetcher.clone() };
    assert!(strict.get(&url, 2).await.unwrap_err().to_string().contains("not followed"));
    let shut = Fetcher { ceiling: Arc::default(), ..fetcher };
    assert!(shut.get(&url, 2).await.unwrap_err().to_string().contains("loopback"));
}
