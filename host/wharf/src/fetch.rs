//! Fetching plugins for the registry, through the same gate as connectors: over HTTPS under the operator's ceiling, over
//! HTTP from this machine only.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hyper::StatusCode;
use wharf_egress::http::{Fetcher, HttpError};
use wharf_egress::{Ceiling, TlsClient, TlsFiles};
use wharf_registry::{Fetch, FetchError};
use wharf_sandbox::EgressPolicy;

/// For all of a download: the name, the connection, the answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Fetches what an operator asks for.
#[derive(Debug)]
pub(crate) struct Downloads {
    https: Fetcher,
    http: Fetcher,
}

impl Downloads {
    /// `follow`: whether redirects are, which never lead away from HTTPS.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(egress: &EgressPolicy, follow: bool) -> anyhow::Result<Self> {
        let tls = TlsClient::new(&egress.roots, &TlsFiles::default()).map_err(|(_, error)| error)?;
        let fetcher = |ceiling| Fetcher { ceiling, tls: tls.clone(), timeout: TIMEOUT, redirects: follow };
        let local = ["127.0.0.0/8", "[::1]"].iter().map(|rule| rule.parse()).collect::<Result<_, _>>()?;
        let local = Ceiling { allow: local, loopback: true, ..Ceiling::default() };
        Ok(Self { https: fetcher(egress.ceiling.clone()), http: fetcher(Arc::new(local)) })
    }
}

#[async_trait]
impl Fetch for Downloads {
    async fn fetch(&self, url: &str, max_bytes: u64) -> Result<Bytes, FetchError> {
        use wharf_egress::http::FetchError as Told;
        let fetcher = if url.starts_with("http://") { &self.http } else { &self.https };
        fetcher.get(url, max_bytes).await.map_err(|error| match error {
            Told::Status { status: StatusCode::NOT_FOUND | StatusCode::GONE, .. } => FetchError::NotFound,
            Told::Http { error: HttpError::TooLarge(most), .. } => FetchError::TooLarge(most),
            other => FetchError::Failed(other.to_string()),
        })
    }
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

    fn downloads() -> Downloads {
        Downloads::new(&EgressPolicy::default(), false).unwrap()
    }

    #[tokio::test]
    async fn a_body_is_fetched_within_its_limit() {
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbytes").await;
        assert_eq!(downloads().fetch(&url, 5).await.unwrap(), "bytes");
        let url = server("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nbytes").await;
        assert_eq!(downloads().fetch(&url, 4).await, Err(FetchError::TooLarge(4)));
        // Without a length the bytes are counted as they come.
        let url = server("HTTP/1.1 200 OK\r\n\r\nbytes without an end").await;
        assert_eq!(downloads().fetch(&url, 4).await, Err(FetchError::TooLarge(4)));
    }

    #[tokio::test]
    async fn what_is_not_there_and_what_leads_on_is_told() {
        let url = server("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(downloads().fetch(&url, 9).await, Err(FetchError::NotFound));
        let url = server("HTTP/1.1 302 Found\r\nlocation: https://x/y\r\ncontent-length: 0\r\n\r\n").await;
        let error = downloads().fetch(&url, 9).await.unwrap_err().to_string();
        assert!(error.contains("https://x/y"), "{error}");
    }

    #[tokio::test]
    async fn plain_http_is_for_this_machine_and_a_clouds_metadata_is_never_asked() {
        for url in
            ["http://10.0.0.1/a.wasm", "http://169.254.169.254/a", "https://169.254.169.254/a", "https://[fe80::1]/a"]
        {
            let error = downloads().fetch(url, 9).await.unwrap_err();
            assert!(
                matches!(&error, FetchError::Failed(why) if why.contains("address") || why.contains("allow")),
                "{error}"
            );
        }
    }
}
