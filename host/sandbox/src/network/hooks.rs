//! `wasi:http` outgoing: every request goes through the gate.

use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;

use http::{HeaderName, Request, Response};
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};
use wharf_egress::http::{Bounds, HttpError, is_forbidden};
use wharf_egress::{EgressError, Gate};

/// What wasmtime-wasi-http asks.
pub(crate) struct Hooks(pub(super) Gate);

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Box<dyn Future<Output = Result<(Response<WasiBody>, Io), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| is_forbidden(name))
    }

    fn send_request(&mut self, request: Request<WasiBody>, options: Option<RequestOptions>, _: Io) -> Sent {
        let (gate, options) = (self.0.clone(), options.unwrap_or_default());
        let bounds = Bounds {
            connect: options.connect_timeout,
            first_byte: options.first_byte_timeout,
            between_bytes: options.between_bytes_timeout,
            // What a guest reads it holds in its own memory, which is bounded.
            response_bytes: None,
        };
        Box::new(async move {
            let response = gate.send(request, bounds).await.map_err(told)?;
            let io: Io = Box::new(std::future::ready(Ok(())));
            Ok((response.map(|body| body.map_err(told).boxed_unsync()), io))
        })
    }
}

/// In the words of `wasi:http`. Those that have no words of their own come as text, as that is what the guest shows.
fn told(error: HttpError) -> Error {
    match error {
        HttpError::Egress(EgressError::Denied(_)) | HttpError::Request(_) => Error::HttpRequestDenied,
        HttpError::Egress(EgressError::Quota(_)) => Error::ConnectionLimitReached,
        HttpError::Egress(EgressError::NotFound(_)) => {
            Error::DnsError { rcode: Some("NXDOMAIN".into()), info_code: None }
        }
        HttpError::Egress(EgressError::Refused(_)) => Error::ConnectionRefused,
        HttpError::Egress(EgressError::Unreachable(..)) => Error::DestinationUnavailable,
        HttpError::Egress(EgressError::TimedOut(..)) => Error::ConnectionTimeout,
        HttpError::Egress(EgressError::Closed(..)) => Error::ConnectionTerminated,
        HttpError::Egress(EgressError::Tls(_, why)) if why.contains("certificate") => Error::TlsCertificateError,
        HttpError::Egress(EgressError::Tls(..)) => Error::TlsProtocolError,
        HttpError::Egress(EgressError::Invalid(_)) | HttpError::Url(_) => Error::HttpRequestUriInvalid,
        HttpError::FirstByte(_) => Error::HttpResponseTimeout,
        HttpError::BetweenBytes(_) => Error::ConnectionReadTimeout,
        HttpError::TooLarge(most) => Error::HttpResponseBodySize(Some(most)),
        error @ (HttpError::Body(_) | HttpError::Protocol(_)) => {
            tracing::debug!(%error, source = ?error.source(), "an HTTP request of a plugin failed");
            Error::HttpProtocolError
        }
    }
}
