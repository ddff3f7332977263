//! Metrics, probes, stalled tasks, and what a collector of OpenTelemetry is told.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};
use wharf_integration::{HttpServer, Setup, Worker, lines};

const OK: &str = "200 OK\r\n\r\n";

/// The value of a sample; `None`: it is not on the page.
fn sample(page: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let line = page.lines().find(|line| {
        let is_name = line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        is_name && labels.iter().all(|label| line.contains(label))
    })?;
    line.rsplit(' ').next()?.parse().ok()
}

fn page(worker: &Worker) -> String {
    worker.rest().get("/metrics").text
}

/// A collector: what it was sent.
struct Collector(HttpServer);

impl Collector {
    fn start() -> Self {
        Self(HttpServer::start(|_, _| OK.to_owned()))
    }

    fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        let line = format!("POST {path}");
        self.0.seen().into_iter().filter(|seen| seen.line == line).map(|seen| seen.bytes).collect()
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.bodies("/v1/traces").into_iter();
        requests
            .filter_map(|body| decoded::<ExportTraceServiceRequest>(&body))
            .flat_map(|request| request.resource_spans)
            .flat_map(|resource| resource.scope_spans)
            .flat_map(|scope| scope.spans)
            .collect()
    }

    /// The sum of the latest values of a metric.
    fn metric(&self, name: &str) -> Option<i64> {
        let body = self.bodies("/v1/metrics").pop()?;
        let request = decoded::<ExportMetricsServiceRequest>(&body)?;
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        let found = scopes.flat_map(|scope| scope.metrics).find(|metric| metric.name == name)?;
        let points = match found.data? {
            metric::Data::Sum(sum) => sum.data_points,
            metric::Data::Gauge(gauge) => gauge.data_points,
            metric::Data::Histogram(histogram) => {
                return Some(histogram.data_points.iter().map(|point| point.count as i64).sum());
            }
            _ => return None,
        };
        let whole = |value| match value {
            Some(number_data_point::Value::AsInt(whole)) => whole,
            Some(number_data_point::Value::AsDouble(real)) => real as i64,
            None => 0,
        };
        Some(points.into_iter().map(|point| whole(point.value)).sum())
    }
}

fn decoded<M: prost::Message + Default>(body: &[u8]) -> Option<M> {
    let message = M::decode(body);
    assert!(message.is_ok(), "a body that is no OTLP: {:?}", message.err());
    message.ok()
}

fn of<'a>(spans: &'a [Span], stage: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name.split(' ').next() == Some(stage)).collect()
}

#[test]
fn one_trace_reaches_from_the_source_to_the_sink_and_metrics_arrive_too() {
    let collector = Collector::start();
    let config = format!(
        "[telemetry]\notlp-endpoint = \"{}\"\notlp-interval-ms = 100\ntraces-sample-ratio = 1.0\n\
         service-name = \"orders\"\notlp-headers = {{ x-token = \"s3cret\" }}\n",
        collector.0.url()
    );
    let mut worker = Setup::new().config(&config).start();
    let (_, output) = worker.copies(&lines::text(0..2000));
    worker.wait_for_text(&output, lines::text(0..2000));
    worker.wait_until("the collector has spans of both sides", || {
        let spans = collector.spans();
        !of(&spans, "commit").is_empty() && !of(&spans, "flush").is_empty()
    });
    worker.wait_until("the collector has metrics of both sides", || {
        collector.metric("wharf_task_rows_total") == Some(4000)
    });
    assert!(collector.metric("wharf_task_stage_seconds").is_some_and(|count| count > 2));
    assert!(collector.metric("kafka_connect_connect_worker_metrics_connector_count") == Some(2));

    let spans = collector.spans();
    let by_id = |id: &[u8]| spans.iter().find(|span| span.span_id == id);
    for put in of(&spans, "put") {
        let send = by_id(&put.parent_span_id).expect("its parent is there");
        let poll = by_id(&send.parent_span_id).expect("and the parent of that");
        assert!(send.name.starts_with("send ") && poll.name.starts_with("poll "), "{} {}", send.name, poll.name);
        assert!(poll.parent_span_id.is_empty());
        let traces: BTreeSet<_> = [&put.trace_id, &send.trace_id, &poll.trace_id].into_iter().collect();
        assert_eq!(traces.len(), 1, "one trace over source and sink");
    }
    for flush in of(&spans, "flush") {
        assert!(by_id(&flush.parent_span_id).is_some_and(|parent| parent.name.starts_with("put ")));
    }
    let request = collector.0.seen().into_iter().find(|seen| seen.line == "POST /v1/traces").expect("there is one");
    assert!(request.headers.contains(&("x-token".to_owned(), "s3cret".to_owned())));
    assert!(request.headers.contains(&("content-type".to_owned(), "application/x-protobuf".to_owned())));
    let traces = ExportTraceServiceRequest::decode(request.bytes.as_slice()).expect("OTLP");
    let resource = traces.resource_spans[0].resource.clone().expect("it says who it is");
    let service = resource.attributes.iter().find(|it| it.key == "service.name").and_then(|it| it.value.clone());
    assert_eq!(service.and_then(|it| it.value), Some(any_value::Value::StringValue("orders".to_owned())));
    assert!(worker.terminate().success());
    assert!(!worker.log().contains("s3cret"));
}

#[test]
fn a_collector_that_is_not_there_disturbs_nothing_and_is_told_of_once() {
    let address = Worker::free_address();
    let mut worker = Setup::new()
        .config("[telemetry]\notlp-interval-ms = 100\ntraces-sample-ratio = 1\n")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"))
        .start();
    let (_, output) = worker.copies(&lines::text(0..500));
    worker.wait_for_text(&output, lines::text(0..500));
    worker.wait_until("the log says so", || worker.log().contains("cannot be exported"));
    assert!(worker.terminate().success());
    assert_eq!(worker.log().matches("cannot be exported").count(), 1);
}

