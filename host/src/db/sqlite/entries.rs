//! Plugins' stores in `SQLite`: entries to read, and the changes of many calls in one go.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, Row as _};

use super::bulk::{Bulk, BulkPair};
use super::reader::Reader;
use super::rows::text;
use super::values::{integer, unsigned};
use crate::db::storage::EntryReads;
use crate::db::types::{DbError, StoreSummary};
use crate::event::PluginName;
use crate::keyvalue::{Changes, Entry, EntryKey};

const VERSIONS: &str = "SELECT v.column1, e.version FROM (VALUES {rows}) v
    CROSS JOIN entry e ON e.plugin = v.column2 AND e.bucket = v.column3 AND e.key = v.column4";
const WRITES: &str = "INSERT INTO entry (plugin, bucket, key, version, value)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value";
const REMOVALS: &str = "DELETE FROM entry WHERE (plugin, bucket, key) IN
    (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const SUMMARIES: &str = "INSERT INTO store (plugin, keys, keys_version, version, bytes)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    ON CONFLICT DO UPDATE SET keys = keys + excluded.keys, bytes = bytes + excluded.bytes,
        keys_version = max(keys_version, excluded.keys_version), version = excluded.version";

/// An entry of a plugin.
type Owned<'a> = (&'a PluginName, &'a EntryKey);

/// What the calls of a batch changed of a plugin's store as a whole.
#[derive(Debug, Clone, Copy, Default)]
struct Grown {
    keys: i64,
    bytes: i64,
    keys_version: u64,
    version: u64,
}

/// The statements, prepared once.
pub(super) struct EntryStatements {
    versions: Bulk,
    writes_and_summaries: BulkPair,
    removals: Bulk,
}

impl EntryStatements {
    pub(super) fn new() -> Self {
        Self {
            versions: Bulk::new(VERSIONS, 4),
            writes_and_summaries: BulkPair::new((WRITES, 5), (SUMMARIES, 5)),
            removals: Bulk::new(REMOVALS, 3),
        }
    }

    /// Writes the changes of calls, in their order, of those whose entries are as they saw them. Which
    /// those are.
    pub(super) async fn change(
        &self,
        conn: &mut SqliteConnection,
        calls: &[(&PluginName, &Changes)],
    ) -> Result<Vec<bool>, DbError> {
        let mut now = self.versions(conn, calls).await?;
        let mut writes: HashMap<Owned<'_>, (u64, Option<&bytes::Bytes>)> = HashMap::new();
        let mut summaries: HashMap<&PluginName, Grown> = HashMap::new();
        let mut fit = Vec::with_capacity(calls.len());
        for &(plugin, changes) in calls {
            let as_seen = |(key, version): &(EntryKey, Option<u64>)| {
                now.get(&(plugin, key)).copied().flatten() == *version
            };
            let fits = changes.seen.iter().all(as_seen);
            fit.push(fits);
            if !fits || changes.writes.is_empty() {
                continue;
            }
            for (key, value) in &changes.writes {
                now.insert((plugin, key), value.as_ref().map(|_| changes.version));
                writes.insert((plugin, key), (changes.version, value.as_ref()));
            }
            let grown = summaries.entry(plugin).or_default();
            grown.keys += changes.added_keys;
            grown.bytes += changes.added_bytes;
            if changes.changes_keys() {
                grown.keys_version = changes.version;
            }
            grown.version = changes.version;
        }
        self.write(conn, writes, summaries).await?;
        Ok(fit)
    }

    async fn versions<'a>(
        &self,
        conn: &mut SqliteConnection,
        calls: &[(&'a PluginName, &'a Changes)],
    ) -> Result<HashMap<Owned<'a>, Option<u64>>, DbError> {
        let mut asked: HashMap<Owned<'_>, Option<u64>> = HashMap::new();
        for (plugin, changes) in calls {
            asked.extend(changes.seen.iter().map(|(key, _)| ((*plugin, key), None)));
        }
        let rows: Vec<(i64, Owned<'_>)> = (0..).zip(asked.keys().copied()).collect();
        for row in self.versions.fetch(conn, &rows, bind_asked).await? {
            let at = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
            if let Some((_, owned)) = rows.get(at) {
                asked.insert(*owned, Some(unsigned(row.try_get(1)?)));
            }
        }
        Ok(asked)
    }

    async fn write(
        &self,
        conn: &mut SqliteConnection,
        writes: HashMap<Owned<'_>, (u64, Option<&bytes::Bytes>)>,
        summaries: HashMap<&PluginName, Grown>,
    ) -> Result<(), DbError> {
        let (mut puts, mut removals) = (Vec::new(), Vec::new());
        for (owned, (version, value)) in writes {
            match value {
                Some(value) => puts.push((owned, version, value)),
                None => removals.push(owned),
            }
        }
        let summaries: Vec<_> = summaries.into_iter().collect();
        let (puts, summaries) = ((&puts[..], bind_put as _), (&summaries[..], bind_summary as _));
        self.writes_and_summaries.execute(conn, puts, summaries).await?;
        self.removals.execute(conn, &removals, bind_owned).await?;
        Ok(())
    }
}

