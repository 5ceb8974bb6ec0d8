//! Requests to the collector: OTLP messages.

use std::time::SystemTime;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
use prost::Message as _;

use super::page::{Family, Value};
use super::queue::Batch;
use super::wire::{nanoseconds, write_message};

/// `ExportTraceServiceRequest.resource_spans`.
const RESOURCE_SPANS: u8 = 1;
/// `ResourceSpans.scope_spans`.
const SCOPE_SPANS: u8 = 2;

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
                attributes: attributes.map(|(key, text)| key_value(key.into(), text.into())).into(),
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

    /// An `ExportTraceServiceRequest` with these spans.
    pub(super) fn spans(&self, batch: &Batch) -> Vec<u8> {
        let resource_spans =
            ResourceSpans { resource: Some(self.resource.clone()), ..ResourceSpans::default() };
        let scope_spans = ScopeSpans { scope: Some(self.scope.clone()), ..ScopeSpans::default() };
        let mut body = Vec::with_capacity(batch.bytes.len() + 512);
        // A message continues with the elements of a repeated field.
        write_message(&mut body, RESOURCE_SPANS, |body| {
            body.extend(resource_spans.encode_to_vec());
            write_message(body, SCOPE_SPANS, |body| {
                body.extend(scope_spans.encode_to_vec());
                body.extend_from_slice(&batch.bytes);
            });
        });
        body
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
    labels.into_iter().map(|(name, value)| key_value(name, value)).collect()
}

fn key_value(key: String, text: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(text)) });
    KeyValue { key, value, ..KeyValue::default() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;

    use super::super::span::Span;
    use super::super::wire::write_span;
    use super::*;
    use crate::trace::TraceContext;

    #[test]
    fn a_request_holds_the_service_and_each_span_of_the_batch() {
        let context =
            TraceContext::parse(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        let service = Service::new("clinic");
        for count in [0, 1, 3, 1_000] {
            let mut batch = Batch { bytes: Vec::new(), count };
            for _ in 0..count {
                let span = Span::of(context, context, "verify", (service.started, service.started));
                write_span(&span, &mut batch.bytes);
            }
            let request = ExportTraceServiceRequest::decode(&service.spans(&batch)[..]).unwrap();
            let [resource_spans] = &request.resource_spans[..] else { panic!("{request:?}") };
            assert_eq!(resource_spans.resource.as_ref(), Some(&service.resource));
            let [scope_spans] = &resource_spans.scope_spans[..] else { panic!("{resource_spans:?}") };
            assert_eq!(scope_spans.scope.as_ref(), Some(&service.scope));
            assert_eq!(scope_spans.spans.len(), count);
        }
    }
}
