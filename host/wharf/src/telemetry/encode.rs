//! Spans and figures as OTLP's messages.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;
use wharf_api::metrics::{Families, Family, Labels};
use wharf_core::figures::{Kind, Value};
use wharf_core::histogram::Buckets;
use wharf_core::trace::{BatchSpan, Stage, TraceContext};

/// Who exports.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) service: String,
    pub(super) version: String,
    /// `host:port` of the REST API.
    pub(super) instance: String,
    /// When everything was zero.
    pub(super) began: SystemTime,
}

impl Identity {
    fn resource(&self) -> Resource {
        let attributes = vec![
            text("service.name", &self.service),
            text("service.version", &self.version),
            text("service.instance.id", &self.instance),
        ];
        Resource { attributes, ..Resource::default() }
    }

    fn scope(&self) -> InstrumentationScope {
        InstrumentationScope { name: "wharf".to_owned(), version: self.version.clone(), ..Default::default() }
    }
}

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, any_value::Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: u64) -> KeyValue {
    attribute(key, any_value::Value::IntValue(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn nanos(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK`, and `…IS_REMOTE_MASK`.
const KNOWS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

/// The body of a request to `/v1/traces`.
pub(super) fn spans(identity: &Identity, spans: impl Iterator<Item = BatchSpan>) -> Bytes {
    let scope_spans =
        vec![ScopeSpans { scope: Some(identity.scope()), spans: spans.map(span).collect(), ..Default::default() }];
    let resource_spans =
        vec![ResourceSpans { resource: Some(identity.resource()), scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
}

fn span(span: BatchSpan) -> Span {
    let kind = match span.stage {
        Stage::Send => SpanKind::Producer,
        Stage::Put => SpanKind::Consumer,
        Stage::Handle => SpanKind::Server,
        _ => SpanKind::Internal,
    };
    let is_remote = matches!(span.stage, Stage::Put | Stage::Handle) && span.parent.is_some();
    let flags = u32::from(span.context.sampled) | KNOWS_REMOTE | if is_remote { IS_REMOTE } else { 0 };
    let mut attributes = vec![text("wharf.connector", &span.connector), number("wharf.task", span.task.into())];
    if span.rows > 0 {
        attributes.push(number("messaging.batch.message_count", span.rows.into()));
        attributes.push(number("wharf.batch.bytes", span.bytes));
    }
    let status = span.error.map(|message| Status { code: StatusCode::Error.into(), message });
    Span {
        trace_id: span.context.trace.to_vec(),
        span_id: span.context.span.to_vec(),
        parent_span_id: span.parent.map(|parent| parent.span.to_vec()).unwrap_or_default(),
        flags,
        name: format!("{} {}", span.stage.as_str(), span.connector),
        kind: kind.into(),
        start_time_unix_nano: nanos(span.began),
        end_time_unix_nano: nanos(span.ended),
        attributes,
        links: span.links.iter().map(link).collect(),
        status,
        ..Span::default()
    }
}

fn link(context: &TraceContext) -> Link {
    let flags = u32::from(context.sampled) | KNOWS_REMOTE | IS_REMOTE;
    Link { trace_id: context.trace.to_vec(), span_id: context.span.to_vec(), flags, ..Link::default() }
}

/// The body of a request to `/v1/metrics`.
pub(super) fn metrics(identity: &Identity, families: &Families) -> Bytes {
    let times = (nanos(identity.began), nanos(SystemTime::now()));
    let metrics = families.iter().map(|(name, family)| metric(name, family, times)).collect();
    let scope_metrics = vec![ScopeMetrics { scope: Some(identity.scope()), metrics, ..ScopeMetrics::default() }];
    let resource_metrics =
        vec![ResourceMetrics { resource: Some(identity.resource()), scope_metrics, ..ResourceMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics }.encode_to_vec().into()
}

fn metric(name: &str, family: &Family, times: (u64, u64)) -> Metric {
    let cumulative = AggregationTemporality::Cumulative.into();
    let points = || family.series.iter().filter_map(|(labels, value)| point(labels, value, times)).collect();
    let data = match family.kind {
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points: points() }),
        Kind::Counter => {
            metric::Data::Sum(Sum { data_points: points(), aggregation_temporality: cumulative, is_monotonic: true })
        }
        Kind::Histogram => {
            let points = family.series.iter().filter_map(|(labels, value)| buckets(labels, value, times));
            metric::Data::Histogram(Histogram { data_points: points.collect(), aggregation_temporality: cumulative })
        }
    };
    let base = name.strip_suffix("_total").unwrap_or(name);
    let unit = match base {
        base if base.ends_with("_seconds") => "s",
        base if base.ends_with("_bytes") => "By",
        base if base.ends_with("_ms") => "ms",
        _ => "",
    };
    Metric {
        name: name.to_owned(),
        description: family.help.clone(),
        unit: unit.to_owned(),
        data: Some(data),
        ..Metric::default()
    }
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    labels.iter().map(|(name, value)| text(name, value)).collect()
}

/// `None` where there is no value.
fn point(labels: &Labels, value: &Value, (began, now): (u64, u64)) -> Option<NumberDataPoint> {
    let value = match value {
        Value::Whole(whole) => number_data_point::Value::AsInt(i64::try_from(*whole).unwrap_or(i64::MAX)),
        Value::Real(real) if !real.is_nan() => number_data_point::Value::AsDouble(*real),
        Value::Real(_) | Value::Histogram(_) => return None,
    };
    Some(NumberDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: began,
        time_unix_nano: now,
        value: Some(value),
        ..NumberDataPoint::default()
    })
}

fn buckets(labels: &Labels, value: &Value, (began, now): (u64, u64)) -> Option<HistogramDataPoint> {
    let Value::Histogram(Buckets { buckets, count, sum }) = value else { return None };
    // OTLP's buckets are not cumulative, and have one more for what is beyond.
    let mut before = 0;
    let ends = buckets.iter().map(|(_, below)| *below).chain([*count]);
    let bucket_counts = ends.map(|end| end.saturating_sub(std::mem::replace(&mut before, end))).collect();
    Some(HistogramDataPoint {
        attributes: attributes(labels),
        start_time_unix_nano: began,
        time_unix_nano: now,
        count: *count,
        sum: Some(*sum),
        bucket_counts,
        explicit_bounds: buckets.iter().map(|(bound, _)| *bound).collect(),
        ..HistogramDataPoint::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_not_cumulative_in_otlp() {
        let histogram = Value::Histogram(Buckets { buckets: vec![(0.1, 2), (1.0, 5)], count: 6, sum: 3.5 });
        let point = buckets(&vec![("stage".to_owned(), "put".to_owned())], &histogram, (1, 2)).unwrap();
        assert_eq!((point.bucket_counts, point.explicit_bounds), (vec![2, 3, 1], vec![0.1, 1.0]));
        assert_eq!((point.count, point.sum, point.start_time_unix_nano), (6, Some(3.5), 1));
        assert_eq!(point.attributes, [text("stage", "put")]);
    }

    #[test]
    fn an_average_of_nothing_is_left_out() {
        assert_eq!(point(&Vec::new(), &Value::Real(f64::NAN), (1, 2)), None);
        let value = point(&Vec::new(), &Value::Whole(u64::MAX), (1, 2)).unwrap().value;
        assert_eq!(value, Some(number_data_point::Value::AsInt(i64::MAX)));
    }

    #[test]
    fn a_span_says_whose_it_is_and_what_led_to_it() {
        let context = |number| TraceContext { trace: [number; 16], span: [number; 8], sampled: true };
        let finished = BatchSpan {
            context: context(1),
            parent: Some(context(2)),
            links: vec![context(3)],
            stage: Stage::Put,
            connector: "c".to_owned(),
            task: 7,
            began: UNIX_EPOCH,
            ended: SystemTime::now(),
            rows: 5,
            bytes: 50,
            error: Some("no".to_owned()),
        };
        let span = span(finished);
        assert_eq!((span.trace_id.as_slice(), span.parent_span_id.as_slice()), ([1; 16].as_slice(), [2; 8].as_slice()));
        assert_eq!((span.name.as_str(), span.kind()), ("put c", SpanKind::Consumer));
        assert_eq!(span.links.first().map(|link| link.trace_id.clone()), Some(vec![3; 16]));
        assert_eq!(span.flags, 0x301);
        assert!(span.attributes.contains(&number("messaging.batch.message_count", 5)));
        assert_eq!(span.status.map(|status| (status.code, status.message)), Some((2, "no".to_owned())));
    }
}
