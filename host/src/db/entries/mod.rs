//! Entries of plugins' stores: committed ones, and submitted ones before their commit.
//!
//! A call that ends is checked against these entries, and its writes are added in the same moment in
//! which it goes to the writer. So the next call finds them without waiting for the disk. If their commit
//! fails, so do the commits of calls that read them, because the commit checks versions again.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use quick_cache::unsync::Cache;
use quick_cache::{DefaultHashBuilder, Lifecycle, Weighter};

use super::storage::EntryReads;
use super::types::{Conflict, DbError, StoreSummary};
use crate::event::PluginName;
use crate::keyvalue::{Changes, Entry, EntryKey, Keys, Peeked};

type Key = (PluginName, EntryKey);

/// The cached state of an entry.
#[derive(Clone)]
struct Known {
    /// `None` = there is none.
    found: Option<Entry>,
    /// Writes on their way: it stays here until the database has them.
    pending: u32,
}

/// See the module.
pub(in crate::db) struct Entries(Mutex<Inner>);

struct Inner {
    entries: Cache<Key, Known, Weight, DefaultHashBuilder, KeepPending>,
    /// The keys of entries whose writes are not committed yet, for lists of keys.
    pending: HashMap<PluginName, BTreeSet<EntryKey>>,
    summaries: HashMap<PluginName, StoreSummary>,
    last_version: u64,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Key, Known> for Weight {
    fn weight(&self, (_, key): &Key, known: &Known) -> u64 {
        let value = known.found.as_ref().map_or(0, |entry| entry.value.len());
        (128 + key.bucket.len() + key.key.len() + value) as u64
    }
}

#[derive(Clone)]
struct KeepPending;

impl Lifecycle<Key, Known> for KeepPending {
    /// Plugins of which an entry had to make way.
    type RequestState = Vec<PluginName>;

    fn is_pinned(&self, _: &Key, known: &Known) -> bool {
        known.pending > 0
    }

    fn begin_request(&self) -> Vec<PluginName> {
        Vec::new()
    }

