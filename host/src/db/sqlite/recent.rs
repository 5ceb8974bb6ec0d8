//! Keys that the index does not have yet, in memory. No IO.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::event::Digest;

/// Where the event of a key may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
        self.seq >> 22
    }
}

/// 6 bytes for the id and 2 for the source, in this order: the keys that an id has under all sources are
/// neighbours.
pub(super) fn hash(source: &str, id: &str) -> i64 {
    let (Digest([a, b, c, d, e, f, ..]), Digest([g, h, ..])) =
        (Digest::of(id.as_bytes()), Digest::of(source.as_bytes()));
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
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
    pub(super) next_hash: i64,
}

/// Keys to be put into the index, and what it has then.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) places: Vec<Place>,
    pub(super) after: Progress,
}

/// Keys that are not in the index: first all new ones gather; then they move, in the index's order, one for
/// each that comes in. So there are `max` of them, and a batch.
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
            } else if place.hash >= progress.next_hash {
                self.moving.insert(place);
            }
            self.newest_seq = self.newest_seq.max(place.seq);
        }
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

    /// The next keys to move, up to so many.
    pub(super) fn step(&self, count: usize) -> Step {
        let mut rest = self.moving.iter().copied();
        let places = rest.by_ref().take(count).collect();
        let after = match rest.next() {
            Some(next) => Progress { next_hash: next.hash, ..self.progress },
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
        if self.moving.is_empty() && self.gathering.len() >= self.max {
            self.moving = std::mem::take(&mut self.gathering);
            self.progress = Progress { moving_seq: self.newest_seq, next_hash: i64::MIN, ..self.progress };
        }
    }
}
