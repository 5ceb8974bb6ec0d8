//! Plugins' stores in `SQLite`, as they are shown: committed entries, page by page.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::reader::Reader;
use super::values::unsigned;
use crate::db::types::DbError;
use crate::db::view::StoredKey;
use crate::event::PluginName;

/// The buckets of a plugin's store, found with one step of the index per bucket.
const BUCKETS: &str = "WITH RECURSIVE buckets(bucket) AS (
        SELECT min(bucket) FROM entry WHERE plugin = ?1
        UNION ALL
        SELECT (SELECT min(bucket) FROM entry WHERE plugin = ?1 AND bucket > buckets.bucket)
        FROM buckets WHERE buckets.bucket IS NOT NULL LIMIT ?2)
    SELECT bucket FROM buckets WHERE bucket IS NOT NULL";
const KEYS: &str = "SELECT key, octet_length(value) FROM entry
    WHERE plugin = ?1 AND bucket = ?2 AND key >= ?3 AND (?4 IS NULL OR key > ?4) ORDER BY key LIMIT ?5";

impl Reader {
    pub(super) async fn buckets(&self, plugin: &PluginName, limit: usize) -> Result<Vec<String>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query_scalar(BUCKETS).bind(plugin.as_str()).bind(limit);
        Ok(query.fetch_all(self.pool()).await?)
    }

    pub(super) async fn stored_keys(
        &self,
        (plugin, bucket): (&PluginName, &str),
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<StoredKey>, DbError> {
        // Where the index search begins: from the prefix each time, a page would pass all pages before it.
        let from = after.filter(|after| *after > prefix).unwrap_or(prefix);
        let query = sqlx::query(KEYS).bind(plugin.as_str()).bind(bucket).bind(from).bind(after);
        let query = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows = query.fetch_all(self.pool()).await?;
        let stored = |row: &SqliteRow| {
            let (key, bytes) = (row.try_get(0)?, unsigned(row.try_get(1)?));
            Ok(StoredKey { bucket: bucket.to_owned(), key, bytes })
        };
        let keys = rows.iter().map(stored).collect::<Result<Vec<_>, DbError>>()?;
        // Keys with the prefix stand together.
        Ok(keys.into_iter().take_while(|stored| stored.key.starts_with(prefix)).collect())
    }
}
