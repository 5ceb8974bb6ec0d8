//! A plugin's store as one call sees it: committed entries, overlaid with the call's own writes. No IO.
//!
//! Writes are committed with the done mark of the delivery. The transaction keeps the version of each entry that the
//! call touched. If another call has changed one of them by the end of this call, this call runs again.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

/// The key of an entry in a plugin's store. It cannot name an entry of another plugin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryKey {
    /// The bucket's name, which is a part of the key.
    pub bucket: Arc<str>,
    /// The key in the bucket.
    pub key: Arc<str>,
}

/// An entry as read. Each write gives an entry a new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The version of its last write.
    pub version: u64,
    /// The value.
    pub value: Bytes,
}

/// The result of a lookup in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peeked {
    /// The entry is known; `None` if it does not exist.
    Known(Option<Entry>),
    /// The entry is not in the cache.
    Unknown,
}

/// A page of keys as read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// In order.
    pub keys: Vec<Arc<str>>,
    /// Whether there may be more after the last one.
    pub more: bool,
    /// The version of the whole store's set of keys.
    pub version: u64,
}

/// The reads and writes of a call.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// The entries that the call touched, as they were read; `None` if they did not exist.
    seen: BTreeMap<EntryKey, Option<Entry>>,
    /// The written values; `None` removes an entry.
    writes: BTreeMap<EntryKey, Option<Bytes>>,
    /// The version of the set of keys, if the call listed it.
    listed: Option<u64>,
    bytes: usize,
    added_keys: i64,
    /// The number of bytes by which the store grows.
    added_bytes: i64,
}

/// A page of a bucket's keys as a call sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPage {
    /// In order.
    pub keys: Vec<Arc<str>>,
    /// The next page begins after this key; `None` for the last page.
    pub cursor: Option<Arc<str>>,
}

/// The bytes that an entry counts in addition to key, bucket and value: its row, and its part of the index.
pub const ENTRY_OVERHEAD_BYTES: usize = 64;

/// The bytes that an entry with a value of this size counts in its plugin's store.
#[must_use]
pub fn entry_bytes(key: &EntryKey, value: usize) -> i64 {
    let bytes = key.bucket.len() + key.key.len() + value + ENTRY_OVERHEAD_BYTES;
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl Transaction {
    /// Whether the call has touched an entry before.
    #[must_use]
    pub fn has_seen(&self, key: &EntryKey) -> bool {
        self.seen.contains_key(key)
    }

    /// Records an entry that was read. The first read counts.
    pub fn see(&mut self, key: EntryKey, found: Option<Entry>) {
        self.seen.entry(key).or_insert(found);
    }

    /// The value that the call sees: its own write, or else the entry as it was read.
    #[must_use]
    pub fn get(&self, key: &EntryKey) -> Option<&Bytes> {
        match self.writes.get(key) {
            Some(written) => written.as_ref(),
            None => self.seen.get(key)?.as_ref().map(|entry| &entry.value),
        }
    }

    /// Writes an entry that was read; `None` removes it. Returns the size of this call's earlier write to the entry, if
    /// there is one.
    pub fn set(&mut self, key: EntryKey, value: Option<Bytes>) -> Option<usize> {
        self.added_keys += i64::from(value.is_some()) - i64::from(self.get(&key).is_some());
        self.added_bytes += self.growth(&key, value.as_ref().map(Bytes::len));
        self.bytes += value.as_ref().map_or(0, Bytes::len);
        let replaced = self.writes.insert(key, value)?.map_or(0, |value| value.len());
        self.bytes -= replaced;
        Some(replaced)
    }

    /// The number of touched entries.
    #[must_use]
    pub fn touched(&self) -> usize {
        self.seen.len()
    }

    /// The bytes of all written values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of bytes by which the store would grow with a value of this size in the entry, or without a value.
    #[must_use]
    pub fn growth(&self, key: &EntryKey, value: Option<usize>) -> i64 {
        let of = |value: Option<usize>| value.map_or(0, |value| entry_bytes(key, value));
        of(value) - of(self.get(key).map(Bytes::len))
    }

    /// The number of bytes by which the store grows.
    #[must_use]
    pub fn added_bytes(&self) -> i64 {
        self.added_bytes
    }

    /// The number of added keys.
    #[must_use]
    pub fn added_keys(&self) -> i64 {
        self.added_keys
    }

    /// Merges the call's own writes into a page, as read, of `bucket`'s keys after `after`: at most
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
        // One more than the limit shows whether there is another page.
        let merged: BTreeSet<Arc<str>> = kept.chain(own.take(limit + 1)).collect();
        let is_cut = merged.len() > limit;
        let keys: Vec<Arc<str>> = merged.into_iter().take(limit).collect();
        let cursor = if is_cut { keys.last().cloned() } else { end };
        KeyPage { keys, cursor }
    }

    /// The versions to check and the writes to commit; `None` for a call that touched no entry.
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
    /// The versions of the touched entries; `None` if an entry did not exist.
    pub seen: Vec<(EntryKey, Option<u64>)>,
    /// The version of the set of keys, if the call listed it.
    pub listed: Option<u64>,
    /// The writes; `None` removes an entry.
    pub writes: Vec<(EntryKey, Option<Bytes>)>,
    /// The number of added keys.
    pub added_keys: i64,
    /// The number of bytes by which the store grows, as [`entry_bytes`] counts them.
    pub added_bytes: i64,
    /// The largest size of the store afterwards, if it grows.
    pub bytes_max: Option<u64>,
    /// The version of the writes; 0 until they are submitted.
    pub version: u64,
}

impl Changes {
    /// Whether the writes change the set of keys.
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
