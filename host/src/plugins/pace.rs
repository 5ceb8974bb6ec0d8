//! How long a plugin's calls compute.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// So many lighter calls after a heavy one, the next is expected to be one step lighter.
const LIGHTER_CALLS: u32 = 16;

/// What is expected of a plugin's next call, by its latest: a weight from 0, the lightest.
#[derive(Debug, Default)]
pub struct Pace {
    weight: AtomicUsize,
    /// Lighter calls since the last that was as heavy.
    lighter: AtomicU32,
    known: AtomicBool,
}

impl Pace {
    /// What the next call is expected to weigh.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    /// Whether any call has ended, so that there is a reason for what is expected.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// The next calls are expected to weigh at least as much.
    pub fn weighs(&self, weight: usize) {
        if self.weight.fetch_max(weight, Ordering::Relaxed) <= weight {
            self.lighter.store(0, Ordering::Relaxed);
        }
    }

    /// A call ended that weighed as much.
    pub fn ended(&self, weight: usize) {
        self.known.store(true, Ordering::Relaxed);
        let expected = self.weight();
        if weight >= expected {
            self.weighs(weight);
        } else if self.lighter.fetch_add(1, Ordering::Relaxed) + 1 >= LIGHTER_CALLS {
            self.lighter.store(0, Ordering::Relaxed);
            self.weight.store(expected - 1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_at_once_and_falls_step_by_step() {
        let pace = Pace::default();
        assert_eq!((pace.weight(), pace.is_known()), (0, false));
        pace.weighs(2);
        assert_eq!((pace.weight(), pace.is_known()), (2, false));
        for calls in 1..=3 * LIGHTER_CALLS {
            pace.ended(0);
            let expected = 2_usize.saturating_sub((calls / LIGHTER_CALLS) as usize);
            assert_eq!(pace.weight(), expected, "after {calls}");
        }
        pace.ended(1);
        assert_eq!((pace.weight(), pace.is_known()), (1, true));
    }

    #[test]
    fn a_heavy_call_among_lighter_ones_keeps_it() {
        let pace = Pace::default();
        pace.ended(1);
        for call in 0..10 * LIGHTER_CALLS {
            pace.ended(usize::from(call % (LIGHTER_CALLS - 1) == 0));
            assert_eq!(pace.weight(), 1, "after {call}");
        }
    }
}
