//! Entries of plugins' stores.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db;

/// One page of a store's keys, in the order of buckets and keys.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct StoreKeyList {
    /// The keys.
    pub items: Vec<StoreKey>,
    /// Give it as `cursor` for the page after this one; null on the last.
    pub next_cursor: Option<String>,
}

/// A key of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreKey {
    /// Its bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// Size of the value.
    pub bytes: u64,
}

/// An entry of a store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreEntry {
    /// Its bucket.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Size of the value.
    pub bytes: u64,
    /// The value, if it is text.
    pub value: Option<String>,
    /// The value in base64, if it is no text.
    pub base64: Option<String>,
}

impl StoreEntry {
    /// Shows a value.
    pub(in crate::admin) fn new(bucket: String, key: String, value: &[u8]) -> Self {
        let text = std::str::from_utf8(value).ok();
        Self {
            bucket,
            key,
            bytes: value.len() as u64,
            value: text.map(str::to_owned),
            base64: text.is_none().then(|| STANDARD.encode(value)),
        }
    }
}

impl From<db::StoredKey> for StoreKey {
    fn from(stored: db::StoredKey) -> Self {
        let db::StoredKey { bucket, key, bytes } = stored;
        Self { bucket, key, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_no_text_is_base64() {
        let text = StoreEntry::new("b".into(), "k".into(), "é".as_bytes());
        assert_eq!((text.value.as_deref(), text.base64, text.bytes), (Some("é"), None, 2));
        let bytes = StoreEntry::new("b".into(), "k".into(), b"\xff\0");
        assert_eq!((bytes.value, bytes.base64.as_deref()), (None, Some("/wA=")));
    }
}
