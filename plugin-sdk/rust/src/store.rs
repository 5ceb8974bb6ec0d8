//! The plugin's own key-value store.
//!
//! The store is part of the handler's transaction. Reads see committed values and the call's own writes. If
//! the handler returns ok, the host commits the writes together with the delivery's done mark. If the handler
//! fails, traps or runs out of time, the host discards them. Two calls that touch the same keys cannot both
//! commit: the host runs the second call again.
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

/// Opens a bucket with any name. Other plugins do not see it.
///
/// # Errors
/// Fails if the host's database fails, or if the name is too long.
pub fn open(name: &str) -> Result<Bucket> {
    Ok(Bucket(host::open(name)?))
}

/// A set of keys and their values, which are bytes.
#[derive(Debug)]
pub struct Bucket(host::Bucket);

#[expect(clippy::missing_errors_doc, reason = "each fails when the host's database does, or at its limits")]
impl Bucket {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(key)?)
    }

    /// The value of a key as text. A value that is not UTF-8 is an error.
    pub fn get_text(&self, key: &str) -> Result<Option<String>> {
        let text =
            |value| String::from_utf8(value).map_err(|_| Error(format!("the value of {key:?} is no text")));
        self.get(key)?.map(text).transpose()
    }

    /// The value of a key, decoded from JSON. A value that does not fit `T` is an error.
    #[cfg(feature = "json")]
    pub fn get_json<T: serde::de::DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let read = |value: Vec<u8>| serde_json::from_slice(&value).map_err(|error| Error::json(key, &error));
        self.get(key)?.map(read).transpose()
    }

    /// Sets a value, which is text or bytes.
    pub fn set(&self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.0.set(key, value.as_ref())?)
    }

    /// Sets a value, encoded as JSON.
    #[cfg(feature = "json")]
    pub fn set_json(&self, key: &str, value: &impl serde::Serialize) -> Result<()> {
        self.set(key, serde_json::to_vec(value).map_err(|error| Error::json(key, &error))?)
    }

    /// Deletes a key if it exists.
    pub fn delete(&self, key: &str) -> Result<()> {
        Ok(self.0.delete(key)?)
    }

    /// Whether a key exists.
    pub fn exists(&self, key: &str) -> Result<bool> {
        Ok(self.0.exists(key)?)
    }

    /// All keys, in no particular order. A call that reads them conflicts with every other call that writes
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

    /// Adds to a number, which is stored as decimal text, and returns the sum. A missing key counts as 0.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64> {
        Ok(atomics::increment(&self.0, key, delta)?)
    }

    /// Sets a value if the current value is `expected` (`None`: no value). Returns whether it did.
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

    /// Deletes several keys. Missing keys are ignored.
    pub fn delete_many<K: Into<String>>(&self, keys: impl IntoIterator<Item = K>) -> Result<()> {
        Ok(batch::delete_many(&self.0, &names(keys))?)
    }
}

fn names<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Vec<String> {
    keys.into_iter().map(Into::into).collect()
}

/// An error of the store. With `?` in a handler, this error requests another attempt.
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
