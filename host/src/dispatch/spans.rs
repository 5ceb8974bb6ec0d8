//! The spans of deliveries, attempts and effects.
//!
//! Their ids are derived from the event's trace and their numbers, so an attempt after a restart has the same delivery as
//! its parent, which is recorded when it is over.

use std::time::{Duration, SystemTime};

use crate::clock;
use crate::completion::FinishedAttempt;
use crate::delivery::{Attempt, Cause, Delivery, DeliveryId, NextStep, Outcome};
use crate::effect::{EffectOutcome, LeasedEffect};
use crate::runtime::{CallTrace, HostCall, Stages, Step};
use crate::telemetry::{ClockReading, Kind, Span, Telemetry};
use crate::trace::{AttemptTrace, SpanKey, TraceContext};

/// The spans of one attempt at a delivery.
#[derive(Clone, Copy)]
pub(super) struct AttemptSpans<'a> {
    telemetry: &'a Telemetry,
    event: TraceContext,
    id: DeliveryId,
    number: u32,
    started: SystemTime,
}

impl<'a> AttemptSpans<'a> {
    /// Begins the spans of the next attempt, which has waited this long. `None` without a trace.
    pub(super) fn begin(telemetry: &'a Telemetry, delivery: &Delivery, waited: Duration) -> Option<Self> {
        let event = telemetry.active(delivery.event.trace)?;
        let (id, number, started) = (delivery.id, delivery.attempts + 1, SystemTime::now());
        let spans = Self { telemetry, event, id, number, started };
        if event.sampled {
            let began = started.checked_sub(waited).unwrap_or(started);
            let wait = spans.derived(SpanKey::Wait);
            telemetry.record(&Span::of(wait, delivery_context(event, id), "wait", (began, started)));
        }
        Some(spans)
    }

    /// The trace that is committed with the attempt.
    pub(super) fn attempt_trace(&self, delivery: &Delivery) -> AttemptTrace {
        let age = Duration::from_millis(clock::now_ms().saturating_sub(delivery.since));
        let since = SystemTime::now().checked_sub(age).unwrap_or(self.started);
        let event_id = if self.event.sampled { delivery.event.id.clone() } else { String::new() };
        AttemptTrace { event: self.event, event_id, since }
    }

    /// The span of a call, for the host calls within it.
    pub(super) fn call(&self, rerun: u32) -> CallTrace {
        let numbers = [self.id.event, self.id.number, self.number.into(), rerun.into()];
        CallTrace { context: self.event.derived(SpanKey::Call, &numbers), numbers }
    }

    /// Records the steps of one run of the attempt.
    pub(super) fn record_run(&self, call: &CallTrace, stages: Stages, plugin: &str) {
        if !self.event.sampled {
            return;
        }
        let attempt = self.derived(SpanKey::Attempt);
        let Stages { instantiate, call: called, host_calls } = stages;
        let reading = ClockReading::now();
        if let Some(step) = instantiate {
            let context = self.event.derived(SpanKey::Instantiate, &call.numbers);
            self.telemetry.record(&Span::of(context, attempt, "instantiate", times_of(reading, step)));
        }
        if let Some(step) = called {
            let span = Span::of(call.context, attempt, "call", times_of(reading, step));
            self.telemetry.record(&span.with(&[("hookyard.plugin", plugin.into())]));
        }
        for HostCall { context, name, origin, status, step, error } in host_calls {
            let origin = origin.as_deref().map(|origin| ("server.address", origin.into()));
            let status = status.map(|status| ("http.response.status_code", u32::from(status).into()));
            let attributes: Vec<_> = origin.into_iter().chain(status).collect();
            let span = Span::of(context, call.context, name, times_of(reading, step))
                .kind(if name.starts_with("HTTP ") { Kind::Client } else { Kind::Internal })
                .with(&attributes)
                .failed(error);
            self.telemetry.record(&span);
        }
    }