fn bind_owned(row: &mut SqliteArguments, (plugin, key): &Owned<'_>) -> Result<(), BoxDynError> {
    row.add(text(plugin.as_str()))?;
    row.add(Arc::clone(&key.bucket))?;
    row.add(Arc::clone(&key.key))
}

fn bind_asked(row: &mut SqliteArguments, (number, owned): &(i64, Owned<'_>)) -> Result<(), BoxDynError> {
    row.add(*number)?;
    bind_owned(row, owned)
}

fn bind_put(
    row: &mut SqliteArguments,
    (owned, version, value): &(Owned<'_>, u64, &bytes::Bytes),
) -> Result<(), BoxDynError> {
    bind_owned(row, owned)?;
    row.add(integer(*version))?;
    row.add(&value[..])
}

fn bind_summary(
    row: &mut SqliteArguments,
    (plugin, grown): &(&PluginName, Grown),
) -> Result<(), BoxDynError> {
    row.add(text(plugin.as_str()))?;
    row.add(grown.keys)?;
    row.add(integer(grown.keys_version))?;
    row.add(integer(grown.version))?;
    row.add(grown.bytes)
}

impl EntryReads for Reader {
    async fn entry(&self, plugin: &PluginName, key: &EntryKey) -> Result<Option<Entry>, DbError> {
        let sql = "SELECT version, value FROM entry WHERE plugin = ? AND bucket = ? AND key = ?";
        let row = sqlx::query(sql)
            .bind(plugin.as_str())
            .bind(&*key.bucket)
            .bind(&*key.key)
            .fetch_optional(self.pool())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let value: Vec<u8> = row.try_get(1)?;
        Ok(Some(Entry { version: unsigned(row.try_get(0)?), value: value.into() }))
    }

    async fn keys(
        &self,
        plugin: &PluginName,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Arc<str>>, DbError> {
        // A key may be empty, and is then the first.
        let sql = "SELECT key FROM entry WHERE plugin = ? AND bucket = ? AND (? IS NULL OR key > ?)
            ORDER BY key LIMIT ?";
        let keys: Vec<String> = sqlx::query_scalar(sql)
            .bind(plugin.as_str())
            .bind(bucket)
            .bind(after)
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(self.pool())
            .await?;
        Ok(keys.into_iter().map(Arc::from).collect())
    }

    async fn store_summary(&self, plugin: &PluginName) -> Result<StoreSummary, DbError> {
        let sql = "SELECT keys, keys_version, bytes FROM store WHERE plugin = ?";
        let row: Option<(i64, i64, i64)> =
            sqlx::query_as(sql).bind(plugin.as_str()).fetch_optional(self.pool()).await?;
        let (keys, version, bytes) = row.unwrap_or_default();
        Ok(StoreSummary { keys, bytes, keys_version: unsigned(version), complete: keys == 0 })
    }
}
