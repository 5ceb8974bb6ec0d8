//! Keys that the index does not have yet, in memory. No IO.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::event::Digest;

/// Where the event of a key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Place {
    pub(super) hash: i64,
    pub(super) seq: i64,
}

impl Place {
    pub(super) fn of(source: &str, id: &str, seq: i64) -> Self {
        Self { hash: hash(source, id), seq }
    }

    /// The part of the index that it belongs into.
    pub(super) fn part(self) -> i64 {
        self.seq >> 23
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

/// Which keys the index has, as it is stored: see `key_progress`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Progress {
    pub(super) done_seq: i64,
    pub(super) moving_seq: i64,
    pub(super) next: Place,
}

/// Keys to be put into the index, and what it has then.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) places: Vec<Place>,
    pub(super) after: Progress,
}

/// Keys that are not in the index: all new ones gather; when there are `max`, they move, in the index's order, one
/// for each that comes in, while new ones gather again. So there are never many more than `max`.
#[derive(Debug)]
pub(super) struct Recent {
    max: usize,
    gathering: BTreeSet<Place>,
    moving: BTreeSet<Place>,
    progress: Progress,
    newest_seq: i64,
}

impl Recent {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            gathering: BTreeSet::new(),
            moving: BTreeSet::new(),
            progress: Progress::default(),
            newest_seq: 0,
        }
    }

    /// Begins anew with what is stored: all keys that may not be in the index.
    pub(super) fn load(&mut self, progress: Progress, places: impl IntoIterator<Item = Place>) {
        *self = Self { progress, ..Self::new(self.max) };
        for place in places {
            if place.seq > progress.moving_seq {
                self.gathering.insert(place);
            } else if place >= progress.next {
                self.moving.insert(place);
            }
            self.newest_seq = self.newest_seq.max(place.seq);
        }
        self.turn();
    }

    /// The events whose keys have such a hash.
    pub(super) fn find(&self, hashes: RangeInclusive<i64>) -> impl Iterator<Item = i64> {
        let (first, last) = hashes.into_inner();
        let range = Place { hash: first, seq: i64::MIN }..=Place { hash: last, seq: i64::MAX };
        [&self.gathering, &self.moving]
            .into_iter()
            .flat_map(move |set| set.range(range.clone()))
            .map(|place| place.seq)
    }

    /// The keys to move while so many new ones are taken.
    pub(super) fn step(&self, taken: usize) -> Step {
        // What is too much goes too, though not all at once.
        let excess = (self.gathering.len() + self.moving.len()).saturating_sub(self.max).min(taken);
        let mut rest = self.moving.iter().copied();
        let places = rest.by_ref().take(taken + excess).collect();
        let after = match rest.next() {
            Some(next) => Progress { next, ..self.progress },
            None => Progress { done_seq: self.progress.moving_seq, ..self.progress },
        };
        Step { places, after }
    }

    /// A transaction was committed: it took these keys and moved those.
    pub(super) fn committed(&mut self, taken: impl IntoIterator<Item = Place>, step: Step) {
        for place in &step.places {
            self.moving.remove(place);
        }
        if !step.places.is_empty() {
            self.progress = step.after;
        }
        for place in taken {
            self.gathering.insert(place);
            self.newest_seq = self.newest_seq.max(place.seq);
        }
        self.turn();
    }

    /// What has gathered moves, when it is enough and all before it has moved.
    fn turn(&mut self) {
        if self.moving.is_empty() && self.gathering.len() >= self.max {
            self.moving = std::mem::take(&mut self.gathering);
            self.progress = Progress { moving_seq: self.newest_seq, ..self.progress };
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
                    index.extend(step.places.iter().copied());
                    progress = if step.places.is_empty() { progress } else { step.after };
                }
                match ends {
                    Ends::Committed => recent.committed(taken, step),
                    Ends::RolledBack => {}
                    Ends::Unknown => recent.load(progress, stored.iter().copied().filter(|place| place.seq > progress.done_seq)),
                }
                for place in &stored {
                    let found = recent.find(place.hash..=place.hash).any(|seq| seq == place.seq);
                    prop_assert!(found || index.contains(place), "{place:?} of {recent:?}");
                }
                prop_assert!(recent.gathering.len() + recent.moving.len() < max + 2 * 9, "{recent:?}");
            }
        }
    }
}