    /// Records the attempt, which has ended.
    pub(super) fn record(&self, delivery: &Delivery, revision: &str, outcome: Outcome, cause: Option<Cause>) {
        if !self.event.sampled {
            return;
        }
        let parent = delivery_context(self.event, self.id);
        let id = self.id.to_string();
        let attributes = [
            ("hookyard.plugin", delivery.plugin.as_str().into()),
            ("hookyard.delivery.id", id.as_str().into()),
            ("hookyard.attempt", self.number.into()),
            ("hookyard.revision", revision.into()),
            ("hookyard.outcome", outcome.as_str().into()),
        ];
        let span = Span::since(self.derived(SpanKey::Attempt), parent, "attempt", self.started)
            .with(&attributes)
            .failed(cause.map(Cause::as_str));
        self.telemetry.record(&span);
    }

    fn derived(&self, key: SpanKey) -> TraceContext {
        self.event.derived(key, &[self.id.event, self.id.number, self.number.into()])
    }
}

/// Records that an attempt was committed, and the delivery if it is over.
pub(super) fn record_finish(telemetry: &Telemetry, finished: &FinishedAttempt) {
    let Some(trace) = &finished.trace else { return };
    let AttemptTrace { event, event_id, since } = &**trace;
    if !event.sampled {
        return;
    }
    let FinishedAttempt { id, attempt: Attempt { number, .. }, plugin, .. } = finished;
    let delivery = delivery_context(*event, *id);
    let finish = event.derived(SpanKey::Finish, &[id.event, id.number, (*number).into()]);
    let reading = ClockReading::now();
    let committed = (reading.system_time(finished.submitted), reading.system);
    telemetry.record(&Span::of(finish, delivery, "finish", committed));
    if matches!(finished.next, NextStep::Wait(_)) {
        return;
    }
    let is_dead = finished.next == NextStep::Dead;
    let id = id.to_string();
    let attributes = [
        ("hookyard.plugin", plugin.as_str().into()),
        ("hookyard.event.id", event_id.as_str().into()),
        ("hookyard.delivery.id", id.as_str().into()),
        ("hookyard.attempts", (*number).into()),
    ];
    let span = Span::of(delivery, *event, "deliver to ", (*since, reading.system))
        .kind(Kind::Consumer)
        .with(&attributes)
        .failed(is_dead.then_some("dead letter"));
    telemetry.record(&Span { object: plugin.as_str(), ..span });
}

/// The span of the next attempt at an effect.
pub(super) fn effect_context(effect: &LeasedEffect, trace: TraceContext) -> TraceContext {
    let id = effect.id;
    let attempt = i64::from(effect.attempts + 1);
    trace.derived(SpanKey::Effect, &[id.delivery.event, id.delivery.number, id.number, attempt])
}

/// Records an attempt at an effect, which has ended.
pub(super) fn record_effect(
    telemetry: &Telemetry,
    effect: &LeasedEffect,
    (trace, context): (TraceContext, TraceContext),
    started: SystemTime,
    outcome: EffectOutcome,
) {
    if !trace.sampled {
        return;
    }
    let kind = effect.queued.effect.kind();
    let role = if kind == "event" { Kind::Producer } else { Kind::Client };
    let error = match outcome {
        EffectOutcome::Done => None,
        EffectOutcome::Retry => Some("retry"),
        EffectOutcome::Refused => Some("refused"),
        EffectOutcome::Crash => Some("crash"),
    };
    let parent = delivery_context(trace, effect.id.delivery);
    let id = effect.id.to_string();
    let attributes = [
        ("hookyard.plugin", effect.plugin.as_str().into()),
        ("hookyard.effect.id", id.as_str().into()),
        ("hookyard.effect.key", effect.queued.key.as_str().into()),
        ("hookyard.attempt", (effect.attempts + 1).into()),
    ];
    let span = Span::since(context, parent, "effect ", started).kind(role).with(&attributes).failed(error);
    telemetry.record(&Span { object: kind, ..span });
}

/// The span of a delivery.
fn delivery_context(event: TraceContext, id: DeliveryId) -> TraceContext {
    event.derived(SpanKey::Delivery, &[id.event, id.number])
}

fn times_of(reading: ClockReading, step: Step) -> (SystemTime, SystemTime) {
    let began = reading.system_time(step.began);
    (began, began + step.took)
}
