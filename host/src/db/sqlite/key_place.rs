//! The possible events of an idempotency key: the entries of the keys' index, by hash.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use sqlx::Row as _;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};

use super::late_index::{Entry, Indexed};
use crate::db::types::DbError;
use crate::event::Digest;

/// Keys per page that is read.
const PAGE: i64 = 4096;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct KeyPlace {
    pub(super) hash: i64,
    pub(super) seq: i64,
}

impl KeyPlace {
    pub(super) fn of(source: &str, id: &str, seq: i64) -> Self {
        Self { hash: hash(source, id), seq }
    }

    /// The part of the index that it belongs into.
    pub(super) fn part(self) -> i64 {
        self.seq >> 23
    }

    /// Returns the range of all keys with one of these hashes.
    pub(super) fn with(hashes: RangeInclusive<i64>) -> RangeInclusive<Self> {
        let (first, last) = hashes.into_inner();
        Self { hash: first, seq: i64::MIN }..=Self { hash: last, seq: i64::MAX }
    }

    /// Reads the keys of events after one, up to `last`, in the order of events.
    pub(super) async fn between(
        conn: &mut SqliteConnection,
        after: i64,
        last: i64,
    ) -> Result<Vec<Self>, DbError> {
        // A row takes longer to hand over than to read: many come as one.
        let sql = "SELECT json_group_array(json_array(source, id, event_seq)) FROM (
            SELECT source, id, event_seq FROM idempotency_key WHERE event_seq > ? AND event_seq <= ?
            ORDER BY event_seq LIMIT ?)";
        let (mut places, mut after): (Vec<Self>, _) = (Vec::new(), after);
        loop {
            let page: String =
                sqlx::query_scalar(sql).bind(after).bind(last).bind(PAGE).fetch_one(&mut *conn).await?;
            let keys: Vec<(Cow<'_, str>, Cow<'_, str>, i64)> =
                serde_json::from_str(&page).map_err(|error| DbError::Unavailable(error.to_string()))?;
            let Some((_, _, newest)) = keys.last() else { return Ok(places) };
            after = *newest;
            places.extend(keys.iter().map(|(source, id, seq)| Self::of(source, id, *seq)));
        }
    }
}

impl Entry for KeyPlace {
    fn seq(&self) -> i64 {
        self.seq
    }
}

impl Indexed for KeyPlace {
    const SELECT_PROGRESS: &'static str =
        "SELECT done_seq, moving_seq, next_hash, next_seq FROM key_progress";
    const UPDATE_PROGRESS: &'static str =
        "UPDATE key_progress SET done_seq = ?, moving_seq = ?, next_hash = ?, next_seq = ?";

    fn from_row(row: &SqliteRow, column: usize) -> Result<Self, sqlx::Error> {
        Ok(Self { hash: row.try_get(column)?, seq: row.try_get(column + 1)? })
    }

    fn bind(self, query: Query<'_, Sqlite, SqliteArguments>) -> Query<'_, Sqlite, SqliteArguments> {
        query.bind(self.hash).bind(self.seq)
    }

    async fn stored_after(conn: &mut SqliteConnection, seq: i64) -> Result<Vec<Self>, DbError> {
        Self::between(conn, seq, i64::MAX).await
    }
}

/// 6 bytes for the id and 2 for the source, in this order: the keys that an id has under all sources are
/// neighbours.
pub(super) fn hash(source: &str, id: &str) -> i64 {
    let (id, source) = (Digest::of(id.as_bytes()), Digest::of(source.as_bytes()));
    let mut bytes = [0; 8];
    bytes[..6].copy_from_slice(&id.0[..6]);
    bytes[6..].copy_from_slice(&source.0[..2]);
    i64::from_be_bytes(bytes)
}

/// The hashes that an id may have under any source.
pub(super) fn hashes(id: &str) -> RangeInclusive<i64> {
    let any = hash("", id);
    any & !0xffff..=any | 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_neighbouring_hashes_under_all_sources() {
        for (source, id) in [("a", "evt_1"), ("plugin.a", "evt_1"), ("", "")] {
            assert!(hashes(id).contains(&hash(source, id)));
        }
        assert!(!hashes("evt_2").contains(&hash("a", "evt_1")));
        assert_ne!(hash("a", "evt_1"), hash("b", "evt_1"));
    }
}
