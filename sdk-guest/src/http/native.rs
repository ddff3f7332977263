//! Requests outside WebAssembly, for unit tests: as much of HTTP/1.1 as a test's server speaks.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::Duration;

use super::{Request, Response, Url};
use crate::net::{Connection, Endpoint, Tls, connect};

pub(super) fn send(request: &Request<'_>, url: &Url<'_>) -> io::Result<Response> {
    if url.https {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "natively, in unit tests, there is no TLS"));
    }
    let endpoint = Endpoint::parse(&format!("http://{}", url.authority));
    let endpoint = endpoint.map_err(|wrong| io::Error::new(io::ErrorKind::InvalidInput, wrong))?;
    let mut connection = connect(&endpoint.host, endpoint.port.unwrap_or(80), &Tls::Off, request.timeout)?;
    connection.set_timeouts(request.timeout.max(Duration::from_millis(1)), request.timeout);
    let sent = connection.write_all(&head(request, url)).and_then(|()| connection.write_all(request.body));
    let mut reader = BufReader::new(connection);
    match (read(&mut reader, request), sent) {
        (Err(_), Err(write)) => Err(write),
        (read, _) => read,
    }
}

fn head(request: &Request<'_>, url: &Url<'_>) -> Vec<u8> {
    let mut head = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, url.path_with_query, url.authority);
    head.push_str(&format!("content-length: {}\r\nconnection: close\r\n", request.body.len()));
    let mut head = head.into_bytes();
    for (name, value) in &request.headers {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn read(reader: &mut BufReader<Connection>, request: &Request<'_>) -> io::Result<Response> {
    let status_line = line(reader)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| wrong("the answer is no HTTP"))?;
    let mut headers = Vec::new();
    loop {
        let line = line(reader)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| wrong("a header has no colon"))?;
        headers.push((name.trim().to_ascii_lowercase(), value.trim().as_bytes().to_vec()));
    }
    let mut response = Response { status, headers, body: Vec::new(), truncated: false };
    if request.method != "HEAD" && status != 204 && status != 304 {
        body(reader, request.max_body, &mut response)?;
    }
    Ok(response)
}

fn body(reader: &mut BufReader<Connection>, max: usize, response: &mut Response) -> io::Result<()> {
    let most = max as u64 + 1;
    if response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        while response.body.len() <= max {
            let size = line(reader)?;
            let size = size.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| wrong("a chunk has no size"))?;
            let read = reader.take(size.min(most)).read_to_end(&mut response.body)?;
            if size == 0 || (read as u64) < size {
                break;
            }
            line(reader)?;
        }
    } else if let Some(length) = response.header("content-length") {
        let length: u64 = length.parse().map_err(|_| wrong("content-length is no number"))?;
        let read = reader.take(length.min(most)).read_to_end(&mut response.body)?;
        if (read as u64) < length.min(most) {
            return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the connection ended too early"));
        }
    } else {
        reader.take(most).read_to_end(&mut response.body)?;
    }
    response.truncated = response.body.len() > max;
    response.body.truncate(max);
    Ok(())
}

fn line(reader: &mut BufReader<Connection>) -> io::Result<String> {
    let mut line = Vec::new();
    reader.take(64 * 1024).read_until(b'\n', &mut line)?;
    if line.pop() != Some(b'\n') {
        return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the connection ended too early"));
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.trim_end_matches('\r').to_owned())
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
