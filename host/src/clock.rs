//! The host's own clock, in ms. Jumps of the system clock do not change it, so waits and ages stay correct. The two
//! clocks differ by an offset, which is 0 until the system clock jumps. People see times of the system clock; the host
//! measures with this one.
//!
//! The database keeps the offset (`db/clock.rs`), so that the host's clock continues after a restart.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::event;

/// The smallest difference that counts as a jump. Smaller ones come from clock corrections and rounding.
const JUMP_MIN_MS: u64 = 1000;

struct HostClock {
    /// The monotonic clock at the start of the process.
    start: Duration,
    /// The host's clock at the start of the process.
    base: AtomicI64,
    /// The offset: the host's clock minus the system clock, at the last check.
    offset: AtomicI64,
    /// Whether it continues the clock of an earlier process.
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
        // Another database in this process may be ahead. The clock never goes back.
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

/// The monotonic clock. On Linux it continues while the machine sleeps.
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

/// The host's clock, in ms.
#[must_use]
pub fn now_ms() -> u64 {
    u64::try_from(CLOCK.now()).unwrap_or(0)
}

/// The host's clock minus the system clock at the last check, in ms.
#[must_use]
pub fn offset_ms() -> i64 {
    CLOCK.offset()
}

/// Converts a time of the host's clock to the system clock, for people.
#[must_use]
pub fn shown(host_ms: u64) -> u64 {
    host_ms.saturating_add_signed(offset_ms().saturating_neg())
}

/// Converts a time of the system clock to the host's clock, with the offset of that time.
#[must_use]
pub fn measured(system_ms: u64, offset_ms: i64) -> u64 {
    system_ms.saturating_add_signed(offset_ms)
}

/// Continues the clock of an earlier process, with its offset, and not before `newest`, its newest recorded time.
pub fn resume(offset_ms: i64, newest: u64) {
    CLOCK.resume(offset_ms, i64::try_from(newest).unwrap_or(i64::MAX));
}

/// The new offset, if the system clock has jumped since the last check.
#[must_use]
pub fn jumped() -> Option<i64> {
    CLOCK.jumped()
}

/// Sets the offset after a jump.
pub fn notice(offset_ms: i64) {
    CLOCK.offset.store(offset_ms, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_with_an_unchanged_system_clock() {
        let clock = HostClock::start();
        let start = clock.now();
        assert!(start.abs_diff(system()) < 10_000, "{start} {}", system());
        assert_eq!((clock.jumped(), clock.offset()), (None, 0));
        std::thread::sleep(Duration::from_millis(20));
        assert!((20..60_000).contains(&(clock.now() - start)));
        assert_eq!(measured(7000, -2000), 5000);
    }

    #[test]
    fn the_clock_continues_from_an_earlier_process_and_never_goes_back() {
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
            assert!(ahead.abs_diff(expected_in) < 10_000, "{ahead}, not {expected_in}");
            assert_eq!(clock.jumped().is_some(), expected_in != offset);
            clock.resume(-3 * HOUR_MS, 0);
            assert!((clock.now() - system() - ahead).abs() < 10_000, "back");
        }
    }
}
