//! Asking a worker over REST, with errors that say what to do next.

use std::io::{self, Read};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde::Deserialize;
use serde_json::Value;
use ureq::http::request::Builder;
use ureq::http::{Method, Request, Response};
use ureq::{Agent, Body};

pub(crate) use super::connection::Connection;
use super::exit::{Answered, Unreachable};
use super::proxy;

/// Longer than the worker itself waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(100);
/// No answer of the API is larger; records are asked for in pages.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// A client of one worker.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    /// The value of the `Authorization` header.
    authorization: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    message: String,
}

impl Client {
    /// Reads the files that the connection names; nothing is sent yet.
    pub(crate) fn new(connection: &Connection) -> anyhow::Result<Self> {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(5)))
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")));
        if let Some(tls) = connection.tls()? {
            config = config.tls_config(tls);
        }
        let proxy = proxy::of(&connection.url, |name| std::env::var(name).ok())?;
        let config = config.proxy(proxy);
        let base = connection.url.trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().into(), base, authorization: connection.authorization()? })
    }

    /// A request with what every request carries.
    fn request(&self, method: &Method, url: &str) -> Builder {
        let request = Request::builder().method(method).uri(url);
        match &self.authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    /// The answer to a `GET`.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(&Method::GET, path, None)
    }

    /// The answer to any request; `Null` where it has no body.
    pub(crate) fn call(&self, method: &Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut response = self.send(method, path, "application/json", text)?;
        let text = read(&mut response)?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&text).with_context(|| self.is_no_worker())
    }

    /// The answer to a `POST` of a plugin.
    pub(crate) fn upload(&self, path: &str, wasm: &[u8]) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let request = self.request(&Method::POST, &url).header("accept", "application/json");
        let request = request.header("content-type", "application/wasm");
        let request = request.body(wasm).with_context(|| format!("`{url}` is no URL"))?;
        let mut response = self.accepted(self.agent.run(request))?;
        serde_json::from_slice(&read(&mut response)?).with_context(|| self.is_no_worker())
    }

    /// Values of a partition, one a line, from a position on; and the position to go on from.
    pub(crate) fn lines(&self, path: &str, accept: &str) -> anyhow::Result<(Vec<u8>, i64)> {
        let mut response = self.send(&Method::GET, path, accept, String::new())?;
        let next = response.headers().get("wharf-next-position").and_then(|next| next.to_str().ok());
        let next = next.and_then(|next| next.parse().ok()).with_context(|| self.is_no_worker())?;
        Ok((read(&mut response)?, next))
    }

    fn send(&self, method: &Method, path: &str, accept: &str, body: String) -> anyhow::Result<Response<Body>> {
        let url = format!("{}{path}", self.base);
        let request = self.request(method, &url).header("accept", accept);
        let request = if body.is_empty() { request } else { request.header("content-type", "application/json") };
        let sent = if body.is_empty() && (*method == Method::GET || *method == Method::DELETE) {
            self.agent.run(request.body(()).with_context(|| format!("`{url}` is no URL"))?)
        } else {
            self.agent.run(request.body(body).with_context(|| format!("`{url}` is no URL"))?)
        };
        self.accepted(sent)
    }

    /// The answer, unless it is a refusal.
    fn accepted(&self, sent: Result<Response<Body>, ureq::Error>) -> anyhow::Result<Response<Body>> {
        let mut response = sent.map_err(|error| self.explain(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = read(&mut response)?;
        let Ok(Refusal { message }) = serde_json::from_slice(&text) else {
            let message = format!("{}: it answered {status}", self.is_no_worker());
            // A page of somebody else is no answer to the question.
            let status = if status == 404 { 502 } else { status.as_u16() };
            return Err(Answered { status, message }.into());
        };
        Err(Answered { status: status.as_u16(), message }.into())
    }

    /// An answer that may never end, as it comes. `after`: the number of the last event that was seen.
    pub(crate) fn open(&self, path: &str, accept: &str, after: Option<&str>) -> anyhow::Result<impl Read + use<>> {
        let url = format!("{}{path}", self.base);
        let mut request = self.request(&Method::GET, &url).header("accept", accept);
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let request = request.body(()).with_context(|| format!("`{url}` is no URL"))?;
        let request = self.agent.configure_request(request).timeout_global(None).build();
        Ok(self.accepted(self.agent.run(request))?.into_body().into_reader())
    }

    /// The text that a `GET` answers.
    pub(crate) fn text(&self, path: &str, accept: &str) -> anyhow::Result<Vec<u8>> {
        read(&mut self.send(&Method::GET, path, accept, String::new())?)
    }

    fn explain(&self, error: ureq::Error) -> anyhow::Error {
        let base = &self.base;
        match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let hint = "start one with `wharf run`, or name another with --url";
                Unreachable(format!("no worker answers at {base}: {hint}")).into()
            }
            ureq::Error::HostNotFound => Unreachable(format!("the host of {base} is not known: check --url")).into(),
            ureq::Error::BadUri(_) => anyhow!("`{base}` is no URL: write one like http://127.0.0.1:8083"),
            ureq::Error::Timeout(_) => {
                let hint = "is it stopped or overloaded?";
                Unreachable(format!("the worker at {base} did not answer in time: {hint}")).into()
            }
            ureq::Error::Io(error) if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
                anyhow!(
                    "{base} and this machine do not trust each other ({error}): name the worker's authority with \
                     --ca-file, and your own certificate with --client-certificate and --client-key where it asks"
                )
            }
            ureq::Error::Io(error) => {
                // Its text alone: a broken connection must not be taken for a closed pipe on our own output.
                Unreachable(format!("ask {base}: {error}")).into()
            }
            other => anyhow::Error::new(other).context(format!("ask {base}")),
        }
    }

    fn is_no_worker(&self) -> String {
        format!("what answers at {} does not look like a Wharf worker: check --url", self.base)
    }
}

fn read(response: &mut Response<Body>) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = response.body_mut().as_reader().take(MAX_ANSWER_BYTES);
    reader.read_to_end(&mut bytes).map_err(|error| anyhow!("read the worker's answer: {error}"))?;
    Ok(bytes)
}

/// One segment of a path, encoded.
pub(crate) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_is_not_there_is_explained() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let error = Client::new(&Connection::to(&base)).unwrap().get("/connectors").unwrap_err().to_string();
        let expected = "start one with `wharf run`, or name another with --url";
        assert_eq!(error, format!("no worker answers at {base}: {expected}"));
    }

    #[test]
    fn names_with_slashes_and_percents_become_one_segment() {
        assert_eq!(segment("a/b%c"), "a%2Fb%25c");
    }
}
