//! The spans of a received event: its receipt, its verification, and the wait for its commit.

use std::time::Instant;

use http::HeaderMap;

use super::answer::Answer;
use crate::telemetry::{ClockReading, Kind, ReceivedTrace, Span, Telemetry};
use crate::trace::{HEADER, SpanKey};

/// The times of a request's steps.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReceiptTimes {
    /// When its head was read.
    pub(super) began: Instant,
    /// When its body was read.
    pub(super) read_body: Instant,
    /// When it was verified and its event was read.
    pub(super) verified: Instant,
}

/// The sender's trace context, unless it gives several.
pub(super) fn find_header(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(HEADER).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.as_bytes())
}

/// Records the spans of a verified event that was answered now. `names` are those of its source, of itself and of its
/// type.
pub(super) fn record(
    telemetry: &Telemetry,
    trace: &ReceivedTrace,
    times: ReceiptTimes,
    [source, event, event_type]: [&str; 3],
    answer: &Answer<'_>,
) {
    let ReceivedTrace { context, parent, link } = *trace;
    let reading = ClockReading::now();
    let [began, read_body, verified] =
        [times.began, times.read_body, times.verified].map(|moment| reading.system_time(moment));
    let answered = reading.system;
    let verify = context.derived(SpanKey::Verify, &[]);
    telemetry.record(&Span::of(verify, context, "verify", (read_body, verified)));
    let commit = context.derived(SpanKey::Commit, &[]);
    telemetry.record(&Span::of(commit, context, "commit", (verified, answered)));
    let code = answer.code.as_u16();
    let attributes = [
        ("http.request.method", "POST".into()),
        ("http.route", "/webhooks/{source}".into()),
        ("http.response.status_code", u32::from(code).into()),
        ("hookyard.source", source.into()),
        ("hookyard.event.id", event.into()),
        ("hookyard.event.type", event_type.into()),
        ("hookyard.status", answer.status.into()),
    ];
    let receipt = Span::of(context, context, "POST /webhooks/{source}", (began, answered))
        .kind(Kind::Server)
        .with(&attributes)
        .failed((code >= 500).then_some("unavailable"));
    telemetry.record(&Span { parent, link, ..receipt });
}
