//! The calls of a guest to the host within one call of its handler, for the trace of its event.
//!
//! Only calls that wait or that leave something behind are noted: requests, the store, effects. Their number is limited,
//! and nothing of their content is kept.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    pub name: &'static str,
    /// The origin that a request went to.
    pub origin: Option<String>,
    /// The status of a request's response.
    pub status: Option<u16>,
    /// Its time.
    pub step: Step,
    /// How it failed, in a word.
    pub error: Option<&'static str>,
}

/// Notes the calls to the host. Without a recorded trace it is empty, and costs nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct HostCalls(Option<Arc<Noted>>);

#[derive(Debug)]
struct Noted {
    trace: CallTrace,
    calls: Mutex<Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    /// How many have begun.
    begun: i64,
    /// With their numbers, by which they end. One that has not ended has its error already.
    noted: Vec<(i64, HostCall)>,
}

/// The error of a call that had not ended when its handler did: its time was up, or nobody waited for it.
const UNFINISHED: &str = "unfinished";

/// A call that has begun.
#[derive(Debug)]
pub(super) struct BegunCall {
    to: Option<(Arc<Noted>, TraceContext, i64)>,
}

impl HostCalls {
    /// For the calls of a handler with this trace.
    pub(super) fn new(trace: Option<CallTrace>) -> Self {
        Self(trace.map(|trace| Arc::new(Noted { trace, calls: Mutex::default() })))
    }

    /// Begins a call. `None` without a trace.
    pub(super) fn begin(&self, name: &'static str) -> Option<BegunCall> {
        let noted = self.0.as_ref()?;
        let to = noted.trace.context.sampled.then(|| {
            let (context, number) = noted.begin(name);
            (Arc::clone(noted), context, number)
        });
        Some(BegunCall { to })
    }

    /// The context for a request of the call: the call's own span, or the one that the event came with.
    pub(super) fn context(&self, call: Option<&BegunCall>) -> Option<TraceContext> {
        let own = call.and_then(|call| call.to.as_ref()).map(|(_, context, _)| *context);
        own.or_else(|| self.0.as_ref().map(|noted| noted.trace.context))
    }

    /// Takes the calls that have begun. Those that have not ended have lasted until now.
    pub(super) fn take(&self) -> Vec<HostCall> {
        let Some(noted) = &self.0 else { return Vec::new() };
        let calls = std::mem::take(&mut noted.calls().noted);
        let ended = calls.into_iter().map(|(_, mut call)| {
            if call.error == Some(UNFINISHED) {
                call.step.took = call.step.began.elapsed();
            }
            call
        });
        ended.collect()
    }
}

impl Noted {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, name: &'static str) -> (TraceContext, i64) {
        let mut calls = self.calls();
        calls.begun += 1;
        let number = calls.begun;
        let [event, delivery, attempt, rerun] = self.trace.numbers;
        let context =
            self.trace.context.derived(SpanKey::HostCall, &[event, delivery, attempt, rerun, number]);
        if calls.noted.len() < NOTED_MAX {
            let step = Step { began: Instant::now(), took: Duration::ZERO };
            let call = HostCall { context, name, origin: None, status: None, step, error: Some(UNFINISHED) };
            calls.noted.push((number, call));
        }
        (context, number)
    }
}

impl BegunCall {
    /// Notes that the call has ended.
    pub(super) fn end(self, failed: bool) {
        self.end_request(None, None, failed);
    }

    /// Notes that a request has ended.
    pub(super) fn end_request(self, origin: Option<String>, status: Option<u16>, failed: bool) {
        let Some((noted, _, number)) = self.to else { return };
        let mut calls = noted.calls();
        let Some((_, call)) = calls.noted.iter_mut().rfind(|(of, _)| *of == number) else { return };
        call.step.took = call.step.began.elapsed();
        (call.origin, call.status, call.error) = (origin, status, failed.then_some("failed"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_has_not_ended_is_noted_and_its_later_end_changes_nothing() {
        let header = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::parse(header).unwrap();
        let calls = HostCalls::new(Some(CallTrace { context, numbers: [1, 1, 1, 0] }));
        let (read, hangs) = (calls.begin("keyvalue get").unwrap(), calls.begin("HTTP GET").unwrap());
        read.end(false);
        let noted: Vec<_> = calls.take().into_iter().map(|call| (call.name, call.error)).collect();
        assert_eq!(noted, [("keyvalue get", None), ("HTTP GET", Some(UNFINISHED))]);
        hangs.end(false);
        assert!(calls.take().is_empty());
        for _ in 0..=NOTED_MAX {
            calls.begin("keyvalue get").unwrap().end(true);
        }
        let noted = calls.take();
        assert!(noted.len() == NOTED_MAX && noted.iter().all(|call| call.error == Some("failed")));
        assert!(HostCalls::new(None).begin("keyvalue get").is_none());
    }
}
