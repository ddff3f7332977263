//! The audit trail, usage and metrics.

use std::sync::{Arc, Mutex};

use axum::http::header;
use serde_json::json;
use wharf_core::audit::{AuditEvent, AuditQuery, AuditRecord, AuditTrail};
use wharf_core::meter::{PluginMetrics, PluginSeries, SeriesValue};

use super::Api;
use crate::ApiOptions;

/// Notes what it is asked.
#[derive(Debug, Default)]
struct Trail(Mutex<Vec<AuditQuery>>);

impl AuditTrail for Trail {
    fn recent(&self, query: &AuditQuery) -> Vec<AuditRecord> {
        self.0.lock().unwrap().push(query.clone());
        let event = AuditEvent {
            code: "kill.trap".to_owned(),
            connector: "c".to_owned(),
            task: Some(0),
            plugin: "p@1".to_owned(),
            detail: "poll trapped".to_owned(),
        };
        vec![AuditRecord {
            number: 7,
            time: "2026-01-01T00:00:00.000Z".to_owned(),
            event,
            change: None,
            suppressed: None,
        }]
    }
}

#[derive(Debug)]
struct Counting;

impl PluginMetrics for Counting {
    fn plugin_metrics(&self) -> Vec<PluginSeries> {
        let (connector, plugin, name) = ("c".to_owned(), "p@1".to_owned(), "rows read".to_owned());
        vec![PluginSeries { connector, task: 0, plugin, name, labels: Vec::new(), value: SeriesValue::Counter(3) }]
    }
}

#[tokio::test]
async fn the_audit_trail_is_asked_for_what_the_query_says() {
    let trail = Arc::new(Trail::default());
    let api = Api::with(ApiOptions { audit: Some(trail.clone()), ..ApiOptions::default() }).await;
    let answer = api.get("/audit?connector=c&code=kill&after=3&limit=5").await;
    let record = json!({"number": 7, "time": "2026-01-01T00:00:00.000Z", "code": "kill.trap", "connector": "c",
        "task": 0, "plugin": "p@1", "detail": "poll trapped"});
    assert_eq!(answer.json(), json!([record]));
    api.get("/audit?connector=").await;
    let expected = [
        AuditQuery { connector: Some("c".to_owned()), code: Some("kill".to_owned()), after: Some(3), limit: 5 },
        AuditQuery { limit: 100, ..AuditQuery::default() },
    ];
    assert_eq!(*trail.0.lock().unwrap(), expected);
    api.get("/audit?limit=x").await.is_error(400, "`limit=x`: write a whole number");
}

#[tokio::test]
async fn without_a_trail_the_list_is_empty() {
    let api = Api::start().await;
    assert_eq!(api.get("/audit").await.json(), json!([]));
    api.get("/connectors/x/usage").await.is_error(404, "Connector x not found");
}

#[tokio::test]
async fn metrics_are_text_whatever_the_scraper_accepts() {
    let api = Api::with(ApiOptions { metrics: Some(Arc::new(Counting)), ..ApiOptions::default() }).await;
    let accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let answer = api.send(axum::http::Method::GET, "/metrics", &[("accept", accept)], "").await;
    assert_eq!(answer.headers[header::CONTENT_TYPE], "text/plain; version=0.0.4");
    let text = String::from_utf8(answer.body).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("wharf_build_info{{version=\"{version}\",commit=\"unknown\"}} 1\n")), "{text}");
    let rows = "# TYPE wharf_plugin_rows_read_total counter\n\
                wharf_plugin_rows_read_total{connector=\"c\",task=\"0\",plugin=\"p@1\"} 3\n";
    assert!(text.contains(rows), "{text}");
    let page = crate::metrics::strict::read(&text).unwrap();
    for name in ["wharf_store_up", "wharf_log_sync_seconds", "kafka_connect_connect_worker_metrics_connector_count"] {
        assert!(page.types.contains_key(name), "{name} is not in {text}");
    }
}

#[tokio::test]
async fn an_orchestrator_is_told_whether_the_worker_is_live_and_ready() {
    let api = Api::start().await;
    assert_eq!(api.get("/livez").await.json(), json!({"status": "live"}));
    // It starts in the background.
    while api.worker.health() == wharf_runtime::Health::Starting {
        tokio::task::yield_now().await;
    }
    let accept = [("accept", "text/html")];
    let answer = api.send(axum::http::Method::GET, "/readyz/", &accept, "").await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"status": "ready"})));
    api.worker.shutdown().await;
    let answer = api.get("/readyz").await;
    let expected = json!({"status": "not ready", "reasons": ["the worker is shutting down"]});
    assert_eq!((answer.status.as_u16(), answer.json()), (503, expected));
    assert_eq!(api.get("/livez").await.status, 200);
}
