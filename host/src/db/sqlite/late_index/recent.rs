//! Entries that an index does not have yet, in memory. No IO.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// An entry of an index, in its order.
pub(in crate::db::sqlite) trait Entry: Copy + Ord + Default {
    /// The number of the event that it is about.
    fn seq(&self) -> i64;
}

/// The stored progress of an index. The index has the entries of events up to `done_seq`, and those
/// before `next` of events up to `moving_seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::db::sqlite) struct Progress<E> {
    pub(in crate::db::sqlite) done_seq: i64,
    pub(in crate::db::sqlite) moving_seq: i64,
    pub(in crate::db::sqlite) next: E,
}

impl<E: Entry> Progress<E> {
    /// Returns whether the index has the entry, if the entry exists.
    pub(in crate::db::sqlite) fn covers(&self, entry: &E) -> bool {
        entry.seq() <= self.done_seq || (entry.seq() <= self.moving_seq && *entry < self.next)
    }
}

/// Entries that are not in the index. New entries gather; when there are `max`, they move, one for each new entry,
/// while new ones gather again. So there are never many more than `max`.
///
/// It follows the open transaction and can undo its changes.
#[derive(Debug)]
pub(super) struct Recent<E> {
    max: usize,
    gathering: BTreeSet<E>,
    moving: BTreeSet<E>,
    progress: Progress<E>,
    newest_seq: i64,
    transaction: Transaction<E>,
}

/// The changes of the open transaction.
#[derive(Debug, Default)]
struct Transaction<E> {
    /// Progress and newest event at its begin, once it has changed anything.
    before: Option<(Progress<E>, i64)>,
    added: BTreeSet<E>,
    /// Moved into the index; a reader that does not see the transaction does not find them there
    /// yet.
    moved: Vec<E>,
    removed: Vec<E>,
}

