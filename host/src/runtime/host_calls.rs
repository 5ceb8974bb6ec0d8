//! The calls of a guest to the host within one call of its handler, for the trace of its event.
//!
//! Only calls that wait or that leave something behind are noted: requests, the store, effects. Their number is limited,
//! and nothing of their content is kept.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::steps::{CallTrace, Step};
use crate::trace::{SpanKey, TraceContext};

/// The most calls that are noted.
const NOTED_MAX: usize = 128;

/// A call to the host.
#[derive(Debug, Clone)]
pub struct HostCall {
    /// Its span.
    pub context: TraceContext,
    /// What was called: `keyvalue get`, or the method of a request.
    pub name: String,
    /// The origin that a request went to.
    pub origin: Option<String>,
    /// The status of a request's response.
    pub status: Option<u16>,
    /// Its time.
    pub step: Step,
    /// Whether it failed.
    pub failed: bool,
}

/// Notes the calls to the host. Without a recorded trace it is empty, and costs nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct HostCalls(Option<Arc<Noted>>);

#[derive(Debug)]
struct Noted {
    trace: CallTrace,
    calls: Mutex<(i64, Vec<HostCall>)>,
}

/// A call that has begun.
#[derive(Debug)]
pub(super) struct BegunCall {
    to: Option<(Arc<Noted>, TraceContext)>,
    began: Instant,
}

impl HostCalls {
    /// For the calls of a handler with this trace.
    pub(super) fn new(trace: Option<CallTrace>) -> Self {
        Self(trace.map(|trace| Arc::new(Noted { trace, calls: Mutex::default() })))
    }

    /// Begins a call. `None` without a trace.
    pub(super) fn begin(&self) -> Option<BegunCall> {
        let noted = self.0.as_ref()?;
        let mut to = None;
        if noted.trace.context.sampled {
            let number = {
                let mut calls = noted.calls.lock().unwrap_or_else(PoisonError::into_inner);
                calls.0 += 1;
                calls.0
            };
            let [event, delivery, attempt, rerun] = noted.trace.numbers;
            let numbers = [event, delivery, attempt, rerun, number];
            to = Some((Arc::clone(noted), noted.trace.context.derived(SpanKey::HostCall, &numbers)));
        }
        Some(BegunCall { to, began: Instant::now() })
    }

    /// The context for a request of the call: the call's own span, or the one that the event came with.
    pub(super) fn context(&self, call: Option<&BegunCall>) -> Option<TraceContext> {
        let own = call.and_then(|call| call.to.as_ref()).map(|(_, context)| *context);
        own.or_else(|| self.0.as_ref().map(|noted| noted.trace.context))
    }

    /// Takes the calls that have ended.
    pub(super) fn take(&self) -> Vec<HostCall> {
        let Some(noted) = &self.0 else { return Vec::new() };
        std::mem::take(&mut noted.calls.lock().unwrap_or_else(PoisonError::into_inner).1)
    }
}

impl BegunCall {
    /// Notes that the call has ended.
    pub(super) fn end(self, name: &str, failed: bool) {
        self.end_request(name, None, None, failed);
    }

    /// Notes that a request has ended.
    pub(super) fn end_request(self, name: &str, origin: Option<String>, status: Option<u16>, failed: bool) {
        let Some((noted, context)) = self.to else { return };
        let step = Step { began: self.began, took: self.began.elapsed() };
        let mut calls = noted.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.1.len() < NOTED_MAX {
            calls.1.push(HostCall { context, name: name.to_owned(), origin, status, step, failed });
        }
    }
}
