//! One attempt: an instance, one call, and what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::Error;
use wasmtime::component::Val;

use super::decode::{Decoded, Limits, Misfit, decode};
use super::handlers::{Data, Handler};
use super::instances::Instance;
use super::load::Revision;
use super::logs::Severity;
use super::text::{self, NAMED_REASON_MAX_BYTES};
use super::{outcome, trap};
use crate::completion::Work;
use crate::config::{self, EVENT_TYPE_MAX_BYTES};
use crate::delivery::{Attempt, Cause, Delivery, Failure, Outcome};
use crate::event::now_ms;
use crate::outbound::Grants;
use crate::secrets::Mask;

/// Most event type patterns that a generic handler may ask for.
const SUBSCRIPTIONS_MAX: usize = 1000;

/// What an operator gives and allows a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What `wasi:config/store` answers: config and secrets.
    pub config: Arc<BTreeMap<String, String>>,
    /// Finds the secrets among them.
    pub mask: Arc<Mask>,
    /// Limits of the plugin's store.
    pub store: config::Store,
    /// Limits of what a call may ask for.
    pub effects: config::Effects,
    /// What it may reach.
    pub grants: Arc<Grants>,
    /// Longest time of one call.
    pub call_timeout: Duration,
    /// Linear memory, all memories of an instance added up.
    pub memory_max_bytes: usize,
    /// What the host may hold in memory for an instance.
    pub host_memory_max_bytes: usize,
    /// Log text kept of an attempt.
    pub log_max_bytes: usize,
    /// Calls an instance is kept for; `None` = a fresh one for every attempt.
    pub reuse_max: Option<u32>,
}

/// An attempt, and what its call did within its transaction.
#[derive(Debug)]
pub struct Tried {
    /// What is recorded.
    pub attempt: Attempt,
    /// What commits with it.
    pub work: Work,
    /// Instructions executed, if this runtime counts them.
    pub fuel: Option<u64>,
}

/// What to call.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The delivery to try.
    pub delivery: &'a Delivery,
    /// The WIT package of the source's typed handlers.
    pub package: Option<&'a str>,
    /// The plugin's settings.
    pub settings: &'a Settings,
}

impl Revision {
    /// Tries a delivery once. Whatever the guest does ends up in the attempt.
    pub async fn attempt(&self, call: Call<'_>) -> Tried {
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
        let (mut work, mut fuel) = (Work::default(), None);
        let event_type = &call.delivery.event.event_type;
        if let Some(handler) = self.handlers.find(call.package, event_type) {
            (work, fuel) = self.call(handler, call, &mut attempt).await;
        } else {
            attempt.failure = Some(rejected(format!("this revision has no handler for {event_type}")));
        }
        if let Some(failure) = &mut attempt.failure {
            let reason = text::mask_and_cut(&call.settings.mask, &failure.reason, NAMED_REASON_MAX_BYTES);
            failure.reason = self.named(call.delivery, &reason);
        }
        attempt.duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Tried { attempt, work, fuel }
    }

    async fn call(&self, handler: &Handler, call: Call<'_>, attempt: &mut Attempt) -> (Work, Option<u64>) {
        let event = &call.delivery.event;
        let text = event.payload_text();
        let limits = Limits {
            memory_max_bytes: call.settings.host_memory_max_bytes,
            deadline: Instant::now() + call.settings.call_timeout,
        };
        let decoded = match &handler.data {
            Data::Typed(plan) => decode(plan, &text, limits),
            Data::Json => {
                let memory_bytes = text.len();
                Ok(Decoded { value: Val::String(text.into_owned()), memory_bytes, notes: Vec::new() })
            }
        };
        let at = |reason: String| format!("{}: {reason}", handler.export);
        let (params, payload_bytes, notes) = match decoded {
            Ok(Decoded { value, memory_bytes, notes }) => {
                ([handler.context.fill(call.delivery, attempt.number), value], memory_bytes, notes)
            }
            Err(misfit) => {
                attempt.failure = Some(unreadable(&misfit, at));
                return (Work::default(), None);
            }
        };
        let mut instance = Instance::of(self, call.settings, Some(call.delivery)).await;
        for note in notes {
            instance.guest().logs.push(Severity::Warn, "hookyard", &at(note));
        }
        let result = instance.call(self, handler.func, &params, payload_bytes).await;
        let fuel = instance.fuel();
        let guest = instance.guest_mut();
        attempt.failure = match result {
            Ok(returned) => {
                outcome::read(&returned).map(|failure| Failure { reason: at(failure.reason), ..failure })
            }
            Err(error) => {
                let (cause, reason) = trap::explain(&error, guest);
                Some(Failure { outcome: Outcome::Retry, cause, reason: at(reason), after_ms: None })
            }
        };
        attempt.peak_memory_bytes = guest.limits.peak_memory_bytes();
        attempt.logs = guest.logs.take();
        let mut work = guest.work.end();
        if attempt.failure.is_none() {
            instance.keep(self, call.settings);
        } else {
            work.undo();
        }
        (work, fuel)
    }

    /// Names plugin, revision and event in front of a reason.
    fn named(&self, delivery: &Delivery, reason: &str) -> String {
        format!("{} {} on {}: {reason}", self.plugin, self.digest.short(), delivery.event.id)
    }

    /// Instantiates once, and asks a generic handler what it wants: a revision that cannot even do
    /// that is refused before it replaces anything.
    pub(super) async fn try_out(&self, settings: &Settings) -> Result<Vec<String>, String> {
        let mut instance = Instance::of(self, settings, None).await;
        let explain = |error: &Error, instance: &Instance| {
            let (_, reason) = trap::explain(error, instance.guest());
            text::mask_and_cut(&settings.mask, &reason, NAMED_REASON_MAX_BYTES)
        };
        let made = instance.instantiate(self).await;
        made.map_err(|error| format!("instantiating it: {}", explain(&error, &instance)))?;
        let Some(generic) = &self.handlers.generic else { return Ok(Vec::new()) };
        let at = |problem: String| format!("its export {}: subscriptions: {problem}", generic.handler.export);
        let listed = instance.call(self, generic.subscriptions, &[], 0).await;
        let listed = listed.map_err(|error| at(explain(&error, &instance)))?;
        let Val::List(patterns) = listed else { return Ok(Vec::new()) };
        if patterns.len() > SUBSCRIPTIONS_MAX {
            return Err(at(format!("{}, at most {SUBSCRIPTIONS_MAX}", patterns.len())));
        }
        let pattern = |(at, pattern)| match pattern {
            Val::String(pattern) if pattern.len() > EVENT_TYPE_MAX_BYTES => {
                let (number, size) = (at + 1, pattern.len());
                let shown = text::cut(&pattern, EVENT_TYPE_MAX_BYTES);
                Err(format!("pattern {number} has {size} bytes, at most {EVENT_TYPE_MAX_BYTES}: {shown}"))
            }
            Val::String(pattern) => Ok(pattern),
            // Its type was checked.
            _ => Ok(String::new()),
        };
        patterns.into_iter().enumerate().map(pattern).collect::<Result<_, _>>().map_err(at)
    }
}

/// Why the payload cannot be handed over: it never can be, or there was no time to read it.
fn unreadable(misfit: &Misfit, at: impl Fn(String) -> String) -> Failure {
    let reason = at(misfit.to_string());
    if misfit.is_late {
        return Failure { outcome: Outcome::Retry, cause: Cause::Timeout, reason, after_ms: None };
    }
    rejected(reason)
}

fn rejected(reason: String) -> Failure {
    Failure { outcome: Outcome::Rejected, cause: Cause::Payload, reason, after_ms: None }
}
