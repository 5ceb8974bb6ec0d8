//! The memory that the host uses for one instance, in bytes, within the plugin's `host_memory_max_bytes`.
//!
//! Memory held for the call or longer is reserved before it is allocated: store entries, handles, effects,
//! log lines, the payload. Copies that a single host function makes are checked against the rest of the
//! budget. Copies that wasmtime makes from the guest before a host function begins are limited by
//! [`MemoryBudget::lift_max_bytes`].

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that the host holds for one instance, and their limit.
#[derive(Debug)]
pub(super) struct MemoryBudget {
    max_bytes: usize,
    held_bytes: AtomicUsize,
}

impl MemoryBudget {
    pub(super) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, held_bytes: AtomicUsize::new(0) })
    }

    /// Checks that this many more bytes fit for the time of one host function.
    ///
    /// # Errors
    /// [`OverBudget`]
    pub(super) fn check(&self, bytes: usize) -> Result<(), OverBudget> {
        let total = self.held_bytes().saturating_add(bytes);
        if total > self.max_bytes {
            return Err(OverBudget { total_bytes: total, max_bytes: self.max_bytes });
        }
        Ok(())
    }

    /// Reserves bytes until the reservation is dropped.
    ///
    /// # Errors
    /// [`OverBudget`]
    pub(super) fn reserve(self: &Arc<Self>, bytes: usize) -> Result<Reservation, OverBudget> {
        let mut reservation = Reservation::empty(self);
        reservation.grow(bytes)?;
        Ok(reservation)
    }

    /// Bytes that the guest may hand to one host function, or return, as wasmtime counts them. Their
    /// allocations can take 1.5 times as much in addition (a list of texts of one byte). So this is two
    /// fifths of the rest of the budget. A small part of the budget is always allowed, so that the host
    /// function itself can name the value that does not fit.
    pub(super) fn lift_max_bytes(&self) -> usize {
        let left = self.max_bytes.saturating_sub(self.held_bytes());
        (left / 5 * 2).max(self.max_bytes / 32)
    }

    pub(super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }
}

/// A part of a budget that is in use.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: usize,
}

impl Reservation {
    pub(super) fn empty(budget: &Arc<MemoryBudget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// Reserves more.
    ///
    /// # Errors
    /// [`OverBudget`]: the reservation stays as it was.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), OverBudget> {
        self.budget.check(bytes)?;
        self.budget.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        Ok(())
    }

    /// Releases a part of it.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.budget.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.bytes -= bytes;
    }

    /// Releases all of it.
    pub(super) fn clear(&mut self) {
        self.shrink(self.bytes);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A reservation would cross the budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OverBudget {
    /// Bytes that the host would hold for the instance.
    pub(super) total_bytes: usize,
    pub(super) max_bytes: usize,
}

impl OverBudget {
    /// The error that ends the call: it names the guest's request.
    pub(super) fn into_error(self, request: impl fmt::Display) -> wasmtime::Error {
        let Self { total_bytes, max_bytes } = self;
        wasmtime::Error::msg(format!(
            "{request}: the host would hold {total_bytes} bytes for this call, host_memory_max_bytes is {max_bytes}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reservations_count_until_they_are_dropped() {
        let budget = MemoryBudget::new(100);
        let mut first = budget.reserve(60).unwrap();
        assert_eq!(budget.reserve(41).unwrap_err(), OverBudget { total_bytes: 101, max_bytes: 100 });
        let second = budget.reserve(40).unwrap();
        assert!(first.grow(1).is_err());
        drop(second);
        first.grow(1).unwrap();
        first.shrink(11);
        assert_eq!((first.bytes, budget.held_bytes(), budget.lift_max_bytes()), (50, 50, 20));
        assert!(budget.check(50).is_ok() && budget.check(51).is_err());
        first.shrink(1000);
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn huge_requests_do_not_wrap_around() {
        let budget = MemoryBudget::new(100);
        let _held = budget.reserve(1).unwrap();
        assert!(budget.reserve(usize::MAX).is_err());
    }
}