    fn on_evict(&self, evicted: &mut Vec<PluginName>, (plugin, _): Key, _: Known) {
        evicted.push(plugin);
    }
}

impl Entries {
    /// `last_version` is the highest that the database has.
    pub(in crate::db) fn new(cache_max_bytes: u64, last_version: u64) -> Self {
        let typical = usize::try_from(cache_max_bytes / 512).unwrap_or(usize::MAX);
        let entries =
            Cache::with(typical, cache_max_bytes, Weight, DefaultHashBuilder::default(), KeepPending);
        Self(Mutex::new(Inner { entries, pending: HashMap::new(), summaries: HashMap::new(), last_version }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns an entry, if it is known.
    pub(in crate::db) fn peek(&self, plugin: &PluginName, key: &EntryKey) -> Peeked {
        self.lock().peek(plugin, key)
    }

    /// Returns the number of a plugin's keys.
    pub(in crate::db) fn count(&self, plugin: &PluginName) -> u64 {
        let keys = self.lock().summaries.get(plugin).map_or(0, |summary| summary.keys);
        u64::try_from(keys).unwrap_or(0)
    }

    /// Returns the size of a plugin's store in bytes.
    pub(in crate::db) fn bytes(&self, plugin: &PluginName) -> u64 {
        let bytes = self.lock().summaries.get(plugin).map_or(0, |summary| summary.bytes);
        u64::try_from(bytes).unwrap_or(0)
    }

    /// Returns an entry, from the database if it is not known.
    pub(in crate::db) async fn get(
        &self,
        reads: &(impl EntryReads + ?Sized),
        plugin: &PluginName,
        key: &EntryKey,
    ) -> Result<Option<Entry>, DbError> {
        if let Peeked::Known(found) = self.peek(plugin, key) {
            return Ok(found);
        }
        if self.summary(reads, plugin).await?.complete
            && let Peeked::Known(found) = self.peek(plugin, key)
        {
            return Ok(found);
        }
        let found = reads.entry(plugin, key).await?;
        let mut inner = self.lock();
        // A call that ended meanwhile has a newer value.
        if let Peeked::Known(newer) = inner.peek(plugin, key) {
            return Ok(newer);
        }
        inner.insert((plugin.clone(), key.clone()), Known { found: found.clone(), pending: 0 });
        Ok(found)
    }

    /// A page of keys: committed and submitted ones.
    pub(in crate::db) async fn keys(
        &self,
        reads: &(impl EntryReads + ?Sized),
        plugin: &PluginName,
        (bucket, after): (&str, Option<&str>),
        limit: usize,
    ) -> Result<Keys, DbError> {
        // In this order: a commit between the two reads is then in both, and a submission after the
        // first changes the version.
        let version = self.summary(reads, plugin).await?.keys_version;
        let pending = self.pending(plugin, bucket, after);
        let mut keys = reads.keys(plugin, bucket, after, limit).await?;
        let more = keys.len() >= limit;
        let end = keys.last().filter(|_| more).cloned();
        if !pending.is_empty() {
            let mut merged: BTreeSet<_> = keys.into_iter().collect();
            for (key, there) in pending {
                let beyond = end.as_ref().is_some_and(|end| key > *end);
                if !there {
                    merged.remove(&key);
                } else if !beyond {
                    merged.insert(key);
                }
            }
            keys = merged.into_iter().collect();
        }
        Ok(Keys { keys, more, version })
    }

    fn pending(
        &self,
        plugin: &PluginName,
        bucket: &str,
        after: Option<&str>,
    ) -> Vec<(std::sync::Arc<str>, bool)> {
        let inner = self.lock();
        let Some(pending) = inner.pending.get(plugin) else { return Vec::new() };
        let at = |key: &str| EntryKey { bucket: bucket.into(), key: key.into() };
        let start = after.map_or_else(|| Bound::Included(at("")), |after| Bound::Excluded(at(after)));
        let of_bucket = pending.range((start, Bound::Unbounded)).take_while(|key| &*key.bucket == bucket);
        let is_there = |key: &EntryKey| {
            let known = inner.entries.peek(&(plugin.clone(), key.clone()));
            known.is_some_and(|known| known.found.is_some())
        };
        of_bucket.map(|key| (key.key.clone(), is_there(key))).collect()
    }

    async fn summary(
        &self,
        reads: &(impl EntryReads + ?Sized),
        plugin: &PluginName,
    ) -> Result<StoreSummary, DbError> {
        if let Some(summary) = self.lock().summaries.get(plugin) {
            return Ok(*summary);
        }
        let summary = reads.store_summary(plugin).await?;
        Ok(*self.lock().summaries.entry(plugin.clone()).or_insert(summary))
    }

    /// Takes the changes of an ended call, if its reads are still current, and sends them to the writer
    /// in the same moment. So every call that is sent later has seen them.
    pub(in crate::db) fn submit(
        &self,
        plugin: &PluginName,
        changes: &mut Changes,
        send: impl FnOnce(&mut Changes),
    ) -> Result<(), Conflict> {
        let mut inner = self.lock();
        for (key, version) in &changes.seen {
            if let Peeked::Known(found) = inner.peek(plugin, key)
                && found.map(|entry| entry.version) != *version
            {
                return Err(Conflict);
            }
        }
        let summary = inner.summaries.get(plugin);
        // Calls that ended meanwhile have used up the room. This call runs again and gets the
        // error.
        if changes.added_bytes > 0
            && let (Some(summary), Some(most)) = (summary, changes.bytes_max)
            && u64::try_from(summary.bytes + changes.added_bytes).is_ok_and(|after| after > most)
        {
            return Err(Conflict);
        }
        let keys_version = summary.map(|summary| summary.keys_version);
        if changes.listed.is_some() && changes.listed != keys_version {
            return Err(Conflict);
        }
        if !changes.writes.is_empty() {
            inner.put(plugin, changes);
        }
        send(changes);
        Ok(())
    }

    /// The database has them.
    pub(in crate::db) fn committed(&self, plugin: &PluginName, changes: &Changes) {
        self.end_writes(plugin, changes, false);
    }

    /// The commit failed: the cached entries are invalid.
    pub(in crate::db) fn lost(&self, plugin: &PluginName, changes: &Changes) {
        self.end_writes(plugin, changes, true);
    }

    fn end_writes(&self, plugin: &PluginName, changes: &Changes, lost: bool) {
        let mut inner = self.lock();
        for (key, _) in &changes.writes {
            let key = (plugin.clone(), key.clone());
            let is_done = inner.entries.peek_mut(&key).is_none_or(|mut known| {
                known.pending = known.pending.saturating_sub(1);
                known.pending == 0
            });
            if is_done {
                inner.forget_pending(plugin, &key.1);
            }
        }
        if lost {
            for (key, _) in &changes.seen {
                inner.entries.remove(&(plugin.clone(), key.clone()));
                inner.forget_pending(plugin, key);
            }
            inner.summaries.remove(plugin);
        }
    }
}

impl Inner {
    fn peek(&self, plugin: &PluginName, key: &EntryKey) -> Peeked {
        match self.entries.get(&(plugin.clone(), key.clone())) {
            Some(known) => Peeked::Known(known.found.clone()),
            None if self.summaries.get(plugin).is_some_and(|summary| summary.complete) => Peeked::Known(None),
            None => Peeked::Unknown,
        }
    }

    fn forget_pending(&mut self, plugin: &PluginName, key: &EntryKey) {
        if let Some(pending) = self.pending.get_mut(plugin) {
            pending.remove(key);
        }
    }

    fn insert(&mut self, key: Key, known: Known) {
        for plugin in self.entries.insert_with_lifecycle(key, known) {
            if let Some(summary) = self.summaries.get_mut(&plugin) {
                summary.complete = false;
            }
        }
    }

    fn put(&mut self, plugin: &PluginName, changes: &mut Changes) {
        self.last_version += 1;
        changes.version = self.last_version;
        if let Some(summary) = self.summaries.get_mut(plugin) {
            summary.keys += changes.added_keys;
            summary.bytes += changes.added_bytes;
            if changes.changes_keys() {
                summary.keys_version = changes.version;
            }
        }
        if !self.pending.contains_key(plugin) {
            self.pending.insert(plugin.clone(), BTreeSet::new());
        }
        for (key, value) in &changes.writes {
            if let Some(pending) = self.pending.get_mut(plugin) {
                pending.insert(key.clone());
            }
            let key = (plugin.clone(), key.clone());
            let pending = self.entries.peek(&key).map_or(0, |known| known.pending) + 1;
            let entry = |value: &Bytes| Entry { version: changes.version, value: value.clone() };
            self.insert(key, Known { found: value.as_ref().map(entry), pending });
        }
    }
}

#[cfg(test)]
mod tests;
