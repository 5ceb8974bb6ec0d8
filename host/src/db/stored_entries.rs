//! Entries of plugins' stores, as operators read them.

use super::handle::Db;
use super::types::DbError;
use super::view::{StoreFilter, StoredKey};
use crate::event::PluginName;
use crate::keyvalue::{Entry, EntryKey};

/// Most buckets of a store that are listed.
const BUCKETS_MAX: usize = 1000;

impl Db {
    /// The buckets of a plugin's store, in order: the first 1000.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn buckets(&self, plugin: &PluginName) -> Result<Vec<String>, DbError> {
        self.inner.reads.buckets(plugin, BUCKETS_MAX).await
    }

    /// Up to `limit` committed keys of a plugin's store, in the order of buckets and keys.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn stored_keys(
        &self,
        plugin: &PluginName,
        filter: &StoreFilter,
        limit: usize,
    ) -> Result<Vec<StoredKey>, DbError> {
        let StoreFilter { bucket, prefix, after } = filter;
        let buckets = match bucket {
            Some(bucket) => vec![bucket.clone()],
            None => self.buckets(plugin).await?,
        };
        let mut found = Vec::new();
        for bucket in &buckets {
            let after = match after {
                Some((before, _)) if bucket < before => continue,
                Some((same, key)) if bucket == same => Some(key.as_str()),
                _ => None,
            };
            let left = limit - found.len();
            found.extend(self.inner.reads.stored_keys((plugin, bucket), prefix, after, left).await?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// A committed entry of a plugin's store.
    ///
    /// # Errors
    /// [`DbError::Unavailable`].
    pub async fn stored_entry(&self, plugin: &PluginName, key: &EntryKey) -> Result<Option<Entry>, DbError> {
        self.inner.reads.entry(plugin, key).await
    }
}
