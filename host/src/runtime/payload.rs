//! An event's payload as the value that a handler takes.

use std::borrow::Cow;
use std::time::Instant;

use wasmtime::component::Val;

use super::calls::Call;
use super::decode::{DecodeLimits, DecodedPayload, Mismatch, decode};
use super::handlers::{Handler, HandlerInput};
use super::plan::Plan;
use super::redaction::Redaction;
use super::revision::Revision;
use crate::delivery::{Cause, Failure, Outcome};
use crate::event::interface_name;

impl Revision {
    /// The payload for a handler, without the fields that the plugin never gets.
    ///
    /// # Errors
    /// The failure of the attempt.
    pub(super) fn payload(&self, handler: &Handler, call: Call<'_>) -> Result<DecodedPayload, Failure> {
        let event = &call.delivery.event;
        let at = |reason: String| format!("{}: {reason}", handler.export);
        match (&handler.input, &call.settings.redaction) {
            (HandlerInput::Typed(plan), None) => {
                let text = call.delivery.event.payload_text();
                read(plan, &text, call).map_err(|mismatch| unreadable(&mismatch, at))
            }
            (HandlerInput::Typed(_), Some(redaction)) => {
                let interface = call.package.map(|package| interface_name(package, &event.event_type));
                let plans = self.redacted_plans(redaction).map_err(misfit)?;
                let plan = interface.and_then(|interface| plans.get(&interface));
                let plan = plan.ok_or_else(|| misfit("its payload type is not known".into()))?;
                // The plan knows the fields of payloads where they are now. Those of an event that was accepted under
                // another `payload` are found in its body.
                let text = redaction.redact(event).map_err(|reason| rejected(at(reason)))?;
                read(plan, &text, call).map_err(|mismatch| unreadable(&mismatch, at))
            }
            (HandlerInput::Json, redaction) => {
                let text =
                    redacted_text(redaction.as_deref(), call).map_err(|reason| rejected(at(reason)))?;
                let memory_bytes = text.len();
                Ok(DecodedPayload { value: Val::String(text), memory_bytes, notes: Vec::new() })
            }
        }
    }
}

fn read(plan: &Plan, text: &str, call: Call<'_>) -> Result<DecodedPayload, Mismatch> {
    let limits = DecodeLimits {
        memory_max_bytes: call.settings.host_memory_max_bytes,
        deadline: Instant::now() + call.settings.call_timeout,
    };
    decode(plan, text, limits)
}

fn redacted_text(redaction: Option<&Redaction>, call: Call<'_>) -> Result<String, String> {
    let event = &call.delivery.event;
    redaction.map_or_else(|| Ok(Cow::into_owned(event.payload_text())), |redaction| redaction.redact(event))
}

/// A revision that cannot do without the fields runs no more: the operator changed the config under it. Its deliveries
/// wait.
fn misfit(reason: String) -> Failure {
    Failure { outcome: Outcome::Retry, cause: Cause::Host, reason, after_ms: None }
}

/// The failure for an unreadable payload: a permanent one, or one for lack of time.
fn unreadable(mismatch: &Mismatch, at: impl Fn(String) -> String) -> Failure {
    let reason = at(mismatch.to_string());
    if mismatch.is_late() {
        return Failure { outcome: Outcome::Retry, cause: Cause::Timeout, reason, after_ms: None };
    }
    rejected(reason)
}

/// The failure of an event that no further attempt can handle.
pub(super) fn rejected(reason: String) -> Failure {
    Failure { outcome: Outcome::Rejected, cause: Cause::Payload, reason, after_ms: None }
}
