//! Plugins' stores in memory.

use std::sync::Arc;

use super::reads::{MemoryReads, answer};
use super::tables::Tables;
use crate::db::storage::{Answer, EntryReads};
use crate::db::types::StoreSummary;
use crate::event::PluginName;
use crate::keyvalue::{Changes, Entry, EntryKey};

impl Tables {
    /// Writes a call's changes if its reads are current, and returns whether they were.
    pub(super) fn change(&mut self, plugin: &PluginName, changes: &Changes) -> bool {
        let store = self.stores.get(plugin).copied().unwrap_or_default();
        let version_of = |key| self.entries.get(&(plugin.clone(), key)).map(|entry: &Entry| entry.version);
        let is_current = changes.seen.iter().all(|(key, version)| version_of(key.clone()) == *version);
        let has_room = changes.added_bytes <= 0
            || changes.bytes_max.is_none_or(|most| {
                u64::try_from(store.bytes + changes.added_bytes).is_ok_and(|after| after <= most)
            });
        if !is_current || !has_room || changes.listed.is_some_and(|version| version != store.keys_version) {
            return false;
        }
        if changes.writes.is_empty() {
            return true;
        }
        for (key, value) in &changes.writes {
            let key = (plugin.clone(), key.clone());
            match value {
                Some(value) => {
                    let entry = Entry { version: changes.version, value: value.clone() };
                    self.entries.insert(key, entry);
                }
                None => _ = self.entries.remove(&key),
            }
        }
        let store = self.stores.entry(plugin.clone()).or_default();
        store.keys += changes.added_keys;
        store.bytes += changes.added_bytes;
        if changes.changes_keys() {
            store.keys_version = changes.version;
        }
        self.store_version = self.store_version.max(changes.version);
        true
    }
}

impl EntryReads for MemoryReads {
    fn entry<'a>(&'a self, plugin: &'a PluginName, key: &'a EntryKey) -> Answer<'a, Option<Entry>> {
        answer(self.0.tables().entries.get(&(plugin.clone(), key.clone())).cloned())
    }

    fn keys<'a>(
        &'a self,
        plugin: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Answer<'a, Vec<Arc<str>>> {
        let tables = self.0.tables();
        let of_bucket =
            tables.entries.keys().filter(|(owner, key)| owner == plugin && &*key.bucket == bucket);
        let keys = of_bucket.map(|(_, key)| Arc::clone(&key.key));
        let keys = keys.filter(|key| after.is_none_or(|after| &**key > after));
        answer(keys.take(limit).collect())
    }

    fn store_summary<'a>(&'a self, plugin: &'a PluginName) -> Answer<'a, StoreSummary> {
        let summary = self.0.tables().stores.get(plugin).copied().unwrap_or_default();
        answer(StoreSummary { complete: summary.keys == 0, ..summary })
    }
}
