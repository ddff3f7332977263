//! Answers that do not end: lines of JSON, and server-sent events.

use std::io::{BufRead, BufReader, Read};

use anyhow::anyhow;

use super::client::Client;

/// No line that a worker sends is longer.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// A server-sent event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// With which a reader that lost the connection goes on.
    pub(crate) id: Option<String>,
    /// What it holds.
    pub(crate) data: String,
}

/// Reads server-sent events until the worker ends the answer, and says with which one to go on.
pub(crate) fn events(
    client: &Client,
    path: &str,
    after: Option<&str>,
    mut each: impl FnMut(&Event) -> anyhow::Result<()>,
) -> anyhow::Result<Option<String>> {
    let mut reader = Lines::new(client.open(path, "text/event-stream", after)?);
    let mut last = after.map(str::to_owned);
    let (mut event, mut has_data) = (Event::default(), false);
    while let Some(line) = reader.next()? {
        if line.is_empty() {
            if has_data {
                each(&event)?;
                last = event.id.take().or(last);
            }
            (event, has_data) = (Event::default(), false);
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => event.id = Some(value.to_owned()),
            "data" => {
                if has_data {
                    event.data.push('\n');
                }
                event.data.push_str(value);
                has_data = true;
            }
            // A comment keeps the connection open; `event` and `retry` mean nothing here.
            _ => {}
        }
    }
    Ok(last)
}

/// Reads lines until the worker ends the answer.
pub(crate) fn lines(
    client: &Client,
    path: &str,
    accept: &str,
    mut each: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut reader = Lines::new(client.open(path, accept, None)?);
    while let Some(line) = reader.next()? {
        if !line.is_empty() {
            each(&line)?;
        }
    }
    Ok(())
}

struct Lines<R> {
    reader: BufReader<R>,
}

impl<R: Read> Lines<R> {
    fn new(reader: R) -> Self {
        Self { reader: BufReader::new(reader) }
    }

    /// The next line without its end; `None` at the end of the answer.
    fn next(&mut self) -> anyhow::Result<Option<String>> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        if read.map_err(|error| anyhow!("read the worker's answer: {error}"))? == 0 {
            return Ok(None);
        }
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        Ok(Some(String::from_utf8_lossy(&line).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::super::client::Connection;
    use super::*;

    /// Answers once, and gives back what it was asked.
    fn serve(answer: &'static str) -> (Client, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 4096];
            let read = stream.read(&mut request).unwrap();
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{answer}").unwrap();
            String::from_utf8_lossy(&request[..read]).to_ascii_lowercase()
        });
        (Client::new(&Connection::to(&url)).unwrap(), server)
    }

    #[test]
    fn events_are_read_with_their_numbers() {
        let text = ": hello\n\nid: 1\nevent: line\ndata: {\"a\":1}\n\nid:2\r\ndata: x\r\ndata: y\r\n\r\ndata: lost";
        let (client, server) = serve(text);
        let mut seen = Vec::new();
        let last = events(&client, "/l", Some("0"), |event| {
            seen.push((event.id.clone(), event.data.clone()));
            Ok(())
        });
        assert_eq!(last.unwrap().as_deref(), Some("2"));
        let expected = [(Some("1".to_owned()), "{\"a\":1}".to_owned()), (Some("2".to_owned()), "x\ny".to_owned())];
        assert_eq!(seen, expected);
        let asked = server.join().unwrap();
        assert!(asked.contains("last-event-id: 0") && asked.contains("accept: text/event-stream"), "{asked}");
    }

    #[test]
    fn lines_are_read_until_the_end() {
        let (client, server) = serve("{\"a\":1}\n\n{\"a\":2}");
        let mut seen = Vec::new();
        lines(&client, "/i", "application/x-ndjson", |line| {
            seen.push(line.to_owned());
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, ["{\"a\":1}", "{\"a\":2}"]);
        server.join().unwrap();
    }
}
