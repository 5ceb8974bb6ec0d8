//! One attempt at a delivery: the payload is decoded, the handler is called in an instance, and the outcome is read.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use super::calls::{AttemptReport, Call, Runner, Stages};
use super::decode::DecodedPayload;
use super::handlers::Handler;
use super::host_calls::HostCalls;
use super::logs::Severity;
use super::outcome;
use super::payload::rejected;
use super::revision::Revision;
use super::steps::Step;
use super::text::{self, NAMED_REASON_MAX_BYTES};
use crate::completion::CallWork;
use crate::delivery::{Attempt, Cause, Delivery, Failure, Outcome};
use crate::event::now_ms;

impl Revision {
    /// Tries a delivery once. Whatever the guest does, the report says it.
    pub async fn attempt(&self, call: Call<'_>) -> AttemptReport {
        let (started_at, started) = (now_ms(), Instant::now());
        let mut attempt = Attempt {
            number: call.delivery.attempts + 1,
            started_at,
            duration_us: 0,
            revision: self.digest,
            peak_memory_bytes: 0,
            logs: Vec::new(),
            failure: None,
        };
        let (mut work, mut fuel, mut stages) = (CallWork::default(), None, Stages::default());
        let event_type = &call.delivery.event.event_type;
        if let Some(handler) = self.handlers.find(call.package, event_type) {
            (work, fuel) = self.call(handler, call, &mut attempt, &mut stages).await;
        } else {
            attempt.failure = Some(rejected(format!("this revision has no handler for {event_type}")));
        }
        if let Some(failure) = &mut attempt.failure {
            let reason =
                text::mask_and_truncate(&call.settings.mask, &failure.reason, NAMED_REASON_MAX_BYTES);
            failure.reason = self.named(call.delivery, &reason);
        }
        attempt.duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        AttemptReport { attempt, work, fuel, stages }
    }

    async fn call(
        &self,
        handler: &Handler,
        call: Call<'_>,
        attempt: &mut Attempt,
        stages: &mut Stages,
    ) -> (CallWork, Option<u64>) {
        let at = |reason: String| format!("{}: {reason}", handler.export);
        let (params, payload_bytes, notes) = match self.payload(handler, call) {
            Ok(DecodedPayload { value, memory_bytes, notes }) => {
                ([handler.context.to_value(call.delivery, attempt.number), value], memory_bytes, notes)
            }
            Err(failure) => {
                attempt.failure = Some(failure);
                return (CallWork::default(), None);
            }
        };
        let taking = Instant::now();
        let mut instance = self.take_instance(call.settings, Some(call.delivery)).await;
        let host_calls = HostCalls::new(call.trace);
        instance.state_mut().trace(&host_calls);
        for note in notes {
            instance.state().log.push(Severity::Warn, "hookyard", &at(note));
        }
        let taken = taking.elapsed();
        let calling = Instant::now();
        let result = instance.call(&self.pre, handler.func, &params, payload_bytes).await;
        // The instance is made within the call, under its deadline.
        let (made, took) = (instance.instantiated(), calling.elapsed());
        stages.instantiate = Some(Step { began: taking, took: taken + made });
        stages.call = Some(Step { began: calling + made, took: took.saturating_sub(made) });
        stages.host_calls = host_calls.take();
        let fuel = instance.fuel();
        let state = instance.state_mut();
        let failure = match result {
            Ok(returned) => outcome::read_failure(&returned),
            Err(error) => {
                let (cause, reason) = state.explain(&error);
                Some(Failure { outcome: Outcome::Retry, cause, reason, after_ms: None })
            }
        };
        attempt.failure = failure.map(|failure| {
            let failure = reject_denied(failure, state.log.denied());
            Failure { reason: at(failure.reason), ..failure }
        });
        attempt.peak_memory_bytes = state.limits.peak_memory_bytes();
        attempt.logs = state.log.take();
        let mut work = state.transaction.finish();
        if attempt.failure.is_none() {
            self.keep_instance(call.settings, instance);
        } else {
            work.undo();
        }
        (work, fuel)
    }

    /// Names plugin, revision and event in front of a reason.
    fn named(&self, delivery: &Delivery, reason: &str) -> String {
        format!("{} {} on {}: {reason}", self.plugin, self.digest.short(), delivery.event.id)
    }
}

impl Runner for Revision {
    fn attempt<'a>(&'a self, call: Call<'a>) -> Pin<Box<dyn Future<Output = AttemptReport> + Send + 'a>> {
        Box::pin(self.attempt(call))
    }

    fn places(&self) -> usize {
        self.places as usize
    }
}

/// Rejects a failed call whose last request lacked a grant: another attempt would fail too, in whatever way the language
/// of the plugin reports the denial, as a failure, an exception or a trap. A denial before another request is one that
/// the handler went past, so it did not fail the call.
fn reject_denied(failure: Failure, denied: Option<String>) -> Failure {
    let Some(missing) = denied.filter(|_| failure.cause != Cause::Host) else { return failure };
    let reason = if failure.reason.contains(&missing) {
        failure.reason
    } else {
        format!("{missing}; then {}", failure.reason)
    };
    Failure { outcome: Outcome::Rejected, cause: Cause::Handler, reason, after_ms: None }
}
