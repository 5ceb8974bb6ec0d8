//! Spans and metrics as OTLP messages.

use std::time::{SystemTime, UNIX_EPOCH};

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
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as ProtoSpan, Status};

use super::page::{Family, Value};
use super::span::{Attribute, Kind, Span};

/// The W3C trace flag of a sampled span.
const SAMPLED: u32 = 1;

/// The service that the spans and metrics are of.
#[derive(Debug, Clone)]
pub(super) struct Service {
    resource: Resource,
    scope: InstrumentationScope,
    started: SystemTime,
}

impl Service {
    /// This process, under the configured name.
    pub(super) fn new(name: &str) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let instance = hex::encode(rand::random::<[u8; 16]>());
        let attributes = [
            ("service.name", name),
            ("service.version", version),
            ("service.instance.id", &instance),
            ("telemetry.sdk.language", "rust"),
        ];
        Self {
            resource: Resource {
                attributes: attributes.map(|(key, text)| key_value(key, text.into())).into(),
                ..Resource::default()
            },
            scope: InstrumentationScope {
                name: "hookyard".into(),
                version: version.into(),
                ..InstrumentationScope::default()
            },
            started: SystemTime::now(),
        }
    }

    /// A request with these spans.
    pub(super) fn spans(&self, spans: Vec<Span>) -> ExportTraceServiceRequest {
        let spans = spans.into_iter().map(proto_span).collect();
        let scope_spans = ScopeSpans { scope: Some(self.scope.clone()), spans, ..ScopeSpans::default() };
        let resource_spans = ResourceSpans {
            resource: Some(self.resource.clone()),
            scope_spans: vec![scope_spans],
            ..ResourceSpans::default()
        };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
    }

    /// A request with these metrics, as they are now.
    pub(super) fn metrics(&self, families: Vec<Family>) -> ExportMetricsServiceRequest {
        let now = nanoseconds(SystemTime::now());
        // The system clock may have been set back since.
        let times = Times { start: nanoseconds(self.started).min(now), now };
        let metrics = families.into_iter().map(|family| times.metric(family)).collect();
        let scope_metrics =
            ScopeMetrics { scope: Some(self.scope.clone()), metrics, ..ScopeMetrics::default() };
        let resource_metrics = ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics: vec![scope_metrics],
            ..ResourceMetrics::default()
        };
        ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
    }
}

fn proto_span(span: Span) -> ProtoSpan {
    let attributes = span.attributes.into_iter().map(|(key, value)| key_value(key, value)).collect();
    let link = span.link.map(|link| Link {
        trace_id: link.trace.as_bytes().to_vec(),
        span_id: link.span.as_bytes().to_vec(),
        flags: u32::from(link.sampled),
        ..Link::default()
    });
    let status = span.error.map(|error| Status { message: error.into(), code: StatusCode::Error.into() });
    ProtoSpan {
        trace_id: span.context.trace.as_bytes().to_vec(),
        span_id: span.context.span.as_bytes().to_vec(),
        parent_span_id: span.parent.map(|parent| parent.as_bytes().to_vec()).unwrap_or_default(),
        flags: SAMPLED,
        name: span.name,
        kind: kind_of(span.kind).into(),
        start_time_unix_nano: nanoseconds(span.start),
        end_time_unix_nano: nanoseconds(span.end),
        attributes,
        links: link.into_iter().collect(),
        status,
        ..ProtoSpan::default()
    }
}

fn kind_of(kind: Kind) -> SpanKind {
    match kind {
        Kind::Internal => SpanKind::Internal,
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
        Kind::Consumer => SpanKind::Consumer,
        Kind::Producer => SpanKind::Producer,
    }
}

/// Times of cumulative metrics.
#[derive(Clone, Copy)]
struct Times {
    start: u64,
    now: u64,
}

impl Times {
    fn metric(self, family: Family) -> Metric {
        let Family { name, help, value } = family;
        let cumulative = AggregationTemporality::Cumulative.into();
        let data = match value {
            Value::Gauge(samples) => metric::Data::Gauge(Gauge {
                data_points: samples.into_iter().map(|s| self.number(s)).collect(),
            }),
            Value::Counter(samples) => metric::Data::Sum(Sum {
                data_points: samples.into_iter().map(|sample| self.number(sample)).collect(),
                aggregation_temporality: cumulative,
                is_monotonic: true,
            }),
            Value::Histogram(distributions) => metric::Data::Histogram(Histogram {
                data_points: distributions
                    .into_iter()
                    .map(|(labels, distribution)| HistogramDataPoint {
                        attributes: attributes(labels),
                        start_time_unix_nano: self.start,
                        time_unix_nano: self.now,
                        count: distribution.count,
                        sum: Some(distribution.sum),
                        bucket_counts: distribution.buckets,
                        explicit_bounds: distribution.bounds,
                        ..HistogramDataPoint::default()
                    })
                    .collect(),
                aggregation_temporality: cumulative,
            }),
        };
        Metric { name, description: help, data: Some(data), ..Metric::default() }
    }

    fn number(self, (labels, value): (Vec<(String, String)>, f64)) -> NumberDataPoint {
        NumberDataPoint {
            attributes: attributes(labels),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            value: Some(number_data_point::Value::AsDouble(value)),
            ..NumberDataPoint::default()
        }
    }
}

fn attributes(labels: Vec<(String, String)>) -> Vec<KeyValue> {
    labels.into_iter().map(|(name, value)| key_value(&name, Attribute::Text(value))).collect()
}

fn key_value(key: &str, value: Attribute) -> KeyValue {
    let value = match value {
        Attribute::Text(text) => any_value::Value::StringValue(text),
        Attribute::Number(number) => any_value::Value::IntValue(number),
    };
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
