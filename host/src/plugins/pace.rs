//! Whether a plugin's calls compute for long.

use std::sync::atomic::{AtomicU32, Ordering};

/// So many short calls after a long one, the next is expected to be short.
const SHORT_CALLS: u32 = 16;

/// What is expected of a plugin's next call, by its latest.
#[derive(Debug, Default)]
pub struct Pace {
    /// Short calls to come until they are expected.
    left: AtomicU32,
}

impl Pace {
    /// Whether its next call is expected to compute for long.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.left.load(Ordering::Relaxed) > 0
    }

    /// A call computed for long.
    pub fn was_long(&self) {
        self.left.store(SHORT_CALLS, Ordering::Relaxed);
    }

    /// A call of which this was not expected was short.
    pub fn was_short(&self) {
        let less = |left: u32| left.checked_sub(1);
        let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}