#[test]
fn metrics_carry_kafka_connects_names_and_true_values() {
    let worker = Worker::start();
    let (_, output) = worker.copies(&lines::text(0..1000));
    worker.wait_for_text(&output, lines::text(0..1000));
    let sink = ["task=\"0\""];
    worker.wait_until("all is counted", || {
        sample(&page(&worker), "kafka_connect_sink_task_metrics_sink_record_send_total", &sink) == Some(1000.0)
            && sample(&page(&worker), "kafka_connect_sink_task_metrics_sink_record_active_count", &sink) == Some(0.0)
            && sample(&page(&worker), "wharf_task_lag_rows", &[]) == Some(0.0)
    });
    let page = page(&worker);
    let value =
        |name: &str, labels: &[&str]| sample(&page, name, labels).unwrap_or_else(|| panic!("no {name}: {page}"));
    for (name, expected) in [
        ("kafka_connect_connect_worker_metrics_connector_count", 2.0),
        ("kafka_connect_connect_worker_metrics_task_count", 2.0),
        ("kafka_connect_connect_worker_metrics_task_startup_success_total", 2.0),
        ("kafka_connect_source_task_metrics_source_record_poll_total", 1000.0),
        ("kafka_connect_source_task_metrics_source_record_write_total", 1000.0),
        ("kafka_connect_source_task_metrics_source_record_active_count", 0.0),
        ("kafka_connect_sink_task_metrics_sink_record_read_total", 1000.0),
        ("kafka_connect_sink_task_metrics_partition_count", 1.0),
        ("kafka_connect_task_error_metrics_total_record_failures", 0.0),
        ("wharf_log_topics", 1.0),
        ("wharf_topic_rows_total", 1000.0),
        ("wharf_store_up", 1.0),
        ("wharf_task_stalled_seconds", 0.0),
    ] {
        assert_eq!(value(name, &[]), expected, "{name}");
    }
    for name in [
        "kafka_connect_connector_task_metrics_running_ratio",
        "kafka_connect_sink_task_metrics_put_batch_avg_time_ms",
        "kafka_connect_source_task_metrics_poll_batch_max_time_ms",
        "kafka_connect_connector_task_metrics_batch_size_max",
        "wharf_store_flush_seconds_count",
        "wharf_log_sync_seconds_count",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
    ] {
        assert!(value(name, &[]) > 0.0, "{name}");
    }
    for stage in ["poll", "send", "put", "flush", "commit"] {
        assert!(value("wharf_task_stage_seconds_count", &[&format!("stage=\"{stage}\"")]) > 0.0, "{stage}");
    }
    assert_eq!(value("kafka_connect_connector_metrics", &["status=\"running\""]), 1.0);
    assert_eq!(value("kafka_connect_connector_metrics", &["connector_class=\"file-sink\""]), 1.0);
}

#[test]
fn a_sink_that_gets_nowhere_is_stalled_in_the_status_the_metrics_and_once_in_the_log() {
    let works = Arc::new(AtomicBool::new(false));
    let is_up = works.clone();
    let server = HttpServer::start(move |_, _| {
        if is_up.load(Relaxed) { OK.to_owned() } else { "503 Service Unavailable\r\n\r\n".to_owned() }
    });
    let worker = Setup::new().plugin("http-sink").config("[tasks]\nstalled-after-ms = 1000\n").start();
    worker.reads(&lines::text(0..10));
    let config = json!({"connector.class": "http-sink", "topics": "lines", "http.url": server.url(),
        "errors.retry.timeout": -1, "errors.retry.delay.max.ms": 50});
    worker.create("to", config);
    let stalled = || worker.status("to").pointer("/tasks/0/stalled").cloned();
    let mut found = Value::Null;
    worker.wait_until("the sink is stalled", || {
        found = stalled().unwrap_or_default();
        !found.is_null()
    });
    assert!(found["for_ms"].as_u64().is_some_and(|ms| ms >= 1000), "{found}");
    assert!(found["reason"].as_str().is_some_and(|reason| reason.contains("put")), "{found}");
    let plain = worker.rest().get("/connectors/to/status").json;
    let keys: Vec<_> = plain["tasks"][0].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        ["id", "state", "version", "worker_id"],
        "what Kafka Connect does not know comes only where asked for"
    );
    let all = worker.rest().get("/connectors?expand=status&expand=details").json;
    assert!(all["to"]["status"]["tasks"][0]["stalled"].is_object(), "{all}");
    let said = worker.wharf(&["connector", "status", "to"]).ok().text();
    assert!(said.contains("task 0 has been getting nowhere for"), "{said}");
    assert!(worker.wharf(&["connector", "list"]).ok().text().contains("1 stalled"));
    let seconds = sample(&page(&worker), "wharf_task_stalled_seconds", &["connector=\"to\""]);
    assert!(seconds.is_some_and(|seconds| seconds >= 1.0), "{seconds:?}");
    worker.wait_until("the log says so", || worker.log().contains("the task is stalled"));
    works.store(true, Relaxed);
    worker.wait_until("it moves on", || stalled().is_none());
    worker.wait_until("the log says that too", || worker.log().contains("the task is not stalled any more"));
    assert_eq!(worker.log().matches("the task is stalled").count(), 1);
}

#[test]
fn an_orchestrator_can_ask_whether_the_worker_is_live_and_ready() {
    let worker = Worker::start();
    assert_eq!(worker.rest().get("/livez").json, json!({"status": "live"}));
    assert_eq!(worker.rest().get("/readyz").json, json!({"status": "ready"}));
}
