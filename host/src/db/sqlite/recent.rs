//! What an index does not have yet, in memory. No IO.
//!
//! Ids, and orders, are as good as random. In a large index each new one has a page to itself, which is written
//! twice for the sake of 20 bytes. So what is new gathers here; when there is enough of it, it moves into the
//! index in the index's order, a few for each that comes in, and a page takes several.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::event::Digest;

/// An entry of an index, in its order.
pub(super) trait Entry: Copy + Ord + Default {
    /// The number of the event that it is about.
    fn seq(&self) -> i64;
}

/// Where the event of a key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub(super) hash: i64,
    pub(super) seq: i64,
}

impl Entry for Place {
    fn seq(&self) -> i64 {
        self.seq
    }
}

impl Place {
    pub(super) fn of(source: &str, id: &str, seq: i64) -> Self {
        Self { hash: hash(source, id), seq }
    }

    /// The part of the index that it belongs into.
    pub(super) fn part(self) -> i64 {
        self.seq >> 23
    }

    /// All that have such a hash.
    pub(super) fn with(hashes: RangeInclusive<i64>) -> RangeInclusive<Self> {
        let (first, last) = hashes.into_inner();
        Self { hash: first, seq: i64::MIN }..=Self { hash: last, seq: i64::MAX }
    }
}

/// 6 bytes for the id and 2 for the source, in this order: the keys that an id has under all sources are
/// neighbours.
pub(super) fn hash(source: &str, id: &str) -> i64 {
    let (id, source) = (Digest::of(id.as_bytes()), Digest::of(source.as_bytes()));
    let mut bytes = [0; 8];
    bytes[..6].copy_from_slice(&id.0[..6]);
    bytes[6..].copy_from_slice(&source.0[..2]);
    i64::from_be_bytes(bytes)
}

/// The hashes that an id may have under any source.
pub(super) fn hashes(id: &str) -> RangeInclusive<i64> {
    let any = hash("", id);
    any & !0xffff..=any | 0xffff
}

/// Which entries an index has, as it is stored: those of events up to `done_seq`; and of events up to
/// `moving_seq` those before `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress<E> {
    pub(super) done_seq: i64,
    pub(super) moving_seq: i64,
    pub(super) next: E,
}

impl<E: Entry> Progress<E> {
    /// Whether the index has the entry, if there is such a one.
    pub(super) fn covers(&self, entry: &E) -> bool {
        entry.seq() <= self.done_seq || (entry.seq() <= self.moving_seq && *entry < self.next)
    }
}

/// What is to be put into the index, and what it has then.
#[derive(Debug, Default)]
pub(super) struct Step<E> {
    pub(super) entries: Vec<E>,
    pub(super) after: Progress<E>,
}

/// What is not in the index: all that is new gathers; when there are `max`, they move, one for each that comes in,
/// while new ones gather again. So there are never many more than `max`.
#[derive(Debug)]
pub(super) struct Recent<E> {
    max: usize,
    gathering: BTreeSet<E>,
    moving: BTreeSet<E>,
    progress: Progress<E>,
    newest_seq: i64,
}

