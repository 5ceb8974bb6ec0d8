//! The computing time of a plugin's calls.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// Number of lighter calls after a heavy one until the expected weight falls by a step.
const LIGHTER_CALLS: u32 = 16;

/// The expected weight of a plugin's next call, from its latest calls: from 0, the lightest.
#[derive(Debug, Default)]
pub struct CpuClass {
    weight: AtomicUsize,
    /// Lighter calls since the last that was as heavy.
    lighter: AtomicU32,
    known: AtomicBool,
}

impl CpuClass {
    /// The expected weight of the next call.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight.load(Ordering::Relaxed)
    }

    /// Whether any call has ended, so that the expected weight has a basis.
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
        let cpu_class = CpuClass::default();
        assert_eq!((cpu_class.weight(), cpu_class.is_known()), (0, false));
        cpu_class.weighs(2);
        assert_eq!((cpu_class.weight(), cpu_class.is_known()), (2, false));
        for calls in 1..=3 * LIGHTER_CALLS {
            cpu_class.ended(0);
            let expected = 2_usize.saturating_sub((calls / LIGHTER_CALLS) as usize);
            assert_eq!(cpu_class.weight(), expected, "after {calls}");
        }
        cpu_class.ended(1);
        assert_eq!((cpu_class.weight(), cpu_class.is_known()), (1, true));
    }

    #[test]
    fn a_heavy_call_among_lighter_ones_keeps_it() {
        let cpu_class = CpuClass::default();
        cpu_class.ended(1);
        for call in 0..10 * LIGHTER_CALLS {
            cpu_class.ended(usize::from(call % (LIGHTER_CALLS - 1) == 0));
            assert_eq!(cpu_class.weight(), 1, "after {call}");
        }
    }
}
