//! What calls read of plugins' stores: what is committed, or on its way there.

use std::future::Future;
use std::pin::Pin;

use crate::event::PluginName;
use crate::keyvalue::{Entry, EntryKey, Keys, Peeked};

/// An answer that may take a look at the database.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// Plugins' stores, to be read. What a call writes is in its [`crate::completion::Work`].
pub trait Stores: Send + Sync + 'static {
    /// An entry, if that is known without waiting.
    fn peek(&self, plugin: &PluginName, key: &EntryKey) -> Peeked;

    /// An entry.
    fn get<'a>(&'a self, plugin: &'a PluginName, key: &'a EntryKey) -> Reading<'a, Option<Entry>>;

    /// Up to `limit` keys of a bucket, in order, after `after`.
    fn keys<'a>(
        &'a self,
        plugin: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Reading<'a, Keys>;

    /// How many keys a plugin has, once any entry of it was read.
    fn count(&self, plugin: &PluginName) -> u64;

    /// How many bytes a plugin's store has, likewise.
    fn bytes(&self, plugin: &PluginName) -> u64;
}

/// Stores without anything in them, in which nothing can be kept: for looking at a plugin.
#[derive(Debug, Clone, Copy)]
pub struct NoStores;

impl Stores for NoStores {
    fn peek(&self, _: &PluginName, _: &EntryKey) -> Peeked {
        Peeked::Known(None)
    }

    fn get<'a>(&'a self, _: &'a PluginName, _: &'a EntryKey) -> Reading<'a, Option<Entry>> {
        Box::pin(async { Ok(None) })
    }

    fn keys<'a>(&'a self, _: &'a PluginName, _: &'a str, _: Option<&'a str>, _: usize) -> Reading<'a, Keys> {
        Box::pin(async { Ok(Keys::default()) })
    }

    fn count(&self, _: &PluginName) -> u64 {
        0
    }

    fn bytes(&self, _: &PluginName) -> u64 {
        0
    }
}
