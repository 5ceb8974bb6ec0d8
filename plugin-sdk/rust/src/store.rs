//! The plugin's own key-value store.
//!
//! It is part of the handler's transaction: reads see what is committed and what this call has written,
//! and the writes are committed with the mark that the event is handled, if the handler returns ok. A
//! handler that fails, traps or runs out of time has written nothing. Two calls that touched the same
//! keys cannot both commit; the host runs the second one again.
//!
//! ```
//! use hookyard_plugin::{Result, store};
//!
//! fn count_visit(visitor: &str) -> Result {
//!     let visits = store::open("visits")?;
//!     if visits.increment(visitor, 1)? == 1 {
//!         visits.set("latest newcomer", visitor)?;
//!     }
//!     Ok(())
//! }
//! # count_visit("Jean Dupont").unwrap();
//! # assert_eq!(store::open("visits").unwrap().get_text("Jean Dupont").unwrap().as_deref(), Some("1"));
//! ```

use std::fmt;

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::wasi::keyvalue::{atomics, batch, store as host};
#[cfg(not(target_arch = "wasm32"))]
use crate::test::keyvalue::{atomics, batch, store as host};

type Result<T> = std::result::Result<T, Error>;

/// Opens a bucket: any name will do, and is the plugin's own.
///
/// # Errors
/// When the host's database fails, or the name is longer than the host allows.
pub fn open(name: &str) -> Result<Bucket> {
    Ok(Bucket(host::open(name)?))
}

/// Keys and their values, which are bytes.
#[derive(Debug)]
pub struct Bucket(host::Bucket);

#[expect(clippy::missing_errors_doc, reason = "each fails when the host's database does, or at its limits")]
impl Bucket {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(key)?)
    }

    /// The value of a key as text. What is no UTF-8 is an error.
    pub fn get_text(&self, key: &str) -> Result<Option<String>> {
        let text =
            |value| String::from_utf8(value).map_err(|_| Error(format!("the value of {key:?} is no text")));
        self.get(key)?.map(text).transpose()
    }

    /// The value of a key, read from JSON. What does not fit `T` is an error.
    #[cfg(feature = "json")]
    pub fn get_json<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let read = |value: Vec<u8>| serde_json::from_slice(&value).map_err(|error| Error::json(key, &error));
        self.get(key)?.map(read).transpose()
    }

    /// Sets a value: text or bytes.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.0.set(key, value.as_ref())?)
    }

    /// Sets a value, written as JSON.
    #[cfg(feature = "json")]
    pub fn set_json(&self, key: &str, value: &impl serde::Serialize) -> Result<()> {
        self.set(key, serde_json::to_vec(value).map_err(|error| Error::json(key, &error))?)
    }

    /// Deletes a key, if it is there.
    pub fn delete(&self, key: &str) -> Result<()> {
        Ok(self.0.delete(key)?)
    }

    /// Whether a key is there.
    pub fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.0.exists(key)?)
    }

    /// All keys, in no particular order. A call that reads them competes with every other that writes
    /// to this bucket.
    pub fn keys(&self) -> Result<Vec<String>> {
        let mut page = self.0.list_keys(None)?;
        let mut keys = page.keys;
        while let Some(cursor) = page.cursor {
            page = self.0.list_keys(Some(&cursor))?;
            keys.append(&mut page.keys);
        }
        Ok(keys)
    }

    /// Adds to a number, which is kept as decimal text, and returns the sum. A key that is not there
    /// counts as 0.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        Ok(atomics::increment(&self.0, key, delta)?)
    }

    /// Sets a value if the present one is `expected` (`None`: if there is none). Returns whether it was.
    pub fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: impl AsRef<[u8]>,
    ) -> Result<bool> {
        let cas = atomics::Cas::new(&self.0, key)?;
        if cas.current()?.as_deref() != expected {
            return Ok(false);
        }
        match atomics::swap(cas, value.as_ref()) {
            Ok(()) => Ok(true),
            Err(atomics::CasError::CasFailed(_)) => Ok(false),
            Err(atomics::CasError::StoreError(error)) => Err(error.into()),
        }
    }

    /// The values of several keys, in the same order.
    pub fn get_many<K: Into<String>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Vec<u8>>>> {
        let found = batch::get_many(&self.0, &names(keys))?;
        Ok(found.into_iter().map(|pair| pair.map(|(_, value)| value)).collect())
    }

    /// Sets several keys.
    pub fn set_many<K: Into<String>, V: Into<Vec<u8>>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Result<()> {
        let pairs: Vec<_> = pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Ok(batch::set_many(&self.0, &pairs)?)
    }

    /// Deletes those of several keys that are there.
    pub fn delete_many<K: Into<String>>(&self, keys: impl IntoIterator<Item = K>) -> Result<()> {
        Ok(batch::delete_many(&self.0, &names(keys))?)
    }
}

fn names<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Vec<String> {
    keys.into_iter().map(Into::into).collect()
}

/// What went wrong in the store. By `?` in a handler it asks for another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    #[cfg(feature = "json")]
    fn json(key: &str, error: &serde_json::Error) -> Self {
        Self(format!("the value of {key:?}: {error}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "store: {}", self.0)
    }
}

impl std::error::Error for Error {}

impl From<host::Error> for Error {
    fn from(error: host::Error) -> Self {
        Self(match error {
            host::Error::NoSuchStore => "there is no such bucket".into(),
            host::Error::AccessDenied => "the bucket may not be used".into(),
            host::Error::Other(text) => text,
        })
    }
}
