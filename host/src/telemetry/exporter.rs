//! Sends spans and metrics to the collector, from a thread of its own.
//!
//! A request that fails is not repeated: its spans are dropped and counted, so that a collector that is down costs no
//! memory. Of an answer, little is read, and nothing is logged but its status.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use metrics::Counter;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::encode::Service;
use super::page;
use super::queue::{Batch, SpanQueue};
use crate::config;

/// The most that is read of an answer: one names at most an error.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// The interval at which the queue is looked at while a batch fills: if a full one woke this thread, whoever records a
/// span would pay for that.
const COLLECT_INTERVAL: Duration = Duration::from_millis(10);

/// What comes to the exporter.
pub(super) struct Queues {
    pub(super) spans: Arc<SpanQueue>,
    pub(super) pages: mpsc::Receiver<String>,
    pub(super) stop: watch::Receiver<bool>,
    /// Dropped at the end.
    pub(super) ends: watch::Sender<()>,
}

/// See the module.
pub(super) struct Exporter {
    client: reqwest::Client,
    traces: Destination,
    metrics: Destination,
    headers: HeaderMap,
    service: Service,
    batch_wait: Duration,
    flush_timeout: Duration,
    exported: Counter,
    dropped: Counter,
}

/// A URL of the collector, and how the last request to it ended.
struct Destination {
    url: String,
    signal: &'static str,
    delivered: Counter,
    failed: Counter,
    /// Failures since the last success.
    failures: u64,
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{0}")]
    Unreachable(String),
    #[error("it answered with status {0}")]
    Status(u16),
    #[error("its answer has more than {ANSWER_MAX_BYTES} bytes")]
    TooLarge,
    #[error("its answer is no OTLP message")]
    Garbage,
}

impl Destination {
    fn new(endpoint: &str, signal: &'static str) -> Self {
        let counter = |outcome| metrics::counter!("hookyard_telemetry_requests_total", "signal" => signal, "outcome" => outcome);
        Self {
            url: format!("{endpoint}/v1/{signal}"),
            signal,
            delivered: counter("delivered"),
            failed: counter("failed"),
            failures: 0,
        }
    }

    /// Counts a request, and logs when requests begin to fail and when they succeed again.
    fn note(&mut self, result: &Result<(), ExportError>) {
        let signal = self.signal;
        match result {
            Ok(()) => {
                self.delivered.increment(1);
                if self.failures > 0 {
                    tracing::info!(
                        signal,
                        failures = self.failures,
                        "the OpenTelemetry collector takes requests again"
                    );
                }
                self.failures = 0;
            }
            Err(error) => {
                self.failed.increment(1);
                if self.failures == 0 {
                    tracing::warn!(
                        signal,
                        "the OpenTelemetry collector does not take a request; what it does not take is dropped: {error}"
                    );
                }
                self.failures += 1;
            }
        }
    }
}

