//! A step of an attempt, and the span of a call.

use std::time::{Duration, Instant};

use crate::trace::TraceContext;

/// The span of a call.
#[derive(Debug, Clone, Copy)]
pub struct CallTrace {
    /// The span.
    pub context: TraceContext,
    /// The delivery, the number of the attempt, and that of the rerun: spans below are derived from them.
    pub numbers: [i64; 4],
}

/// A step with its time.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
}
