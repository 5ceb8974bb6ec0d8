//! A plugin's store in memory, which a file may keep between two runs.
//!
//! The file is JSON that people read and write: buckets, in them keys, and values as text, or as
//! `{"base64": "…"}` if they are not text.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::event::PluginName;
use crate::keyvalue::{Changes, Entry, EntryKey, Keys, Peeked, entry_bytes};
use crate::runtime::{PluginStores, StoreFuture};

/// The entries of the one plugin that is run.
#[derive(Debug, Default)]
pub(in crate::cli) struct Memory(Mutex<BTreeMap<EntryKey, Bytes>>);

/// A value in the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Bytes { base64: String },
}

/// Buckets, and in them values by their keys, as in the file.
#[derive(Default, Serialize, Deserialize)]
pub(in crate::cli) struct Buckets(BTreeMap<String, BTreeMap<String, Value>>);

impl TryFrom<Buckets> for Memory {
    type Error = base64::DecodeError;

    fn try_from(buckets: Buckets) -> Result<Self, Self::Error> {
        let mut entries = BTreeMap::new();
        for (bucket, values) in buckets.0 {
            let bucket: Arc<str> = bucket.into();
            for (key, value) in values {
                let value = match value {
                    Value::Text(text) => text.into_bytes(),
                    Value::Bytes { base64 } => STANDARD.decode(base64)?,
                };
                entries.insert(EntryKey { bucket: Arc::clone(&bucket), key: key.into() }, value.into());
            }
        }
        Ok(Self(Mutex::new(entries)))
    }
}

impl Memory {
    /// Reads a store from its file; it is empty if there is no such file.
    ///
    /// # Errors
    /// The message names the file and the error in it.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
        let text = match std::fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(wrong(&error)),
        };
        let buckets: Buckets = serde_json::from_slice(&text).map_err(|error| wrong(&error))?;
        buckets.try_into().map_err(|error: base64::DecodeError| wrong(&error))
    }

    /// Keeps all of it in a file, which is the old or the new one at any time.
    ///
    /// # Errors
    /// Names the file that cannot be written.
    pub(super) fn write(&self, file: &Path) -> Result<(), String> {
        let mut buckets = Buckets::default();
        for (EntryKey { bucket, key }, value) in &*self.entries() {
            let value = match std::str::from_utf8(value) {
                Ok(text) => Value::Text(text.to_owned()),
                Err(_) => Value::Bytes { base64: STANDARD.encode(value) },
            };
            buckets.0.entry(bucket.to_string()).or_default().insert(key.to_string(), value);
        }
        let write = || -> io::Result<()> {
            let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let mut beside = tempfile::NamedTempFile::new_in(dir)?;
            serde_json::to_writer_pretty(&mut beside, &buckets)?;
            beside.write_all(b"\n")?;
            beside.persist(file)?;
            Ok(())
        };
        write().map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Commits a call's changes.
    pub(super) fn commit(&self, changes: &Changes) {
        let mut entries = self.entries();
        for (key, value) in &changes.writes {
            match value {
                Some(value) => drop(entries.insert(key.clone(), value.clone())),
                None => drop(entries.remove(key)),
            }
        }
    }

    fn find(&self, key: &EntryKey) -> Option<Entry> {
        let value = self.entries().get(key).cloned()?;
        Some(Entry { version: VERSION, value })
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<EntryKey, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call runs at a time, so versions are never compared.
const VERSION: u64 = 1;

impl PluginStores for Memory {
    fn peek(&self, _: &PluginName, key: &EntryKey) -> Peeked {
        Peeked::Known(self.find(key))
    }

    fn get<'a>(&'a self, _: &'a PluginName, key: &'a EntryKey) -> StoreFuture<'a, Option<Entry>> {
        let found = self.find(key);
        Box::pin(async { Ok(found) })
    }

    fn keys<'a>(
        &'a self,
        _: &'a PluginName,
        bucket: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> StoreFuture<'a, Keys> {
        let entries = self.entries();
        let mut keys: Vec<Arc<str>> = entries
            .keys()
            .filter(|entry| &*entry.bucket == bucket && after.is_none_or(|after| &*entry.key > after))
            .take(limit + 1)
            .map(|entry| Arc::clone(&entry.key))
            .collect();
        let more = keys.len() > limit;
        keys.truncate(limit);
        Box::pin(async move { Ok(Keys { keys, more, version: VERSION }) })
    }

    fn count(&self, _: &PluginName) -> u64 {
        self.entries().len() as u64
    }

    fn bytes(&self, _: &PluginName) -> u64 {
        let bytes = self.entries().iter().map(|(key, value)| entry_bytes(key, value.len())).sum::<i64>();
        u64::try_from(bytes).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(bucket: &str, key: &str) -> EntryKey {
        EntryKey { bucket: bucket.into(), key: key.into() }
    }

    #[tokio::test]
    async fn a_file_keeps_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.json");
        let plugin = PluginName::new("p").unwrap();
        let memory = Memory::read(&file).unwrap();
        let write = |bucket, name, value: &'static [u8]| (key(bucket, name), Some(Bytes::from(value)));
        let writes = vec![write("b", "é", b"1"), write("b", "z", b"\xff"), write("a", "x", b"{}")];
        memory.commit(&Changes { writes, ..Changes::default() });
        memory.commit(&Changes { writes: vec![(key("a", "x"), None)], ..Changes::default() });
        memory.write(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json, serde_json::json!({ "b": { "é": "1", "z": { "base64": "/w==" } } }));
        let again = Memory::read(&file).unwrap();
        assert_eq!(again.count(&plugin), 2);
        let page = again.keys(&plugin, "b", None, 1).await.unwrap();
        assert_eq!((page.keys.len(), &*page.keys[0], page.more), (1, "z", true));
        let page = again.keys(&plugin, "b", Some("z"), 1).await.unwrap();
        assert_eq!((&*page.keys[0], page.more), ("é", false));
        assert_eq!(again.find(&key("b", "z")).unwrap().value, b"\xff"[..]);
    }

    #[test]
    fn a_file_that_is_no_store_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state.json");
        for text in ["[]", "{\"b\":{\"k\":1}}", "{\"b\":{\"k\":{\"base64\":\"?\"}}}"] {
            std::fs::write(&file, text).unwrap();
            assert!(Memory::read(&file).unwrap_err().contains("state.json: "), "{text}");
        }
    }
}
