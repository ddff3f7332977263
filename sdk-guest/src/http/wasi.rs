//! Requests in WebAssembly: `wasi:http`.

use std::io;
use std::time::{Duration, Instant};

use wasip2::clocks::monotonic_clock;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::StreamError;

use super::{Request, Response, Url};

/// How much of a body is read at once.
const PIECE: u64 = 64 * 1024;

pub(super) fn send(request: &Request<'_>, url: &Url<'_>) -> io::Result<Response> {
    let deadline = Deadline(Instant::now() + request.timeout);
    let outgoing = outgoing(request, url)?;
    let body = outgoing.body().map_err(|()| invalid("the request takes no body"))?;
    let options = RequestOptions::new();
    let nanos = u64::try_from(request.timeout.as_nanos()).unwrap_or(u64::MAX);
    // A host that cannot keep one of these times refuses it; the deadline here holds all the same.
    options.set_connect_timeout(Some(nanos)).ok();
    options.set_first_byte_timeout(Some(nanos)).ok();
    options.set_between_bytes_timeout(Some(nanos)).ok();
    let coming = handle(outgoing, Some(options)).map_err(|code| error(&code))?;
    let sent = write(body, request.body, &deadline);
    // A server may refuse a body before it has read it: its answer says more than the broken stream.
    let response = match (receive(&coming, &deadline), sent) {
        (Ok(response), _) => response,
        (Err(error), Ok(())) => return Err(error),
        (Err(error), Err(write)) if error.kind() == io::ErrorKind::TimedOut => return Err(write),
        (Err(error), Err(_)) => return Err(error),
    };
    read(response, request.max_body, &deadline)
}

fn outgoing(request: &Request<'_>, url: &Url<'_>) -> io::Result<OutgoingRequest> {
    let mut headers: Vec<(String, Vec<u8>)> =
        request.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect();
    // Without it the body would go out in chunks, which not every server takes.
    headers.push(("content-length".to_owned(), request.body.len().to_string().into_bytes()));
    let fields = Fields::from_list(&headers).map_err(|error| invalid(&format!("a header is not allowed: {error}")))?;
    let outgoing = OutgoingRequest::new(fields);
    let scheme = if url.https { Scheme::Https } else { Scheme::Http };
    let set = outgoing
        .set_method(&method(&request.method))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(Some(url.authority)))
        .and_then(|()| outgoing.set_path_with_query(Some(&url.path_with_query)));
    set.map_err(|()| invalid("the method or the URL is not allowed"))?;
    Ok(outgoing)
}

fn write(body: OutgoingBody, mut bytes: &[u8], deadline: &Deadline) -> io::Result<()> {
    let stream = body.write().map_err(|()| invalid("the request takes no body"))?;
    while !bytes.is_empty() {
        deadline.wait(&stream.subscribe())?;
        let room = stream.check_write().map_err(broken)?;
        let room = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        if !now.is_empty() {
            stream.write(now).map_err(broken)?;
        }
        bytes = later;
    }
    stream.flush().map_err(broken)?;
    deadline.wait(&stream.subscribe())?;
    stream.check_write().map_err(broken)?;
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|code| error(&code))
}

fn receive(coming: &FutureIncomingResponse, deadline: &Deadline) -> io::Result<IncomingResponse> {
    loop {
        match coming.get() {
            Some(Ok(response)) => return response.map_err(|code| error(&code)),
            Some(Err(())) => return Err(invalid("the response was taken already")),
            None => deadline.wait(&coming.subscribe())?,
        }
    }
}

fn read(response: IncomingResponse, max: usize, deadline: &Deadline) -> io::Result<Response> {
    let status = response.status();
    let headers = response.headers().entries();
    let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    let incoming: IncomingBody = response.consume().map_err(|()| invalid("the response was read already"))?;
    let stream = incoming.stream().map_err(|()| invalid("the response was read already"))?;
    let mut body = Vec::new();
    let truncated = loop {
        // One byte more than wanted tells whether there is more.
        let wanted = (max - body.len().min(max)) as u64 + 1;
        deadline.wait(&stream.subscribe())?;
        match stream.read(wanted.min(PIECE)) {
            Ok(piece) => body.extend_from_slice(&piece),
            Err(StreamError::Closed) => break false,
            Err(failed) => return Err(broken(failed)),
        }
        if body.len() > max {
            body.truncate(max);
            break true;
        }
    };
    Ok(Response { status, headers, body, truncated })
}

/// When all must be done.
struct Deadline(Instant);

impl Deadline {
    /// Waits until `ready`, or fails at the deadline.
    fn wait(&self, ready: &Pollable) -> io::Result<()> {
        if ready.ready() {
            return Ok(());
        }
        let left = self.0.saturating_duration_since(Instant::now());
        if left > Duration::ZERO {
            let timer = monotonic_clock::subscribe_duration(u64::try_from(left.as_nanos()).unwrap_or(u64::MAX));
            if poll(&[ready, &timer]).contains(&0) {
                return Ok(());
            }
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "OPTIONS" => Method::Options,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_owned())
}

fn broken(failed: StreamError) -> io::Error {
    match failed {
        StreamError::Closed => io::Error::new(io::ErrorKind::ConnectionReset, "the connection ended too early"),
        StreamError::LastOperationFailed(cause) => match http_error_code(&cause) {
            Some(code) => error(&code),
            None => io::Error::new(io::ErrorKind::ConnectionReset, cause.to_debug_string()),
        },
    }
}

fn error(code: &ErrorCode) -> io::Error {
    use io::ErrorKind;
    let (kind, what) = match code {
        ErrorCode::DestinationIpProhibited | ErrorCode::HttpRequestDenied => {
            (ErrorKind::PermissionDenied, "neither the configuration nor the operator allows this address".to_owned())
        }
        ErrorCode::DnsTimeout => (ErrorKind::TimedOut, "the name could not be looked up in time".to_owned()),
        ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            (ErrorKind::NotFound, "there is no such host".to_owned())
        }
        ErrorCode::ConnectionRefused => (ErrorKind::ConnectionRefused, "the connection was refused".to_owned()),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            (ErrorKind::HostUnreachable, "there is no way to the host".to_owned())
        }
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => (ErrorKind::TimedOut, "no answer in time".to_owned()),
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => {
            (ErrorKind::ConnectionReset, "the connection ended too early".to_owned())
        }
        ErrorCode::ConnectionLimitReached => {
            (ErrorKind::QuotaExceeded, "too many requests or connections at a time".to_owned())
        }
        ErrorCode::TlsProtocolError | ErrorCode::TlsCertificateError | ErrorCode::TlsAlertReceived(_) => {
            (ErrorKind::InvalidData, format!("TLS failed: {code}"))
        }
        ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestBodySize(_) => (ErrorKind::InvalidInput, format!("the request is not allowed: {code}")),
        _ => (ErrorKind::InvalidData, code.to_string()),
    };
    io::Error::new(kind, what)
}
