//! Converts values to columns and back.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use crate::db::types::DbError;
use crate::effect::EMITTED_PREFIX;
use crate::event::{Digest, EventMetadata, Name};
use crate::trace::TraceContext;

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(error.to_string())
    }
}

pub(super) fn digest_of(row: &SqliteRow, column: usize) -> Result<Digest, DbError> {
    let bytes: &[u8] = row.try_get(column)?;
    let bytes = bytes.try_into().map_err(|_| DbError::Unavailable("a digest is damaged".into()))?;
    Ok(Digest(bytes))
}

/// A digest, unless the column is null.
pub(super) fn optional_digest_of(row: &SqliteRow, column: usize) -> Result<Option<Digest>, DbError> {
    let is_null = row.try_get::<Option<&[u8]>, _>(column)?.is_none();
    if is_null { Ok(None) } else { digest_of(row, column).map(Some) }
}

pub(super) fn hex_of(row: &SqliteRow, column: usize) -> Result<String, DbError> {
    Ok(digest_of(row, column)?.to_string())
}

/// The place of a stored event in a trace. One that is damaged is none: no event is lost for it.
pub(super) fn trace_of(row: &SqliteRow, column: usize) -> Result<Option<TraceContext>, DbError> {
    let stored: Option<&[u8]> = row.try_get(column)?;
    Ok(stored.and_then(TraceContext::from_bytes))
}

/// What the request of a stored event said about it. If it is damaged, nothing: no event is lost for it.
pub(super) fn metadata_of(row: &SqliteRow, column: usize) -> Result<Option<Arc<EventMetadata>>, DbError> {
    let stored: Option<&str> = row.try_get(column)?;
    Ok(stored.and_then(|json| serde_json::from_str(json).ok()).map(Arc::new))
}

pub(super) fn name_of(name: &str) -> Result<Name, DbError> {
    let own = name.strip_prefix(EMITTED_PREFIX).unwrap_or(name);
    Name::new(own).map_err(|error| DbError::Unavailable(error.to_string()))?;
    Ok(Name::stored(name))
}

/// `SQLite` has no unsigned integers.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A stored word is the one that the type has in JSON.
pub(super) fn parse<T: DeserializeOwned>(word: &str) -> Result<T, DbError> {
    use serde::de::IntoDeserializer as _;
    let word: serde::de::value::StrDeserializer<'_, serde::de::value::Error> = word.into_deserializer();
    T::deserialize(word).map_err(|error| DbError::Unavailable(error.to_string()))
}
