//! The worker's REST API, as far as the demo and the bench need it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A client of one worker.
#[derive(Debug)]
pub(crate) struct Rest {
    agent: ureq::Agent,
    base: String,
}

impl Rest {
    /// `listen`: `host:port`.
    pub(crate) fn new(listen: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A proxy of the environment has no business between us and our own machine.
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(10)))
            .build();
        Self { agent: config.into(), base: format!("http://{listen}") }
    }

    /// The status code and the answer; `Null` where it is no JSON.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, Value)> {
        let mut response =
            self.agent.get(format!("{}{path}", self.base)).call().with_context(|| format!("GET {path}"))?;
        Ok((response.status().as_u16(), response.body_mut().read_json().unwrap_or(Value::Null)))
    }

    /// The status code of `PUT` without a body.
    pub(crate) fn put(&self, path: &str) -> Result<u16> {
        let response = self.agent.put(format!("{}{path}", self.base)).send_empty();
        drained(response.with_context(|| format!("PUT {path}"))?)
    }

    /// The status code of `POST` without a body.
    pub(crate) fn post(&self, path: &str) -> Result<u16> {
        let response = self.agent.post(format!("{}{path}", self.base)).send_empty();
        drained(response.with_context(|| format!("POST {path}"))?)
    }

    /// The status code of `DELETE`.
    pub(crate) fn delete(&self, path: &str) -> Result<u16> {
        let response = self.agent.delete(format!("{}{path}", self.base)).call();
        drained(response.with_context(|| format!("DELETE {path}"))?)
    }

    /// Creates a connector; anything but 201 is an error with the worker's own words.
    pub(crate) fn create(&self, connector: &Value) -> Result<()> {
        let request = self.agent.post(format!("{}/connectors", self.base));
        let mut response = request.send_json(connector).context("POST /connectors")?;
        // Read in any case, so that the connection is used again.
        let text = response.body_mut().read_to_string().unwrap_or_default();
        if response.status().as_u16() != 201 {
            bail!("the worker did not create the connector ({}): {text}", response.status());
        }
        Ok(())
    }
}

/// Reads the answer to its end, so that its connection is used again.
fn drained(mut response: ureq::http::Response<ureq::Body>) -> Result<u16> {
    response.body_mut().read_to_vec().context("read an answer")?;
    Ok(response.status().as_u16())
}
