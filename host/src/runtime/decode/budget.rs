//! The memory and the time that decoding one payload may take. A type with many optional fields makes hundreds of
//! bytes of two in the body, so the body's size is no limit for it.

use std::cell::Cell;
use std::time::Instant;

use wasmtime::component::Val;

use super::Mismatch;
use crate::runtime::plan::heap_bytes;

/// A value in its list, and one in its record.
pub(super) const VALUE_BYTES: usize = size_of::<Val>();
pub(super) const FIELD_BYTES: usize = size_of::<(String, Val)>();
/// A value behind a pointer.
pub(super) const BOXED_BYTES: usize = VALUE_BYTES + 8;
/// Values between two checks of the clock.
pub(super) const STEPS: usize = 1024;

/// The limits on a payload's memory and decoding time.
#[derive(Debug, Clone, Copy)]
pub(in crate::runtime) struct DecodeLimits {
    pub(in crate::runtime) memory_max_bytes: usize,
    pub(in crate::runtime) deadline: Instant,
}

/// See the module.
pub(super) struct DecodeBudget {
    limits: DecodeLimits,
    used_bytes: Cell<usize>,
    steps: Cell<usize>,
}

impl DecodeBudget {
    pub(super) fn new(limits: DecodeLimits) -> Self {
        Self { limits, used_bytes: Cell::default(), steps: Cell::default() }
    }

    pub(super) fn used_bytes(&self) -> usize {
        self.used_bytes.get()
    }

    /// Takes this many bytes, and counts a step.
    ///
    /// # Errors
    /// A final mismatch when there is no room or no time left.
    pub(super) fn charge(&self, bytes: usize) -> Result<(), Mismatch> {
        let used = self.used_bytes.get().saturating_add(bytes);
        if used > self.limits.memory_max_bytes {
            return Err(Mismatch::too_large(self.limits.memory_max_bytes));
        }
        self.used_bytes.set(used);
        self.step()
    }

    /// Takes the memory of a text of this length.
    ///
    /// # Errors
    /// As [`DecodeBudget::charge`].
    pub(super) fn charge_text(&self, length: usize) -> Result<(), Mismatch> {
        self.charge(heap_bytes(length))
    }

    /// Releases bytes that were needed for a while.
    pub(super) fn release(&self, bytes: usize) {
        self.used_bytes.set(self.used_bytes.get().saturating_sub(bytes));
    }

    /// Counts a step towards the deadline.
    ///
    /// # Errors
    /// A final mismatch after the deadline.
    pub(super) fn step(&self) -> Result<(), Mismatch> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get().is_multiple_of(STEPS) && Instant::now() >= self.limits.deadline {
            return Err(Mismatch::too_late());
        }
        Ok(())
    }
}
