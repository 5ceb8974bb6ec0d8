//! The rules for what to remove, and how fast. Pure but for the clock.

use std::time::{Duration, Instant};

use super::{DAY_MS, EventAge};
use crate::clock;
use crate::config::Retention;
use crate::event::now_ms;

/// Most bytes that are removed in one step: bodies, log lines and effects may be large.
const BYTES_MAX: u64 = 1024 * 1024;

/// The reason for which an event is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PruneReason {
    Age,
    Size,
}

/// The events to remove in one step, if they have no open work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PruneStep {
    /// Received before this moment.
    pub(super) before: u64,
    /// Only the first events whose sizes add up to this many bytes, and at least one.
    pub(super) bytes_max: u64,
    pub(super) reason: PruneReason,
}

impl PruneStep {
    pub(super) fn of(keep: &Retention, now: u64, used_bytes: u64) -> Self {
        let most = keep.size_max_bytes.unwrap_or(u64::MAX);
        if used_bytes > most {
            let too_many = used_bytes - most;
            return Self { before: u64::MAX, bytes_max: too_many.min(BYTES_MAX), reason: PruneReason::Size };
        }
        let before = now.saturating_sub(keep.events_days * DAY_MS);
        Self { before, bytes_max: BYTES_MAX, reason: PruneReason::Age }
    }

    /// Returns how many of the first of these events fit into one step.
    pub(super) fn fitting(&self, events: &[EventAge]) -> usize {
        let mut bytes = 0_u64;
        let fits = events.iter().take_while(|event| {
            bytes = bytes.saturating_add(event.bytes);
            bytes <= self.bytes_max
        });
        fits.count().max(1)
    }
}

/// Idempotency keys taken before this moment are removed if their event is gone.
pub(super) fn keys_before(keep: &Retention, now: u64) -> u64 {
    now.saturating_sub(keep.keys_days * DAY_MS)
}

/// The system clock at the start of the process, plus the time since then; or the system clock now, if that is
/// earlier. So the host trusts the system clock at the start, and a later jump forward does not age events.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetentionClock {
    started_at: u64,
    started: Instant,
}

impl RetentionClock {
    pub(super) fn start() -> Self {
        Self { started_at: now_ms(), started: Instant::now() }
    }

    pub(super) fn now(&self) -> u64 {
        self.at(now_ms(), self.started.elapsed())
    }

    /// Returns by how much the host's own time is ahead of this one.
    pub(super) fn ahead(&self) -> i64 {
        let ahead = i128::from(clock::now_ms()) - i128::from(self.now());
        i64::try_from(ahead).unwrap_or(0)
    }

    fn at(&self, clock: u64, passed: Duration) -> u64 {
        let passed = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        self.started_at.saturating_add(passed).min(clock)
    }
}

/// Between two steps.
pub(super) const REST: Duration = Duration::from_millis(5);
const ROWS_MIN: u64 = 64;
const ROWS_MAX: u64 = 1024;

/// The number of events that a step checks: two for each new one since the last step, and a minimum. So pruning
/// keeps up with any load, at a part of its cost.
#[derive(Debug, Default)]
pub(super) struct StepSize {
    newest_seq: Option<i64>,
}

impl StepSize {
    /// The number of events that the next step checks, when this is the newest one.
    pub(super) fn rows(&mut self, newest_seq: i64) -> usize {
        let before = self.newest_seq.replace(newest_seq).unwrap_or(newest_seq);
        let came_in = newest_seq.saturating_sub(before).unsigned_abs();
        usize::try_from((2 * came_in.min(ROWS_MAX)).clamp(ROWS_MIN, ROWS_MAX)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_decides_until_there_is_too_much() {
        let keep = Retention { events_days: 30, size_max_bytes: Some(1000), keys_days: 45 };
        let unlimited = Retention { size_max_bytes: None, ..keep.clone() };
        let now = 100 * DAY_MS;
        let by_age = PruneStep { before: 70 * DAY_MS, bytes_max: BYTES_MAX, reason: PruneReason::Age };
        let by_size = |bytes_max| PruneStep { before: u64::MAX, bytes_max, reason: PruneReason::Size };
        for (keep, used, expected) in [
            (&keep, 0, by_age),
            (&keep, 1000, by_age),
            (&keep, 1001, by_size(1)),
            (&keep, u64::MAX, by_size(BYTES_MAX)),
            (&unlimited, u64::MAX, by_age),
        ] {
            assert_eq!(PruneStep::of(keep, now, used), expected, "{used}");
        }
        assert_eq!(PruneStep::of(&unlimited, DAY_MS, 0).before, 0, "a clock that stands at 1970");
        assert_eq!(keys_before(&keep, now), 55 * DAY_MS);
    }

    #[test]
    fn more_events_are_pruned_than_arrive() {
        let mut pace = StepSize::default();
        for (newest, rows) in [
            (5_000_000, 64),
            (5_000_000, 64),
            (5_000_010, 64),
            (5_000_210, 400),
            (9_000_000, 1024),
            (1, 1024),
        ] {
            assert_eq!(pace.rows(newest), rows, "{newest}");
        }
    }

    #[test]
    fn large_events_go_few_at_a_time() {
        let step = PruneStep { before: 0, bytes_max: BYTES_MAX, reason: PruneReason::Age };
        let fit = |sizes: &[u64]| {
            let of_size = |bytes: &u64| EventAge { seq: 1, old: true, over: true, bytes: *bytes };
            step.fitting(&sizes.iter().map(of_size).collect::<Vec<_>>())
        };
        assert_eq!(fit(&[1000; 500]), 500);
        assert_eq!(fit(&[BYTES_MAX / 2, BYTES_MAX / 2, 1]), 2);
        assert_eq!(fit(&[u64::MAX, u64::MAX]), 1);
    }

    #[test]
    fn a_clock_that_jumps_makes_nothing_older() {
        let clock = RetentionClock { started_at: 1000, started: Instant::now() };
        let passed = Duration::from_millis(10);
        for (wall, expected) in [(1010, 1010), (1011, 1010), (u64::MAX, 1010), (1005, 1005), (0, 0)] {
            assert_eq!(clock.at(wall, passed), expected, "{wall}");
        }
    }
}
