//! Fetching plugins over HTTPS, with the system's trust roots; over HTTP from this machine only.
//!
//! One request, one connection, no redirects, no proxy. Addresses that are only meant for the machine itself, as those of
//! clouds' metadata services, are never connected to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Body as _;
use hyper::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use wharf_registry::{Fetch, FetchError};

/// For all of it: the name, the connection, the answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Fetches with the worker's own rights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HttpsFetch;

#[async_trait]
impl Fetch for HttpsFetch {
    async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Bytes, FetchError> {
        let late = |_| Err(failed(format!("it took longer than {} s", TIMEOUT.as_secs())));
        tokio::time::timeout(TIMEOUT, get(url, max_bytes)).await.unwrap_or_else(late)
    }
}

fn failed(why: impl Into<String>) -> FetchError {
    FetchError::Failed(why.into())
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn get(url: &str, max: u64) -> Result<Bytes, FetchError> {
    let uri: Uri = url.parse().map_err(|error| failed(format!("it is no URL: {error}")))?;
    let is_tls = uri.scheme_str() == Some("https");
    let host = uri.host().ok_or_else(|| failed("it names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = connect(&host, port, is_tls).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(format!("the server does not speak HTTP: {error}")))?;
    // Ends with the connection, which ends with `sender`.
    tokio::spawn(async move { drop(connection.await) });
    let path = uri.path_and_query().map_or("/", |it| it.as_str());
    let authority = uri.authority().map(|it| it.as_str()).unwrap_or_default();
    let request = Request::get(path)
        .header(HOST, authority)
        .header(ACCEPT, "*/*")
        .header(USER_AGENT, concat!("wharf/", env!("CARGO_PKG_VERSION")))
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(format!("it cannot be asked for: {error}")))?;
    let response = sender.send_request(request).await.map_err(|error| failed(format!("no answer: {error}")))?;
    let status = response.status();
    match status {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::GONE => return Err(FetchError::NotFound),
        _ if status.is_redirection() => {
            let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok()).unwrap_or("nowhere");
            return Err(failed(format!("it leads on to {location}, and redirects are not followed: give that URL")));
        }
        _ => return Err(failed(format!("the server answered {status}"))),
    }
    read(response.into_body(), max).await
}

async fn read(mut body: hyper::body::Incoming, max: u64) -> Result<Bytes, FetchError> {
    if body.size_hint().lower() > max {
        return Err(FetchError::TooLarge(max));
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| failed(format!("the answer broke off: {error}")))?;
        if let Some(data) = frame.data_ref() {
            if (whole.len() + data.len()) as u64 > max {
                return Err(FetchError::TooLarge(max));
            }
            whole.extend_from_slice(data);
        }
    }
    Ok(whole.freeze())
}

async fn connect(host: &str, port: u16, is_tls: bool) -> Result<Box<dyn Stream>, FetchError> {
    let found = tokio::net::lookup_host((host, port)).await;
    let found = found.map_err(|error| failed(format!("the host {host} is not known: {error}")))?;
    let may = |address: &SocketAddr| !is_never(address.ip()) && (is_tls || address.ip().is_loopback());
    let addresses: Vec<SocketAddr> = found.filter(may).collect();
    if addresses.is_empty() {
        return Err(failed(format!("no address of {host} may be connected to")));
    }
    let tcp = TcpStream::connect(addresses.as_slice()).await;
    let tcp = tcp.map_err(|error| failed(format!("{host} does not answer: {error}")))?;
    if !is_tls {
        return Ok(Box::new(tcp));
    }
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(format!("{host} is no name: {error}")))?;
    let tls = TlsConnector::from(config().await?).connect(name, tcp).await;
    Ok(Box::new(tls.map_err(|error| failed(format!("the server {host} cannot be trusted: {error}")))?))
}

/// Link-local addresses, where clouds answer with a machine's own credentials, and no addresses at all.
fn is_never(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => {
            // The second is where one cloud answers over IPv6.
            ip.is_unicast_link_local() || ip.segments() == [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] || ip.is_unspecified()
        }
    }
}

/// Read anew for each installation: the roots may have been changed.
async fn config() -> Result<Arc<ClientConfig>, FetchError> {
    let loaded = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
    let loaded = loaded.map_err(|error| failed(format!("load the trust roots: {error}")))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    if added == 0 {
        return Err(failed("this machine has no trust roots: install its CA certificates"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(format!("set up TLS: {error}")))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers once, with these bytes.
    async fn server(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/a.wasm", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /a.wasm HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        url
    }

    #[tokio::test]
    async fn a_body_is_fetched_within_its_limit() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbytes").await;
        assert_eq!(HttpsFetch.fetch(&url, 5).await.unwrap(), "bytes");
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbytes").await;
        assert_eq!(HttpsFetch.fetch(&url, 4).await, Err(FetchError::TooLarge(4)));
        // Without a length the bytes are counted as they come.
        let url = server("HTTP/1.1 200 OK\r\n\r\nbytes without an end").await;
        assert_eq!(HttpsFetch.fetch(&url, 4).await, Err(FetchError::TooLarge(4)));
    }

    #[tokio::test]
    async fn what_is_not_there_and_what_leads_on_is_told() {
        let url = server("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(HttpsFetch.fetch(&url, 9).await, Err(FetchError::NotFound));
        let url = server("HTTP/1.1 302 Found\r\nlocation: https://x/y\r\ncontent-length: 0\r\n\r\n").await;
        let error = HttpsFetch.fetch(&url, 9).await.unwrap_err().to_string();
        assert!(error.contains("https://x/y"), "{error}");
    }

    #[test]
    fn a_clouds_metadata_is_never_asked() {
        for ip in ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::254", "0.0.0.0", "::"] {
            assert!(is_never(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["127.0.0.1", "::1", "93.184.216.34"] {
            assert!(!is_never(ip.parse().unwrap()), "{ip}");
        }
    }
}
