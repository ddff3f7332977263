//! Routes over a real worker with a real queue and store, and no plugins.

mod access;
mod paths;
mod shown;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use wharf_core::audit::NoAudit;
use wharf_core::plugin::{Catalog, LoadError, Plugin};
use wharf_core::{Batch, Column};
use wharf_drivers::log::{LogDriver, LogOptions};
use wharf_drivers::{Driver as _, ProducerOptions};
use wharf_runtime::{Parts, SecretParts, Worker, WorkerOptions};
use wharf_store::SledStore;

use crate::{ApiOptions, router};

pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(Body::from(body.to_owned())).unwrap()
}

#[derive(Debug)]
struct NoPlugins;

#[async_trait]
impl Catalog for NoPlugins {
    fn find(&self, _: &str, _: Option<&str>) -> Option<Arc<dyn Plugin>> {
        None
    }
    fn list(&self) -> Vec<Arc<dyn Plugin>> {
        Vec::new()
    }
    fn broken(&self) -> Vec<(PathBuf, LoadError)> {
        vec![("p/x.wasm".into(), LoadError { code: "NOT_A_COMPONENT", message: "it is text".to_owned() })]
    }
    async fn refresh(&self) {}
}

pub(crate) struct Api {
    router: Router,
    driver: Arc<LogDriver>,
    worker: Worker,
    data: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn is_error(&self, code: u16, message: &str) {
        assert_eq!(self.json(), json!({"error_code": code, "message": message}));
        assert_eq!(self.status.as_u16(), code);
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/json");
    }
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::with(ApiOptions { body_limit: 1000, ..ApiOptions::default() }).await
    }

    pub(crate) async fn with(options: ApiOptions) -> Self {
        let data = tempfile::tempdir().unwrap();
        let driver = LogDriver::open(data.path().join("log"), LogOptions::default()).unwrap();
        let store = SledStore::open(data.path().join("store")).await.unwrap();
        let parts = Parts {
            catalog: Arc::new(NoPlugins),
            driver: driver.clone(),
            store,
            audit: Arc::new(NoAudit),
            secrets: SecretParts::default(),
        };
        let worker = Worker::start(parts, WorkerOptions::default()).await.unwrap();
        Self { router: router(worker.clone(), options), driver, worker, data }
    }

    pub(crate) async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let response = self.router.clone().oneshot(request(method, path, headers, body)).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The status alone, without waiting for the body.
    pub(crate) async fn answer_to(&self, request: Request<Body>) -> StatusCode {
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, &[("content-type", "application/json")], body).await
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_json_errors() {
    let api = Api::start().await;
    for path in ["/nosuch", "/connectors/x/nosuch", "/Connectors", "/connectors/x/tasks/0"] {
        api.get(path).await.is_error(404, "HTTP 404 Not Found");
    }
    let answer = api.send(Method::DELETE, "/connectors", &[], "").await;
    answer.is_error(405, "HTTP 405 Method Not Allowed");
    assert!(!answer.headers.contains_key(header::ALLOW));
    let answer = api.send(Method::POST, "/connectors/x", &[], "").await;
    answer.is_error(405, "HTTP 405 Method Not Allowed");
}

#[tokio::test]
async fn the_root_and_the_lists_answer_with_and_without_a_slash() {
    let api = Api::start().await;
    assert_eq!(api.get("/?a=b").await.json()["version"], env!("CARGO_PKG_VERSION"));
    for path in ["/connectors", "/connectors/", "/connector-plugins/", "/topics"] {
        assert_eq!(api.get(path).await.json(), json!([]), "{path}");
    }
    assert_eq!(api.get("/connectors?expand=status&expand=info").await.json(), json!({}));
    let broken = json!([{"file": "p/x.wasm", "code": "NOT_A_COMPONENT", "message": "it is text"}]);
    assert_eq!(api.get("/plugins").await.json(), json!({"plugins": [], "broken": broken}));
}

#[tokio::test]
async fn what_is_not_there_is_told_as_kafka_connect_tells_it() {
    let api = Api::start().await;
    api.get("/connectors/a%2Fb%25").await.is_error(404, "Connector a/b% not found");
    api.get("/connectors/x/status").await.is_error(404, "No status found for connector x");
    api.get("/connectors/x/tasks/0/status").await.is_error(404, "No status found for task x-0");
    api.get("/connectors/x/tasks/-1/status").await.is_error(404, "No status found for task x--1");
    api.get("/connectors/x/tasks/1.0/status").await.is_error(404, "HTTP 404 Not Found");
    let answer = api.send(Method::PUT, "/connectors/x/pause", &[], "").await;
    answer.is_error(404, "Unknown connector x");
    let answer = api.send(Method::POST, "/connectors/x/restart", &[], "").await;
    answer.is_error(404, "Unknown connector: x");
}

