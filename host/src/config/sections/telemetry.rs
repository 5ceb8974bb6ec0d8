//! Traces and metrics for an OpenTelemetry collector.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{EXPORTER, HOUR_MS};
use crate::config::formats;
use crate::config::section::section;
use crate::config::values::{Ratio, Secret};

/// How spans and metrics go to the collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// Protocol Buffers in POST requests.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

section! {
    /// Traces and metrics for an OpenTelemetry collector (OTLP). Off unless `endpoint` is set. A collector that is down
    /// or slow delays no event: what has no room in the queue is dropped, and counted in
    /// `hookyard_telemetry_spans_total`.
    pub struct Telemetry {
        /// The collector's base URL. Spans go to `/v1/traces` below it, metrics to `/v1/metrics`. It may be internal.
        #[key(default = None, example = "\"http://127.0.0.1:4318\"", restart = EXPORTER)]
        #[serde(deserialize_with = "formats::collector")]
        pub endpoint: Option<String>,
        /// The protocol: `http/protobuf`.
        #[key(default = Protocol::HttpProtobuf, restart = EXPORTER)]
        pub protocol: Protocol,
        /// Headers of each request, such as a token of the collector. The values are secrets: `env:NAME`, `file:PATH`.
        #[key(default = BTreeMap::new(), example = "{ authorization = \"env:COLLECTOR_TOKEN\" }", restart = EXPORTER)]
        #[serde(deserialize_with = "formats::secret_headers")]
        pub headers: BTreeMap<String, Secret>,
        /// The part of events whose trace is recorded, 0 to 1. The sender decides instead where its source has
        /// `traceparent = "parent"` and the request has the header.
        #[key(default = Ratio::of_millionths(10_000), restart = EXPORTER)]
        pub sample_ratio: Ratio,
        /// The name of this service in traces and metrics (`service.name`).
        #[key(default = "hookyard".into(), restart = EXPORTER)]
        pub service_name: String,
        /// Spans that wait for the collector. Above it, further ones are dropped and counted.
        #[key(default = 8192, range = 1..=1_000_000, restart = EXPORTER)]
        pub queue_max: usize,
        /// Spans of one request.
        #[key(default = 512, range = 1..=10_000, restart = EXPORTER)]
        pub batch_max: usize,
        /// Longest wait for a request to fill, in milliseconds.
        #[key(default = 1000, range = 1..=HOUR_MS, restart = EXPORTER)]
        pub batch_wait_ms: u64,
        /// Time for one request, in milliseconds. A failed one is not repeated: its spans are dropped and counted.
        #[key(default = 5000, range = 1..=60_000, restart = EXPORTER)]
        pub timeout_ms: u64,
        /// Interval at which all metrics of `/metrics` are sent, in milliseconds. 0 = never.
        #[key(default = 60_000, range = 0..=HOUR_MS, restart = EXPORTER)]
        pub metrics_interval_ms: u64,
        /// Time for the last spans when the host stops, in milliseconds.
        #[key(default = 1000, range = 0..=60_000, restart = EXPORTER)]
        pub flush_timeout_ms: u64,
    }
}
