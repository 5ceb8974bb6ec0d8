//! Spans that wait for the collector, encoded, in batches of one request each.
//!
//! Whoever records a span appends it to the last batch: no allocation for a span, and nobody is woken for it but the
//! first after an empty queue.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::span::Span;
use super::wire;

/// Encoded spans of one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Elements of `ScopeSpans.spans`.
    pub(super) bytes: Vec<u8>,
    /// Their number.
    pub(super) count: usize,
}

/// See the module.
#[derive(Debug)]
pub(super) struct SpanQueue {
    state: Mutex<State>,
    filled: Notify,
    queue_max: usize,
    batch_max: usize,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    count: usize,
    closed: bool,
}

impl SpanQueue {
    /// A queue for so many spans, in batches of so many.
    pub(super) fn new(queue_max: usize, batch_max: usize) -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), queue_max, batch_max }
    }

    /// Appends a span. False if there is no room.
    pub(super) fn push(&self, span: &Span<'_>) -> bool {
        let mut state = self.state();
        if state.closed || state.count >= self.queue_max {
            return false;
        }
        state.count += 1;
        let was_empty = state.count == 1;
        if state.batches.back().is_none_or(|last| last.count >= self.batch_max) {
            // Batches are of about the same size.
            let room = state.batches.back().map_or(0, |last| last.bytes.len());
            state.batches.push_back(Batch { bytes: Vec::with_capacity(room), count: 0 });
        }
        if let Some(batch) = state.batches.back_mut() {
            batch.count += 1;
            wire::write_span(span, &mut batch.bytes);
        }
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
        true
    }

    /// Waits for a span.
    pub(super) async fn filled(&self) {
        while self.state().count == 0 {
            self.filled.notified().await;
        }
    }

    /// Whether a batch is full.
    pub(super) fn has_full_batch(&self) -> bool {
        self.state().batches.front().is_some_and(|batch| batch.count >= self.batch_max)
    }

    /// Takes the oldest batch, also if it is not full.
    pub(super) fn pop(&self) -> Option<Batch> {
        let mut state = self.state();
        let batch = state.batches.pop_front()?;
        state.count -= batch.count;
        Some(batch)
    }

    /// Refuses further spans.
    pub(super) fn close(&self) {
        self.state().closed = true;
    }

    /// The number of spans that wait.
    pub(super) fn count(&self) -> usize {
        self.state().count
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::trace::TraceContext;

    #[test]
    fn spans_above_the_limit_are_refused_and_batches_are_of_one_request() {
        let context =
            TraceContext::parse(b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").unwrap();
        let span = Span::of(context, context, "verify", (UNIX_EPOCH, UNIX_EPOCH));
        let queue = SpanQueue::new(5, 2);
        assert!(!queue.has_full_batch() && queue.pop().is_none());
        let pushed: Vec<_> = (0..7).map(|_| queue.push(&span)).collect();
        assert_eq!(pushed, [true, true, true, true, true, false, false]);
        assert!(queue.has_full_batch());
        let first = queue.pop().unwrap();
        assert_eq!((first.count, queue.count()), (2, 3));
        assert!(queue.push(&span), "there is room again");
        let rest: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(rest, [Batch { ..first }, Batch { bytes: rest[0].bytes.clone(), count: 2 }]);
        queue.close();
        assert!(!queue.push(&span) && queue.count() == 0);
    }
}
