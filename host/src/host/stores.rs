//! Plugins' stores as their calls see them: the database's, without the runtime knowing the database.

use crate::db::Db;
use crate::event::PluginName;
use crate::keyvalue::{Entry, EntryKey, Keys, Peeked};
use crate::runtime::{self, StoreFuture};

/// The database's entries of plugins' stores, for their calls.
pub(super) struct Stored(pub(super) Db);

impl runtime::PluginStores for Stored {
    fn peek(&self, plugin: &PluginName, key: &EntryKey) -> Peeked {
        self.0.peek_entry(plugin, key)
    }

    fn get<'a>(&'a self, plugin: &'a PluginName, key: &'a EntryKey) -> StoreFuture<'a, Option<Entry>> {
        Box::pin(async move { self.0.entry(plugin, key).await.map_err(|error| error.to_string()) })
    }

    fn keys<'a>(
        &'a self,
        plugin: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Keys> {
        let keys = self.0.keys(plugin, bucket, after, limit);
        Box::pin(async move { keys.await.map_err(|error| error.to_string()) })
    }

    fn count(&self, plugin: &PluginName) -> u64 {
        self.0.key_count(plugin)
    }

    fn bytes(&self, plugin: &PluginName) -> u64 {
        self.0.store_bytes(plugin)
    }
}
