//! How many attempts a plugin has under way, and how many places these take.

use std::collections::BTreeMap;

/// Attempts, or effects, under way of one plugin.
pub(super) struct UnderWay<I> {
    attempts: usize,
    places: usize,
    /// Places of each attempt that takes more than one: a swap changes what the next ones take.
    costs: BTreeMap<I, usize>,
}

impl<I: Ord> UnderWay<I> {
    pub(super) fn new() -> Self {
        Self { attempts: 0, places: 0, costs: BTreeMap::new() }
    }

    /// How many there are.
    pub(super) fn attempts(&self) -> usize {
        self.attempts
    }

    /// How many places they take.
    pub(super) fn places(&self) -> usize {
        self.places
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attempts == 0
    }

    /// One begins that takes so many places.
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
