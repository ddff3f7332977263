//! Downloads for the worker itself: a plugin from a registry.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::LOCATION;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};

use super::{Bounds, HttpError};
use crate::ceiling::Ceiling;
use crate::endpoint::{self, EndpointError};
use crate::gate::{Gate, GateOptions};
use crate::quota::Quotas;
use crate::tls::TlsClient;

/// Redirects that are followed, where they are.
const REDIRECTS: usize = 5;

/// Why nothing was downloaded.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The URL is none.
    #[error("download {url}: it {error}")]
    Url {
        /// What was written.
        url: String,
        /// What is wrong with it.
        error: EndpointError,
    },
    /// The ceiling, the network or the other side.
    #[error("download {url}: {error}")]
    Http {
        /// What was asked for.
        url: String,
        /// Why it did not come.
        error: HttpError,
    },
    /// Another answer than 200.
    #[error("download {url}: the server answered {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// What was answered.
        status: StatusCode,
    },
    /// A redirect that is not followed.
    #[error("download {url}: it redirects to {to}, which is not followed: {why}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// Where it points.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// It took too long.
    #[error("download {url}: it took longer than {seconds} s")]
    TimedOut {
        /// What was asked for.
        url: String,
        /// The most.
        seconds: u64,
    },
}

/// Downloads what an operator asks for, under the ceiling that holds for connectors too.
#[derive(Debug, Clone)]
pub struct Fetcher {
    /// What may be reached.
    pub ceiling: Arc<Ceiling>,
    /// Whom to trust.
    pub tls: TlsClient,
    /// How long a whole download may take.
    pub timeout: Duration,
    /// Whether redirects are followed, at most five and never from `https` to `http`. What is checked by its digest or
    /// signature afterwards may come from anywhere.
    pub redirects: bool,
}

impl Fetcher {
    /// Downloads `url`, at most `max_bytes` of it.
    ///
    /// # Errors
    /// With the URL and the reason.
    pub async fn get(&self, url: &str, max_bytes: u64) -> Result<Bytes, FetchError> {
        let late = |_| FetchError::TimedOut { url: url.to_owned(), seconds: self.timeout.as_secs() };
        tokio::time::timeout(self.timeout, self.follow(url, max_bytes)).await.map_err(late)?
    }

    async fn follow(&self, url: &str, max_bytes: u64) -> Result<Bytes, FetchError> {
        let mut url = url.to_owned();
        for _ in 0..=REDIRECTS {
            match self.once(&url, max_bytes).await? {
                Ok(body) => return Ok(body),
                Err(to) if !self.redirects => {
                    return Err(FetchError::Redirect { url, to, why: "write that URL" });
                }
                Err(to) if url.starts_with("https:") && !to.starts_with("https:") => {
                    return Err(FetchError::Redirect { url, to, why: "it leads away from https" });
                }
                Err(to) => url = to,
            }
        }
        Err(FetchError::Redirect { to: url.clone(), url, why: "there were more than five" })
    }

    /// The body, or where it is.
    async fn once(&self, url: &str, max_bytes: u64) -> Result<Result<Bytes, String>, FetchError> {
        let failed = |error| FetchError::Http { url: url.to_owned(), error };
        let endpoints = endpoint::parse(url).map_err(|error| FetchError::Url { url: url.to_owned(), error })?;
        let gate = Gate::new(GateOptions {
            endpoints,
            ceiling: self.ceiling.clone(),
            quotas: Quotas::default(),
            tls: self.tls.clone(),
            ..GateOptions::default()
        });
        let request = Request::get(url).body(Empty::<Bytes>::new());
        let request = request.map_err(|_| failed(HttpError::Url("cannot be read")))?;
        let bounds = Bounds { response_bytes: Some(max_bytes), ..Bounds::default() };
        let response = gate.send(request, bounds).await.map_err(failed)?;
        let status = response.status();
        if status.is_redirection()
            && let Some(to) = response.headers().get(LOCATION).and_then(|to| to.to_str().ok())
        {
            let base = url::Url::parse(url).and_then(|base| base.join(to));
            return base.map(|to| Err(to.into())).map_err(|_| failed(HttpError::Url("redirects to what is no URL")));
        }
        if status != StatusCode::OK {
            return Err(FetchError::Status { url: url.to_owned(), status });
        }
        let mut body = response.into_body();
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(failed)?.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        Ok(Ok(bytes.freeze()))
    }
}