impl Exporter {
    pub(super) fn new(endpoint: &str, config: &config::Telemetry) -> Result<Self, reqwest::Error> {
        let builder = reqwest::Client::builder()
            .user_agent(concat!("hookyard/", env!("CARGO_PKG_VERSION")))
            .no_proxy()
            // The headers may hold a token, which is for this collector.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .timeout(Duration::from_millis(config.timeout_ms));
        // Plain HTTP needs no certificates, so it also works on a machine without them.
        let client = if endpoint.starts_with("http:") {
            builder.tls_certs_only([]).build()?
        } else {
            builder.build()?
        };
        let header = |(name, value): (&String, &config::Secret)| {
            let mut value = HeaderValue::from_str(value.expose()).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        let mut headers: HeaderMap = config.headers.iter().filter_map(header).collect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        let counter = |outcome| metrics::counter!("hookyard_telemetry_spans_total", "outcome" => outcome);
        Ok(Self {
            client,
            traces: Destination::new(endpoint, "traces"),
            metrics: Destination::new(endpoint, "metrics"),
            headers,
            service: Service::new(&config.service_name),
            batch_wait: Duration::from_millis(config.batch_wait_ms),
            flush_timeout: Duration::from_millis(config.flush_timeout_ms),
            exported: counter("exported"),
            dropped: counter("dropped"),
        })
    }

    /// Counts spans that never reached the collector.
    pub(super) fn dropped(&self) -> Counter {
        self.dropped.clone()
    }

    /// Runs until it is stopped. It has a runtime of its own, so that it takes nothing of the threads that serve senders.
    pub(super) fn run_thread(self, queues: Queues) {
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                runtime.block_on(self.run(queues));
                // A look-up of a name may be under way.
                runtime.shutdown_background();
            }
            Err(error) => tracing::error!("nothing goes to the OpenTelemetry collector: {error}"),
        }
    }

    async fn run(mut self, queues: Queues) {
        let Queues { spans, mut pages, mut stop, ends } = queues;
        let mut stopping = stop.clone();
        // When the oldest span has waited long enough; `None` if none waits.
        let mut due: Option<Instant> = None;
        loop {
            let now = Instant::now();
            let look =
                due.map(|due| if spans.has_full_batch() { now } else { due.min(now + COLLECT_INTERVAL) });
            tokio::select! {
                () = spans.filled(), if look.is_none() => due = Some(Instant::now() + self.batch_wait),
                () = sleep_until(look.unwrap_or(now)), if look.is_some() => {}
                Some(page) = pages.recv() => self.export_metrics(&page, &mut stop).await,
                _ = stopping.wait_for(|&stop| stop) => break,
            }
            let is_due = due.is_some_and(|due| Instant::now() >= due);
            if (is_due || spans.has_full_batch())
                && let Some(batch) = spans.pop()
            {
                self.export_spans(&batch, &mut stop).await;
                due = (spans.count() > 0).then(|| Instant::now() + self.batch_wait);
            }
        }
        spans.close();
        self.flush(&spans).await;
        drop(ends);
    }

    /// Sends what is queued, within the time for it.
    async fn flush(&mut self, spans: &SpanQueue) {
        let deadline = Instant::now() + self.flush_timeout;
        while let Some(batch) = spans.pop() {
            let Ok((result, rejected)) = timeout_at(deadline, self.send_spans(&batch)).await else {
                self.dropped.increment((batch.count + spans.count()) as u64);
                break;
            };
            self.count(&result, batch.count as u64, rejected);
        }
    }

    /// Sends spans. After a stop, a request that is under way has the time for the last spans.
    async fn export_spans(&mut self, batch: &Batch, stop: &mut watch::Receiver<bool>) {
        let count = batch.count as u64;
        let flush_timeout = self.flush_timeout;
        let sent = tokio::select! {
            sent = self.send_spans(batch) => Some(sent),
            () = stopped_for(stop, flush_timeout) => None,
        };
        match sent {
            Some((result, rejected)) => self.count(&result, count, rejected),
            None => self.dropped.increment(count),
        }
    }

    fn count(&mut self, result: &Result<(), ExportError>, count: u64, rejected: u64) {
        let lost = if result.is_ok() { rejected.min(count) } else { count };
        self.exported.increment(count - lost);
        self.dropped.increment(lost);
        self.traces.note(result);
    }

    /// Sends spans. Returns the number that the collector has rejected, too.
    async fn send_spans(&self, batch: &Batch) -> (Result<(), ExportError>, u64) {
        match self.post(&self.traces.url, self.service.spans(batch)).await {
            Ok(answer) => match ExportTraceServiceResponse::decode(&answer[..]) {
                Ok(answer) => {
                    let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
                    (Ok(()), u64::try_from(rejected).unwrap_or(0))
                }
                Err(_) => (Err(ExportError::Garbage), 0),
            },
            Err(error) => (Err(error), 0),
        }
    }

    async fn export_metrics(&mut self, page: &str, stop: &mut watch::Receiver<bool>) {
        let body = self.service.metrics(page::read(page)).encode_to_vec();
        let sent = tokio::select! {
            sent = self.post(&self.metrics.url, body) => sent,
            () = stopped_for(stop, Duration::ZERO) => return,
        };
        let result = sent.and_then(|answer| {
            ExportMetricsServiceResponse::decode(&answer[..]).map(drop).map_err(|_| ExportError::Garbage)
        });
        self.metrics.note(&result);
    }

    /// Posts a message. Returns the answer's body.
    async fn post(&self, url: &str, body: Vec<u8>) -> Result<Vec<u8>, ExportError> {
        let request = self.client.post(url).headers(self.headers.clone()).body(body);
        let mut response = request.send().await.map_err(unreachable)?;
        if !response.status().is_success() {
            return Err(ExportError::Status(response.status().as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if answer.len() + chunk.len() > ANSWER_MAX_BYTES {
                return Err(ExportError::TooLarge);
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

/// Ends this time after a stop.
async fn stopped_for(stop: &mut watch::Receiver<bool>, time: Duration) {
    let _stopped = stop.wait_for(|&stop| stop).await;
    tokio::time::sleep(time).await;
}

/// The root of the error, without the URL.
fn unreachable(error: reqwest::Error) -> ExportError {
    if error.is_timeout() {
        return ExportError::Unreachable("it does not answer within telemetry.timeout_ms".into());
    }
    let mut root: &dyn std::error::Error = &error;
    while let Some(source) = root.source() {
        root = source;
    }
    ExportError::Unreachable(root.to_string())
}