#[tokio::test]
async fn media_types_are_negotiated_only_where_a_route_is() {
    let api = Api::start().await;
    let html = [("accept", "text/html")];
    api.send(Method::GET, "/health", &html, "").await.is_error(406, "HTTP 406 Not Acceptable");
    api.send(Method::GET, "/nosuch", &html, "").await.is_error(404, "HTTP 404 Not Found");
    let text = [("content-type", "text/plain")];
    api.send(Method::POST, "/connectors", &text, "{}").await.is_error(415, "HTTP 415 Unsupported Media Type");
    api.send(Method::POST, "/connectors", &[], "{}").await.is_error(415, "HTTP 415 Unsupported Media Type");
    let odd = [("content-type", "Application/JSON; charset=utf-8")];
    assert_eq!(api.send(Method::POST, "/connectors", &odd, "{bad").await.status, 500);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_and_the_limit_named() {
    let api = Api::start().await;
    let body = format!(r#"{{"name":"x","config":{{"k":"{}"}}}}"#, "v".repeat(1000));
    let expected = "the request body is larger than the limit of 1000 bytes; send a smaller configuration";
    api.post("/connectors", &body).await.is_error(413, expected);
}

#[tokio::test]
async fn an_unknown_class_is_named() {
    let api = Api::start().await;
    for (path, body) in [
        ("/connectors", r#"{"name":"x","config":{"connector.class":"NoSuch"}}"#),
        ("/connectors/x", r#"{"connector.class":"NoSuch"}"#),
    ] {
        let answer = api.post(path, body).await;
        assert_eq!(answer.status, 400);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        let expected = "Failed to find any class that implements Connector and which name matches NoSuch";
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn options_name_the_methods() {
    let api = Api::start().await;
    let answer = api.send(Method::OPTIONS, "/", &[], "").await;
    assert_eq!((answer.status.as_u16(), answer.body), (200, b"HEAD, GET, OPTIONS".to_vec()));
    assert_eq!(answer.headers[header::ALLOW], "HEAD,GET,OPTIONS");
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain");
}

#[tokio::test]
async fn requests_between_workers_are_refused() {
    let api = Api::start().await;
    api.post("/connectors/x/tasks", "[]").await.is_error(400, "Internal request missing required signature");
    let signed = |algorithm| {
        [
            ("content-type", "application/json"),
            ("X-Connect-Authorization", "AAAA"),
            ("X-Connect-Request-Signature-Algorithm", algorithm),
        ]
    };
    let answer = api.send(Method::POST, "/connectors/x/tasks", &signed("HmacSHA256"), "[]").await;
    answer.is_error(403, "Internal request contained invalid signature.");
    let answer = api.send(Method::POST, "/connectors/x/tasks", &signed("nope"), "[]").await;
    answer.is_error(400, "Algorithm nope not available");
}

#[tokio::test]
async fn records_are_read_in_pages_and_topics_deleted() {
    let api = Api::start().await;
    api.get("/topics/t").await.is_error(404, "Topic t not found");
    let options = ProducerOptions { source: "s".into(), task: 0, default_topic: Some("t".into()), max_in_flight: 1 };
    let mut producer = api.driver.producer(options).await.unwrap();
    let values: Column = [&b"one"[..], b"two", b"three"].map(Some).into_iter().collect();
    let batch = Batch { rows: 3, values, ..Batch::default() };
    let acknowledged = producer.send(batch).await.unwrap().await.unwrap();
    assert!(acknowledged.failed.is_empty());
    drop(producer);

    assert_eq!(api.get("/topics/t").await.json()["partitions"][0]["end"], 3);
    let text = [("accept", "text/plain")];
    let path = "/topics/t/partitions/0/records?limit=2";
    let answer = api.send(Method::GET, path, &text, "").await;
    assert_eq!((answer.headers["wharf-next-position"].to_str().unwrap(), &answer.body[..]), ("2", &b"one\ntwo\n"[..]));
    let page = api.get("/topics/t/partitions/0/records?from=2").await;
    assert_eq!((page.json()[0]["value"].as_str(), page.json()[0]["position"].as_i64()), (Some("three"), Some(2)));
    assert_eq!(api.get("/topics/t/partitions/0/records?from=3").await.json(), json!([]));
    let groups = std::fs::read_dir(api.data.path().join("log/groups")).unwrap();
    assert_eq!(groups.count(), 0, "reading leaves nothing behind");
    assert_eq!(api.get("/topics/t/partitions/1/records").await.status, 404);
    assert_eq!(api.get("/topics/t/partitions/0/records?from=x").await.status, 400);
    assert_eq!(api.send(Method::DELETE, "/topics/t", &[], "").await.status, 204);
    api.get("/topics/t").await.is_error(404, "Topic t not found");
}

#[tokio::test]
async fn a_catalog_that_cannot_be_changed_says_so_and_uploads_must_say_what_they_are() {
    let api = Api::start().await;
    for path in ["/plugins/x/1.0.0", "/plugins/verify", "/plugins/audit"] {
        let answer = api.get(path).await;
        assert_eq!((answer.status, answer.json()["error_code"].clone()), (StatusCode::NOT_FOUND, json!(404)), "{path}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with("NOT_FOUND: "), "{path}");
    }
    let answer = api.send(Method::POST, "/plugins", &[("content-type", "application/wasm")], "x").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = api.send(Method::OPTIONS, "/plugins", &[], "").await;
    assert_eq!(answer.headers[header::ALLOW], "HEAD,GET,POST,OPTIONS");
}