impl<E: Entry> Recent<E> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            gathering: BTreeSet::new(),
            moving: BTreeSet::new(),
            progress: Progress::default(),
            newest_seq: 0,
        }
    }

    /// Begins anew with what is stored: all entries that may not be in the index.
    pub(super) fn load(&mut self, progress: Progress<E>, entries: impl IntoIterator<Item = E>) {
        *self = Self { progress, ..Self::new(self.max) };
        for entry in entries {
            self.add(entry);
        }
        self.turn();
    }

    /// Those between two, in their order.
    pub(super) fn find(&self, range: RangeInclusive<E>) -> impl Iterator<Item = E> {
        [&self.gathering, &self.moving].into_iter().flat_map(move |set| set.range(range.clone())).copied()
    }

    /// The first of those between two.
    pub(super) fn first(&self, range: &RangeInclusive<E>) -> Option<E> {
        let first = |set: &BTreeSet<E>| set.range(range.clone()).next().copied();
        [&self.gathering, &self.moving].into_iter().filter_map(first).min()
    }

    /// Which entries are in the index, and so not here.
    pub(super) fn progress(&self) -> Progress<E> {
        self.progress
    }

    /// Takes an entry, unless the index has such ones.
    pub(super) fn add(&mut self, entry: E) {
        if entry.seq() > self.progress.moving_seq {
            self.gathering.insert(entry);
        } else if !self.progress.covers(&entry) {
            self.moving.insert(entry);
        }
        self.newest_seq = self.newest_seq.max(entry.seq());
    }

    /// Forgets one that is not to come into the index any more.
    pub(super) fn remove(&mut self, entry: &E) {
        let _ = self.gathering.remove(entry) || self.moving.remove(entry);
    }

    /// What is to move while so many new ones are taken.
    pub(super) fn step(&self, taken: usize) -> Step<E> {
        // What is too much goes too, though not all at once.
        let excess = (self.gathering.len() + self.moving.len()).saturating_sub(self.max).min(taken);
        let mut rest = self.moving.iter().copied();
        let entries = rest.by_ref().take(taken + excess).collect();
        let after = match rest.next() {
            Some(next) => Progress { next, ..self.progress },
            None => Progress { done_seq: self.progress.moving_seq, ..self.progress },
        };
        Step { entries, after }
    }

    /// These are in the index.
    pub(super) fn moved(&mut self, step: Step<E>) {
        for entry in &step.entries {
            self.moving.remove(entry);
        }
        if !step.entries.is_empty() {
            self.progress = step.after;
        }
        self.turn();
    }

    /// What has gathered moves, when it is enough and all before it has moved.
    fn turn(&mut self) {
        if self.moving.is_empty() && self.gathering.len() >= self.max {
            self.moving = std::mem::take(&mut self.gathering);
            self.progress = Progress {
                done_seq: self.progress.moving_seq,
                moving_seq: self.newest_seq,
                next: self.moving.first().copied().unwrap_or_default(),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_has_neighbouring_hashes_under_all_sources() {
        for (source, id) in [("a", "evt_1"), ("plugin.a", "evt_1"), ("", "")] {
            assert!(hashes(id).contains(&hash(source, id)));
        }
        assert!(!hashes("evt_2").contains(&hash("a", "evt_1")));
        assert_ne!(hash("a", "evt_1"), hash("b", "evt_1"));
    }

    /// What becomes of a transaction.
    #[derive(Debug, Clone, Copy)]
    enum Ends {
        Committed,
        RolledBack,
        /// It is on disk, and the process was killed, or does not know.
        Unknown,
    }

    fn transactions() -> impl Strategy<Value = Vec<(usize, i64, Ends)>> {
        let ends =
            prop_oneof![6 => Just(Ends::Committed), 1 => Just(Ends::RolledBack), 1 => Just(Ends::Unknown)];
        proptest::collection::vec((0..9_usize, 0..40_i64, ends), 1..80)
    }

    proptest! {
        #[test]
        fn every_key_is_in_memory_or_in_the_index(max in 1..20_usize, transactions in transactions()) {
            let (mut recent, mut newest) = (Recent::new(max), 0);
            let (mut stored, mut index, mut progress) = (Vec::new(), BTreeSet::new(), Progress::default());
            for (count, salt, ends) in transactions {
                let taken: Vec<_> = (1..).take(count).map(|n: i64| Place { hash: n * salt % 13, seq: newest + n }).collect();
                // Numbers are not used again, whatever becomes of them.
                newest += i64::try_from(taken.len()).unwrap();
                let step = recent.step(count);
                if !matches!(ends, Ends::RolledBack) {
                    stored.extend(taken.iter().copied());
                    index.extend(step.entries.iter().copied());
                    progress = if step.entries.is_empty() { progress } else { step.after };
                }
                match ends {
                    Ends::Committed => {
                        for place in taken {
                            recent.add(place);
                        }
                        recent.moved(step);
                    }
                    Ends::RolledBack => {}
                    Ends::Unknown => recent.load(progress, stored.iter().copied().filter(|place| place.seq > progress.done_seq)),
                }
                for place in &stored {
                    let found = recent.find(*place..=*place).next().is_some();
                    prop_assert!(found || index.contains(place), "{place:?} of {recent:?}");
                }
                prop_assert!(recent.gathering.len() + recent.moving.len() < max + 2 * 9, "{recent:?}");
            }
        }
    }
}
