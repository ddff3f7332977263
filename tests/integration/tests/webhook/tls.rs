//! The listener over TLS.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;
use wharf_integration::{Setup, Worker, write};

fn client(certificate: CertificateDer<'static>, address: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, TcpStream::connect(address).unwrap())
}

#[test]
fn with_a_certificate_the_listener_speaks_tls_and_nothing_else() {
    let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let address = Worker::free_address();
    let config = format!(
        "[ingest]\nlisten = \"{address}\"\ntls-certificate = \"{{files}}/cert.pem\"\ntls-key = \"{{files}}/key.pem\"\n"
    );
    let mut worker = Setup::bare().plugin("webhook-source").config(&config).prepare();
    write(&worker.path("cert.pem"), pair.cert.pem());
    let refused = worker.refuse_to_start();
    assert!(refused.stderr.contains("key.pem"), "{}", refused.stderr);

    write(&worker.path("key.pem"), pair.signing_key.serialize_pem());
    worker.start_again();
    worker.create("hook", json!({"connector.class": "webhook-source", "topic": "hook"}));
    worker.wait_for_state("hook", "RUNNING");

    let request = b"POST /ingest/hook HTTP/1.1\r\nhost: localhost\r\ncontent-length: 3\r\nconnection: close\r\n\r\nabc";
    worker.wait_until("a request over TLS is taken", || {
        let mut stream = client(pair.cert.der().clone(), &address);
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        // The worker may close without a farewell.
        stream.read_to_end(&mut answer).ok();
        answer.starts_with(b"HTTP/1.1 204")
    });

    let mut plain = TcpStream::connect(&address).unwrap();
    plain.write_all(request).unwrap();
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).ok();
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
    assert!(worker.terminate().success());
    assert_eq!(worker.topic("hook"), b"abc\n");
}
