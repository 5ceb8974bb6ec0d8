//! The host's own time, in ms. It goes on at one pace whatever becomes of the system clock: a wait is as long as it
//! was meant to be, and an age is what has passed. The two clocks differ by an offset, which is 0 until the system
//! clock jumps. What people see is the system clock's time, what is measured is this one's.
//!
//! The database keeps the offset (`db/clock.rs`), so that the host's time goes on over restarts.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::event;

/// A jump of the system clock that is noticed. Less is what clocks are corrected by, and what rounding makes.
const JUMP_MIN_MS: u64 = 1000;

struct HostClock {
    /// What the clock that never jumps showed at the start of the process.
    start: Duration,
    /// The host's time then.
    base: AtomicI64,
    /// The host's time less the system clock's, as it was last noticed.
    offset: AtomicI64,
    /// Whether it goes on from an earlier process.
    resumed: AtomicBool,
}

static CLOCK: LazyLock<HostClock> = LazyLock::new(HostClock::start);

impl HostClock {
    fn start() -> Self {
        let (base, offset) = (AtomicI64::new(system()), AtomicI64::new(0));
        Self { start: steady(), base, offset, resumed: AtomicBool::new(false) }
    }

    fn passed(&self) -> i64 {
        i64::try_from(steady().saturating_sub(self.start).as_millis()).unwrap_or(i64::MAX)
    }

    fn now(&self) -> i64 {
        self.base.load(Ordering::Relaxed).saturating_add(self.passed())
    }

    fn offset(&self) -> i64 {
        self.offset.load(Ordering::Relaxed)
    }

    fn resume(&self, offset: i64, newest: i64) {
        let base = system().saturating_add(offset).max(newest).saturating_sub(self.passed());
        let before = self.base.load(Ordering::Relaxed);
        let is_first = !self.resumed.swap(true, Ordering::Relaxed);
        // Another database of this process may have been ahead: it never goes back.
        let is_later = base > before || is_first;
        if is_later && base.abs_diff(before) >= JUMP_MIN_MS {
            self.base.store(base, Ordering::Relaxed);
        }
        self.offset.store(offset, Ordering::Relaxed);
    }

    fn jumped(&self) -> Option<i64> {
        let offset = self.now().saturating_sub(system());
        (offset.abs_diff(self.offset()) >= JUMP_MIN_MS).then_some(offset)
    }
}

/// A clock that nobody sets. On Linux it goes on while the machine sleeps.
fn steady() -> Duration {
    #[cfg(target_os = "linux")]
    let id = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = ClockId::Monotonic;
    Duration::try_from(clock_gettime(id)).unwrap_or_default()
}

fn system() -> i64 {
    i64::try_from(event::now_ms()).unwrap_or(i64::MAX)
}

/// The host's time, ms.
#[must_use]
pub fn now_ms() -> u64 {
    u64::try_from(CLOCK.now()).unwrap_or(0)
}

/// The host's time less the system clock's, as it was last noticed: ms.
#[must_use]
pub fn offset_ms() -> i64 {
    CLOCK.offset()
}

/// A moment of the host's time as the system clock shows it, for people.
#[must_use]
pub fn shown(host_ms: u64) -> u64 {
    host_ms.saturating_add_signed(offset_ms().saturating_neg())
}

/// A moment that the system clock showed, under the offset that held then.
#[must_use]
pub fn measured(system_ms: u64, offset_ms: i64) -> u64 {
    system_ms.saturating_add_signed(offset_ms)
}

/// Goes on from an earlier process: with its offset, and not before `newest`, which it has seen.
pub fn resume(offset_ms: i64, newest: u64) {
    CLOCK.resume(offset_ms, i64::try_from(newest).unwrap_or(i64::MAX));
}

/// The offset of now, if the system clock has jumped since that was last noticed.
#[must_use]
pub fn jumped() -> Option<i64> {
    CLOCK.jumped()
}

/// A jump is noticed: this is the offset from now on.
pub fn notice(offset_ms: i64) {
    CLOCK.offset.store(offset_ms, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_with_a_system_clock_that_nobody_sets() {
        let clock = HostClock::start();
        let start = clock.now();
        assert!(start.abs_diff(system()) < 1000, "{start} {}", system());
        assert_eq!((clock.jumped(), clock.offset()), (None, 0));
        std::thread::sleep(Duration::from_millis(20));
        assert!((20..1000).contains(&(clock.now() - start)));
        assert_eq!(measured(7000, -2000), 5000);
    }

    #[test]
    fn time_goes_on_from_an_earlier_process_and_never_goes_back() {
        const HOUR_MS: i64 = 3_600_000;
        for (offset, newest_in, expected_in) in [
            (0, -HOUR_MS, 0),
            (-HOUR_MS, -2 * HOUR_MS, -HOUR_MS),
            // The system clock was set back while no process ran.
            (0, HOUR_MS, HOUR_MS),
        ] {
            let clock = HostClock::start();
            clock.resume(offset, system() + newest_in);
            let ahead = clock.now() - system();
            assert!(ahead.abs_diff(expected_in) < 1000, "{ahead}, not {expected_in}");
            assert_eq!(clock.jumped().is_some(), expected_in != offset);
            clock.resume(-3 * HOUR_MS, 0);
            assert!((clock.now() - system() - ahead).abs() < 1000, "back");
        }
    }
}