impl<E: Entry> Recent<E> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max: max.max(1),
            gathering: BTreeSet::new(),
            moving: BTreeSet::new(),
            progress: Progress::default(),
            newest_seq: 0,
            transaction: Transaction::default(),
        }
    }

    /// Restarts with the stored entries that may not be in the index.
    pub(super) fn load(&mut self, progress: Progress<E>, entries: impl IntoIterator<Item = E>) {
        *self = Self { progress, ..Self::new(self.max) };
        for entry in entries {
            self.insert(entry);
            self.newest_seq = self.newest_seq.max(entry.seq());
        }
        self.turn();
    }

    /// Returns entries of a range that a reader may not find in the index, whether or not it sees the open
    /// transaction.
    pub(super) fn find(&self, range: &RangeInclusive<E>) -> impl Iterator<Item = E> {
        let moved = self.transaction.moved.iter().filter(move |entry| range.contains(entry));
        let here = [&self.gathering, &self.moving].into_iter().flat_map(move |set| set.range(range.clone()));
        here.chain(moved).copied()
    }

    /// The first of those between two that are not in the index.
    pub(super) fn first(&self, range: &RangeInclusive<E>) -> Option<E> {
        let first = |set: &BTreeSet<E>| set.range(range.clone()).next().copied();
        [&self.gathering, &self.moving].into_iter().filter_map(first).min()
    }

    /// Describes the entries that are in the index, and so not here.
    pub(super) fn progress(&self) -> Progress<E> {
        self.progress
    }

    /// Takes an entry, unless the index covers it.
    pub(super) fn add(&mut self, entry: E) {
        self.begin();
        if self.insert(entry) {
            self.transaction.added.insert(entry);
        }
        self.newest_seq = self.newest_seq.max(entry.seq());
    }

    /// Forgets one that is not to come into the index any more.
    pub(super) fn remove(&mut self, entry: &E) {
        self.begin();
        let was_here = self.gathering.remove(entry) || self.moving.remove(entry);
        if was_here && !self.transaction.added.remove(entry) {
            self.transaction.removed.push(*entry);
        }
    }

    /// Removes and returns the entries to move into the index while `taken` new ones were taken.
    pub(super) fn move_out(&mut self, taken: usize) -> Vec<E> {
        // An excess from before moves too, though not all at once.
        let before = self.gathering.len() + self.moving.len() - self.transaction.added.len();
        let excess = before.saturating_sub(self.max).min(taken);
        let entries: Vec<_> = self.moving.iter().copied().take(taken + excess).collect();
        if entries.is_empty() {
            return entries;
        }
        self.begin();
        for entry in &entries {
            self.moving.remove(entry);
            if !self.transaction.added.remove(entry) {
                self.transaction.moved.push(*entry);
            }
        }
        match self.moving.first() {
            Some(next) => self.progress.next = *next,
            None => self.progress.done_seq = self.progress.moving_seq,
        }
        entries
    }

    /// The open transaction is committed.
    pub(super) fn committed(&mut self) {
        self.transaction = Transaction::default();
        self.turn();
    }

    /// Undoes a transaction that was rolled back.
    pub(super) fn undone(&mut self) {
        let Transaction { before, added, moved, removed } = std::mem::take(&mut self.transaction);
        let Some((progress, newest_seq)) = before else { return };
        (self.progress, self.newest_seq) = (progress, newest_seq);
        for entry in &added {
            let _ = self.gathering.remove(entry) || self.moving.remove(entry);
        }
        for entry in moved.into_iter().chain(removed) {
            self.insert(entry);
        }
    }

    fn begin(&mut self) {
        self.transaction.before.get_or_insert((self.progress, self.newest_seq));
    }

    /// Returns whether it was not here, and the index does not have it.
    fn insert(&mut self, entry: E) -> bool {
        if entry.seq() > self.progress.moving_seq {
            self.gathering.insert(entry)
        } else {
            !self.progress.covers(&entry) && self.moving.insert(entry)
        }
    }

    /// Lets the gathered entries move, if they are enough and all before them have moved.
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

    /// Counts the entries.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.gathering.len() + self.moving.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
    struct Hashed {
        hash: i64,
        seq: i64,
    }

    impl Entry for Hashed {
        fn seq(&self) -> i64 {
            self.seq
        }
    }

    /// The end of a transaction.
    #[derive(Debug, Clone, Copy)]
    enum End {
        Committed,
        RolledBack,
        /// It is on disk, and the process was killed or could not see the result.
        Unknown,
    }

    /// The numbers of entries that a transaction adds and removes, a seed for their hashes, and its end.
    fn transactions() -> impl Strategy<Value = Vec<(usize, usize, i64, End)>> {
        let end = prop_oneof![6 => Just(End::Committed), 2 => Just(End::RolledBack), 1 => Just(End::Unknown)];
        proptest::collection::vec((0..9_usize, 0..4_usize, 0..40_i64, end), 1..80)
    }

    proptest! {
        #[test]
        fn every_entry_is_in_memory_or_in_the_index(max in 1..20_usize, transactions in transactions()) {
            let (mut recent, mut newest) = (Recent::new(max), 0);
            let (mut stored, mut index) = (BTreeSet::new(), BTreeSet::new());
            for (count, removals, salt, end) in transactions {
                let (stored_before, index_before) = (stored.clone(), index.clone());
                // Numbers are not used again, however a transaction ends.
                for n in (1..).take(count) {
                    let entry = Hashed { hash: n * salt % 13, seq: newest + n };
                    recent.add(entry);
                    stored.insert(entry);
                }
                newest += i64::try_from(count).unwrap();
                index.extend(recent.move_out(count));
                for _ in 0..removals.min(stored.len()) {
                    let nth = usize::try_from(salt).unwrap() % stored.len();
                    let entry = *stored.iter().nth(nth).unwrap();
                    stored.remove(&entry);
                    if recent.progress().covers(&entry) {
                        prop_assert!(index.remove(&entry));
                    } else {
                        recent.remove(&entry);
                    }
                }
                let visible = stored.iter().chain(&stored_before).filter(|entry| !index_before.contains(entry));
                for entry in visible.filter(|entry| stored.contains(entry)) {
                    prop_assert!(recent.find(&(*entry..=*entry)).next().is_some(), "{entry:?} for readers");
                }
                match end {
                    End::Committed => recent.committed(),
                    End::RolledBack => {
                        (stored, index) = (stored_before, index_before);
                        recent.undone();
                    }
                    End::Unknown => {
                        let progress = recent.progress();
                        let left = stored.iter().copied().filter(|entry| entry.seq > progress.done_seq);
                        recent.load(progress, left);
                    }
                }
                for entry in &stored {
                    let here = recent.first(&(*entry..=*entry)).is_some();
                    prop_assert_ne!(here, index.contains(entry), "{:?} of {:?}", entry, recent);
                    prop_assert_eq!(here, !recent.progress().covers(entry), "{:?} of {:?}", entry, recent);
                }
                prop_assert!(recent.len() < max + 2 * 9, "{recent:?}");
            }
        }
    }
}
