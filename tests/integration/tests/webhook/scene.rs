//! A worker that listens for requests from outside.

use serde_json::{Value, json};
use wharf_integration::{Answer, Rest, Setup, Worker};

/// A worker, and the way into its connectors.
pub(crate) struct Scene {
    pub(crate) worker: Worker,
    pub(crate) ingest: Rest,
    pub(crate) address: String,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with("", "")
    }

    /// With more keys in `[ingest]`, and more sections.
    pub(crate) fn with(ingest: &str, sections: &str) -> Self {
        let address = Worker::free_address();
        let config = format!("[ingest]\nlisten = \"{address}\"\n{ingest}\n{sections}");
        let setup = Setup::new().plugin("webhook-source").plugin("picky-webhook").config(&config);
        Self { worker: setup.start(), ingest: Rest::new(&format!("http://{address}")), address }
    }

    /// Creates a connector and waits until it runs.
    pub(crate) fn create(&self, name: &str, class: &str, more: Value) {
        let mut config = json!({"connector.class": class, "topic": name});
        for (key, value) in more.as_object().unwrap() {
            config[key] = value.clone();
        }
        self.worker.create(name, config);
        self.wait_until_it_takes_requests(name);
    }

    /// RUNNING is shown a moment before the first request is taken.
    pub(crate) fn wait_until_it_takes_requests(&self, name: &str) {
        self.worker.wait_for_state(name, "RUNNING");
        self.worker.wait_until("it takes requests", || {
            let answer = self.ingest.try_send("HEAD", &format!("/ingest/{name}/status/204"), None);
            answer.is_ok_and(|answer| answer.status != 503)
        });
    }

    pub(crate) fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[], body.as_bytes())
    }

    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ingest.request(request, Some(body)).unwrap()
    }

    /// Records of a topic's only partition, from a position on.
    pub(crate) fn records(&self, topic: &str, from: usize) -> Vec<Value> {
        let path = format!("/topics/{topic}/partitions/0/records?from={from}&limit=10000");
        let answer = self.worker.rest().get(&path);
        let records = answer.json.as_array().cloned();
        records.unwrap_or_else(|| answer.json["records"].as_array().cloned().unwrap_or_default())
    }

    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        self.records(topic, 0).iter().map(|record| record["value"].as_str().unwrap().to_owned()).collect()
    }
}

/// A header of a record.
pub(crate) fn header(record: &Value, name: &str) -> String {
    let headers = record["headers"].as_array().cloned().unwrap_or_default();
    let found = headers.iter().find(|header| header["name"] == name);
    found.and_then(|header| header["value"].as_str()).unwrap_or_default().to_owned()
}
