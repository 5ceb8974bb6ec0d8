//! Limits log lines that any client can cause to one a second, each with the number of lines
//! skipped.

use std::sync::atomic::{AtomicU64, Ordering};

const INTERVAL_MS: u64 = 1000;

/// Decides which of many equal log lines is written.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    next_ms: AtomicU64,
    skipped: AtomicU64,
}

impl Throttle {
    /// Returns the number of lines skipped since the last one, if a line is to be written now; else
    /// `None`.
    pub(super) fn admit(&self, now_ms: u64) -> Option<u64> {
        let next = self.next_ms.load(Ordering::Relaxed);
        // A time further ahead is from before the clock was set back.
        let due = now_ms >= next || next - now_ms > INTERVAL_MS;
        let won = due
            && self
                .next_ms
                .compare_exchange(next, now_ms + INTERVAL_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if won {
            return Some(self.skipped.swap(0, Ordering::Relaxed));
        }
        self.skipped.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Throttle;

    #[test]
    fn writes_one_line_a_second() {
        let throttle = Throttle::default();
        let admitted = [5, 6, 1004, 1005, 1006].map(|now| throttle.admit(now));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None]);
    }

    #[test]
    fn writes_lines_after_the_clock_is_set_back() {
        let throttle = Throttle::default();
        let admitted = [1_000_000, 5, 6, 1005].map(|now| throttle.admit(now));
        assert_eq!(admitted, [Some(0), Some(0), None, Some(1)]);
    }
}
