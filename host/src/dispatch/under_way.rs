//! The number of a plugin's attempts under way, and the places that they take.

use std::collections::BTreeMap;

/// Attempts, or effects, under way of one plugin.
pub(super) struct UnderWay<I> {
    attempts: usize,
    places: usize,
    /// Places of each attempt that takes more than one: after a swap the next attempts may take
    /// another number.
    costs: BTreeMap<I, usize>,
}

impl<I: Ord> UnderWay<I> {
    pub(super) fn new() -> Self {
        Self { attempts: 0, places: 0, costs: BTreeMap::new() }
    }

    /// The number of attempts.
    pub(super) fn attempts(&self) -> usize {
        self.attempts
    }

    /// The number of places that they take.
    pub(super) fn places(&self) -> usize {
        self.places
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attempts == 0
    }

    /// Records the begin of an attempt that takes this many places.
    pub(super) fn begin(&mut self, id: I, places: usize) {
        self.attempts += 1;
        self.places += places;
        if places != 1 {
            self.costs.insert(id, places);
        }
    }

    /// One ended. Returns how many places it took.
    pub(super) fn end(&mut self, id: &I) -> usize {
        let places = self.costs.remove(id).unwrap_or(1);
        self.attempts -= 1;
        self.places -= places;
        places
    }
}
