//! A plugin's store as one call sees it: what is committed, with the call's own writes on top. No IO.
//!
//! Nothing is written before the delivery is done. Each entry that a call touched is remembered with
//! the version it had; where another call has changed one of them by the time this call ends, what it
//! decided rests on what is no longer so, and it runs again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

/// Where an entry is in a plugin's store. Another plugin's cannot be named.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryKey {
    /// The bucket's name, which is only a part of the key.
    pub bucket: Arc<str>,
    /// The key in the bucket.
    pub key: Arc<str>,
}

/// An entry as it was found. Each write gives an entry a version that none had before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which write made it.
    pub version: u64,
    /// What is there.
    pub value: Bytes,
}

/// What is known of an entry without asking the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peeked {
    /// What is there; `None` = nothing.
    Known(Option<Entry>),
    /// The database has to be asked.
    Unknown,
}

/// A page of keys, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// In order.
    pub keys: Vec<Arc<str>>,
    /// Whether there may be more after the last one.
    pub more: bool,
    /// The state of the whole store's set of keys.
    pub version: u64,
}

/// What a call read and wrote.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// What was there, of all entries that were touched; `None` = nothing.
    seen: BTreeMap<EntryKey, Option<Entry>>,
    /// What is to be there; `None` = nothing.
    writes: BTreeMap<EntryKey, Option<Bytes>>,
    /// The set of keys that was listed, if it was.
    listed: Option<u64>,
    bytes: usize,
    added_keys: i64,
    /// How many more bytes the store will have.
    added_bytes: i64,
}

/// A page of a bucket's keys as a call sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    /// In order.
    pub keys: Vec<Arc<str>>,
    /// The next page begins after this key; `None` = this is the last page.
    pub cursor: Option<Arc<str>>,
}

/// What an entry takes of its plugin's store beside key, bucket and value: its row, and its part of the index.
pub const ENTRY_OVERHEAD_BYTES: usize = 64;

/// What an entry with a value of so many bytes takes of its plugin's store.
#[must_use]
pub fn entry_bytes(key: &EntryKey, value: usize) -> i64 {
    let bytes = key.bucket.len() + key.key.len() + value + ENTRY_OVERHEAD_BYTES;
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Transaction {
    /// Whether an entry was touched before: it is not read again.
    #[must_use]
    pub fn has_seen(&self, key: &EntryKey) -> bool {
        self.seen.contains_key(key)
    }

    /// Remembers what was found; the first time counts.
    pub fn see(&mut self, key: EntryKey, found: Option<Entry>) {
        self.seen.entry(key).or_insert(found);
    }

    /// What the call finds: its own writes first.
    #[must_use]
    pub fn get(&self, key: &EntryKey) -> Option<&Bytes> {
        match self.writes.get(key) {
            Some(written) => written.as_ref(),
            None => self.seen.get(key)?.as_ref().map(|entry| &entry.value),
        }
    }

    /// Writes an entry that was seen; `None` removes it. Returns how many bytes this call had
    /// written there before; `None` = it had not.
    pub fn set(&mut self, key: EntryKey, value: Option<Bytes>) -> Option<usize> {
        self.added_keys += i64::from(value.is_some()) - i64::from(self.get(&key).is_some());
        self.added_bytes += self.growth(&key, value.as_ref().map(Bytes::len));
        self.bytes += value.as_ref().map_or(0, Bytes::len);
        let replaced = self.writes.insert(key, value)?.map_or(0, |value| value.len());
        self.bytes -= replaced;
        Some(replaced)
    }

    /// How many entries were touched.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.seen.len()
    }

    /// Bytes of all values that are to be written.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many more bytes the store would have with a value of so many bytes there, or none.
    #[must_use]
    pub fn growth(&self, key: &EntryKey, value: Option<usize>) -> i64 {
        let of = |value: Option<usize>| value.map_or(0, |value| entry_bytes(key, value));
        of(value) - of(self.get(key).map(Bytes::len))
    }

    /// How many more bytes the store will have.
    #[must_use]
    pub fn added_bytes(&self) -> i64 {
        self.added_bytes
    }

    /// How many more keys there will be.
    #[must_use]
    pub fn added_keys(&self) -> i64 {
        self.added_keys
    }

    /// Merges the call's own writes into a page of `bucket`'s keys after `after`, as it was found: at most
    /// `limit` keys.
    pub fn list(&mut self, bucket: &Arc<str>, after: Option<&str>, found: Keys, limit: usize) -> KeyPage {
        self.listed.get_or_insert(found.version);
        let at = |key: &str| EntryKey { bucket: Arc::clone(bucket), key: key.into() };
        let end = found.keys.last().cloned().filter(|_| found.more);
        let removed = |key: &Arc<str>| {
            let key = EntryKey { bucket: Arc::clone(bucket), key: Arc::clone(key) };
            self.writes.get(&key).is_some_and(Option::is_none)
        };
        let start = after.map_or_else(|| Bound::Included(at("")), |after| Bound::Excluded(at(after)));
        let on_page =
            |key: &EntryKey| key.bucket == *bucket && end.as_ref().is_none_or(|end| key.key <= *end);
        let own = self.writes.range((start, Bound::Unbounded)).take_while(|(key, _)| on_page(key));
        let own = own.filter(|(_, value)| value.is_some()).map(|(key, _)| Arc::clone(&key.key));
        let kept = found.keys.into_iter().filter(|key| !removed(key));
        // One more than fits tells whether there is another page.
        let merged: BTreeSet<Arc<str>> = kept.chain(own.take(limit + 1)).collect();
        let is_cut = merged.len() > limit;
        let keys: Vec<Arc<str>> = merged.into_iter().take(limit).collect();
        let cursor = if is_cut { keys.last().cloned() } else { end };
        KeyPage { keys, cursor }
    }

    /// What has to be as it was, and what is to be written: `None` for a call that touched nothing.
    #[must_use]
    pub fn end(self) -> Option<Changes> {
        if self.seen.is_empty() && self.listed.is_none() {
            return None;
        }
        let (added_keys, added_bytes) = (self.added_keys(), self.added_bytes);
        let seen = self.seen.into_iter().map(|(key, entry)| (key, entry.map(|entry| entry.version)));
        let writes = self.writes.into_iter().collect();
        let (seen, listed) = (seen.collect(), self.listed);
        Some(Changes { seen, listed, writes, added_keys, added_bytes, ..Changes::default() })
    }
}

/// A call's part of the commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Changes {
    /// The versions of the entries that were touched; `None` = there was none.
    pub seen: Vec<(EntryKey, Option<u64>)>,
    /// The set of keys that was listed, if it was.
    pub listed: Option<u64>,
    /// What is to be written; `None` removes.
    pub writes: Vec<(EntryKey, Option<Bytes>)>,
    /// How many more keys there will be.
    pub added_keys: i64,
    /// How many more bytes there will be, as [`entry_bytes`] counts them.
    pub added_bytes: i64,
    /// The most that the store may have afterwards, if it grows.
    pub bytes_max: Option<u64>,
    /// The version that the writes get; 0 until they are on their way to the database.
    pub version: u64,
}

impl Changes {
    /// Whether the set of keys is another afterwards.
    #[must_use]
    pub fn changes_keys(&self) -> bool {
        let was = |key| {
            self.seen.binary_search_by(|(seen, _)| seen.cmp(key)).is_ok_and(|at| self.seen[at].1.is_some())
        };
        self.writes.iter().any(|(key, value)| value.is_some() != was(key))
    }
}

#[cfg(test)]
#[path = "keyvalue_tests.rs"]
mod tests;
