//! Reads plugins' stores for calls: entries that are committed, or on their way to the commit.

use std::future::Future;
use std::pin::Pin;

use crate::event::PluginName;
use crate::keyvalue::{Entry, EntryKey, Keys, Peeked};

/// The result of a read that may need the database.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// Plugins' stores, read-only. A call's writes are in its [`crate::completion::CallWork`].
pub trait PluginStores: Send + Sync + 'static {
    /// Returns an entry without waiting.
    fn peek(&self, plugin: &PluginName, key: &EntryKey) -> Peeked;

    /// Reads an entry.
    fn get<'a>(&'a self, plugin: &'a PluginName, key: &'a EntryKey) -> StoreFuture<'a, Option<Entry>>;

    /// Lists up to `limit` keys of a bucket, in order, after `after`.
    fn keys<'a>(
        &'a self,
        plugin: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Keys>;

    /// Counts the keys of a plugin's store, of which an entry was read before.
    fn count(&self, plugin: &PluginName) -> u64;

    /// Counts the bytes of a plugin's store, of which an entry was read before.
    fn bytes(&self, plugin: &PluginName) -> u64;
}

/// Stores without entries, for running a plugin outside of a host.
#[derive(Debug, Clone, Copy)]
pub struct EmptyStores;

impl PluginStores for EmptyStores {
    fn peek(&self, _: &PluginName, _: &EntryKey) -> Peeked {
        Peeked::Known(None)
    }

    fn get<'a>(&'a self, _: &'a PluginName, _: &'a EntryKey) -> StoreFuture<'a, Option<Entry>> {
        Box::pin(async { Ok(None) })
    }

    fn keys<'a>(
        &'a self,
        _: &'a PluginName,
        _: &'a str,
        _: Option<&'a str>,
        _: usize,
    ) -> StoreFuture<'a, Keys> {
        Box::pin(async { Ok(Keys::default()) })
    }

    fn count(&self, _: &PluginName) -> u64 {
        0
    }

    fn bytes(&self, _: &PluginName) -> u64 {
        0
    }
}
