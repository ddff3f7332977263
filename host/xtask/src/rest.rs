//! The worker's REST API, as far as the demo needs it.

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

    /// Creates a connector; anything but 201 is an error with the worker's own words.
    pub(crate) fn create(&self, connector: &Value) -> Result<()> {
        let request = self.agent.post(format!("{}/connectors", self.base));
        let mut response = request.send_json(connector).context("POST /connectors")?;
        if response.status().as_u16() != 201 {
            let text = response.body_mut().read_to_string().unwrap_or_default();
            bail!("the worker did not create the connector ({}): {text}", response.status());
        }
        Ok(())
    }
}
