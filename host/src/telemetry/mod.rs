//! What the host tells an OpenTelemetry collector: spans of sampled events, and all metrics.
//!
//! Owns: the decision which events are recorded, spans, and their way to the collector (OTLP over HTTP, from a thread of
//! its own). Nothing waits for it: a span that has no room in the queue is dropped and counted. It knows no database and
//! no plugin. Without `telemetry.endpoint` a [`Telemetry`] is empty, and each of its methods one comparison.

mod encode;
mod exporter;
mod page;
mod queue;
mod span;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use metrics::Counter;
use tokio::sync::{mpsc, watch};

use crate::config::{self, Ratio, TraceTrust};
use crate::trace::{SpanId, TraceContext, TraceId};

pub use span::{Attribute, ClockReading, Kind, Span};

use exporter::{Exporter, Queues};
use queue::SpanQueue;

/// Records spans. Clones share their queue.
#[derive(Debug, Clone, Default)]
pub struct Telemetry(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    /// An event is recorded if a random number of 0 to a million is below.
    sampled_millionths: u32,
    spans: Arc<SpanQueue>,
    pages: mpsc::Sender<String>,
    metrics_interval: Option<Duration>,
    dropped: Counter,
    /// True ends the exporter.
    stop: watch::Sender<bool>,
    /// Closed when the exporter has ended.
    ended: watch::Receiver<()>,
    flush_timeout: Duration,
}

/// The trace of a received event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedTrace {
    /// The span of its receipt, which all others descend from.
    pub context: TraceContext,
    /// The sender's span, if the host continues its trace.
    pub parent: Option<SpanId>,
    /// The sender's span, if the host only names it.
    pub link: Option<TraceContext>,
}

impl Telemetry {
    /// Starts the exporter, if the configuration names a collector.
    ///
    /// # Errors
    /// When the system has no thread for it, or its HTTP client cannot be made.
    pub fn start(config: &config::Telemetry) -> Result<Self, std::io::Error> {
        let Some(endpoint) = &config.endpoint else { return Ok(Self::default()) };
        let spans = Arc::new(SpanQueue::new(config.queue_max, config.batch_max));
        // A page that waits is as good as the one after it.
        let (pages, queued_pages) = mpsc::channel(1);
        let (stop, stopping) = watch::channel(false);
        let (ends, ended) = watch::channel(());
        let exporter = Exporter::new(endpoint, config).map_err(std::io::Error::other)?;
        let dropped = exporter.dropped();
        let queues = Queues { spans: Arc::clone(&spans), pages: queued_pages, stop: stopping, ends };
        std::thread::Builder::new().name("telemetry".into()).spawn(move || exporter.run_thread(queues))?;
        let metrics_interval =
            (config.metrics_interval_ms > 0).then(|| Duration::from_millis(config.metrics_interval_ms));
        Ok(Self(Some(Arc::new(Inner {
            sampled_millionths: config.sample_ratio.millionths(),
            spans,
            pages,
            metrics_interval,
            dropped,
            stop,
            ended,
            flush_timeout: Duration::from_millis(config.flush_timeout_ms),
        }))))
    }

    /// Whether spans go anywhere.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Decides about the trace of a received event. `header` is the sender's `traceparent`. `None` for an event whose
    /// spans are not recorded and that continues nobody's trace.
    #[must_use]
    pub fn receive(&self, trust: TraceTrust, header: Option<&[u8]>) -> Option<ReceivedTrace> {
        let inner = self.0.as_ref()?;
        decide(inner.sampled_millionths, trust, header)
    }

    /// The context of a stored event, if spans go anywhere.
    #[must_use]
    pub fn active(&self, context: Option<TraceContext>) -> Option<TraceContext> {
        context.filter(|_| self.is_on())
    }

    /// Queues a span.
    pub fn record(&self, span: &Span<'_>) {
        if let Some(inner) = &self.0
            && !inner.spans.push(span)
        {
            inner.dropped.increment(1);
        }
    }

