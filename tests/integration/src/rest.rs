//! Requests to a worker, and its answers.

use std::time::Duration;

use serde_json::Value;
use ureq::http::request::Builder;
use ureq::http::{HeaderMap, Method, Request};

use crate::Streamed;

/// A client of one worker. Nothing it does fails a test by itself, but for a worker that does not answer at all.
#[derive(Debug, Clone)]
pub struct Rest {
    agent: ureq::Agent,
    base: String,
}

/// What a worker answered.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
    /// The body, read as JSON; `Null` where it is none.
    pub json: Value,
}

impl Answer {
    /// The `message` of an error; empty where there is none.
    pub fn message(&self) -> &str {
        self.json.get("message").and_then(Value::as_str).unwrap_or_default()
    }

    /// A header's value; empty where it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Fails the test unless the worker answered with this status code.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "the worker answered: {}", self.text);
        self
    }
}

impl Rest {
    /// `base`: `http://host:port`.
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self { agent: config.into(), base: base.to_owned() }
    }

    /// `http://host:port`
    pub fn base(&self) -> &str {
        &self.base
    }

    /// `GET path`
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    /// `DELETE path`
    #[track_caller]
    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    /// `POST path` without a body.
    #[track_caller]
    pub fn post_empty(&self, path: &str) -> Answer {
        self.send("POST", path, None)
    }

    /// `PUT path` without a body.
    #[track_caller]
    pub fn put_empty(&self, path: &str) -> Answer {
        self.send("PUT", path, None)
    }

    /// `POST path` with JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body.to_string().as_bytes()))
    }

    /// `PUT path` with JSON.
    #[track_caller]
    pub fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body.to_string().as_bytes()))
    }

    /// Any request. A body is sent as `application/json`, whatever it holds.
    #[track_caller]
    pub fn send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Answer {
        match self.try_send(method, path, body) {
            Ok(answer) => answer,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    }

    /// As [`send`](Self::send), for a worker that may not be there.
    pub fn try_send(&self, method: &str, path: &str, body: Option<&[u8]>) -> Result<Answer, ureq::Error> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        match body {
            Some(_) => self.request(request.header("Content-Type", "application/json"), body),
            None => self.request(request, None),
        }
    }

    /// `GET path` of an answer that goes on, with more headers. It is read in the background.
    #[track_caller]
    pub fn stream(&self, path: &str, headers: &[(&str, &str)]) -> Streamed {
        let mut request = Request::builder().uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request
            .body(())
            .map_err(ureq::Error::from)
            .and_then(|request| self.agent.run(self.agent.configure_request(request).timeout_global(None).build()));
        match answer {
            Ok(answer) => Streamed::of(answer),
            Err(error) => panic!("GET {path}: {error}"),
        }
    }

    /// Any request with any headers.
    pub fn request(&self, request: Builder, body: Option<&[u8]>) -> Result<Answer, ureq::Error> {
        let method = request.method_ref().cloned().unwrap_or_default();
        let mut response = match body {
            Some(body) => self.agent.run(request.body(body)?)?,
            // As clients do it: `Content-Length: 0` where there might be a body, and nothing where there cannot.
            None if [Method::POST, Method::PUT, Method::PATCH].contains(&method) => {
                self.agent.run(request.body(&b""[..])?)?
            }
            None => self.agent.run(request.body(())?)?,
        };
        let text = response.body_mut().read_to_string()?;
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), text, json })
    }
}