    /// The interval at which the collector gets all metrics, if it gets them.
    #[must_use]
    pub fn metrics_interval(&self) -> Option<Duration> {
        self.0.as_ref()?.metrics_interval
    }

    /// Queues the page of all metrics, in Prometheus' text format, unless an earlier one still waits.
    pub fn record_metrics(&self, page: String) {
        if let Some(inner) = &self.0 {
            let _waits = inner.pages.try_send(page);
        }
    }

    /// Sends what is queued, within `telemetry.flush_timeout_ms`. Later spans are dropped.
    pub async fn stop(&self) {
        let Some(inner) = &self.0 else { return };
        inner.stop.send_replace(true);
        let mut ended = inner.ended.clone();
        // It ends with an error, when the exporter drops its end.
        let _ended = tokio::time::timeout(inner.flush_timeout, ended.changed()).await;
    }
}

fn decide(sampled_millionths: u32, trust: TraceTrust, header: Option<&[u8]>) -> Option<ReceivedTrace> {
    let sender = if trust == TraceTrust::Ignore { None } else { header.and_then(TraceContext::parse) };
    if let (Some(sender), TraceTrust::Parent) = (sender, trust) {
        let span = if sender.sampled { new_span() } else { sender.span };
        let parent = sender.sampled.then_some(sender.span);
        return Some(ReceivedTrace { context: TraceContext { span, ..sender }, parent, link: None });
    }
    if sampled_millionths == 0 || rand::random_range(0..Ratio::ALL) >= sampled_millionths {
        return None;
    }
    let context = TraceContext { trace: new_trace()?, span: new_span(), sampled: true };
    Some(ReceivedTrace { context, parent: None, link: sender })
}

fn new_trace() -> Option<TraceId> {
    TraceId::new(rand::random())
}

fn new_span() -> SpanId {
    loop {
        if let Some(span) = SpanId::new(rand::random()) {
            return span;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const SAMPLED: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const UNSAMPLED: &[u8] = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

    #[test]
    fn a_sender_decides_only_where_the_operator_trusts_it() {
        use TraceTrust::{Ignore, Link, Parent};
        let sender = TraceContext::parse(SAMPLED).unwrap();
        // The ratio is 0: only a trusted sender has a trace recorded.
        assert_eq!(decide(0, Link, Some(SAMPLED)), None);
        assert_eq!(decide(0, Ignore, Some(SAMPLED)), None);
        assert_eq!(decide(0, Parent, None), None);
        assert_eq!(decide(0, Parent, Some(b"00-nonsense")), None);
        let continued = decide(0, Parent, Some(SAMPLED)).unwrap();
        assert_eq!(
            (continued.context.trace, continued.parent, continued.link),
            (sender.trace, Some(sender.span), None)
        );
        assert!(continued.context.sampled && continued.context.span != sender.span);
        // The ratio is 1: a trusted sender may have its trace left out.
        let left_out = decide(Ratio::ALL, Parent, Some(UNSAMPLED)).unwrap();
        assert_eq!(left_out.context, TraceContext::parse(UNSAMPLED).unwrap());
        for (trust, link) in [(Link, Some(sender)), (Ignore, None)] {
            let own = decide(Ratio::ALL, trust, Some(SAMPLED)).unwrap();
            assert!(own.context.sampled && own.context.trace != sender.trace);
            assert_eq!((own.parent, own.link), (None, link));
        }
    }

    #[test]
    fn about_the_configured_part_is_recorded() {
        let recorded = (0..20_000).filter(|_| decide(250_000, TraceTrust::Link, None).is_some()).count();
        assert!((4_500..5_500).contains(&recorded), "{recorded}");
    }

    #[tokio::test]
    async fn without_a_collector_nothing_is_recorded() {
        let telemetry = Telemetry::start(&config::Telemetry::default()).unwrap();
        assert!(!telemetry.is_on() && telemetry.metrics_interval().is_none());
        assert_eq!(telemetry.receive(TraceTrust::Parent, Some(SAMPLED)), None);
        assert_eq!(telemetry.active(TraceContext::parse(SAMPLED)), None);
        telemetry.stop().await;
    }
}
