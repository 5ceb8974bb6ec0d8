//! Plugins' stores in `SQLite`: entries to read, and the changes of many calls in one go.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, Row as _};

use super::bulk::{BulkStatement, BulkStatementPair};
use super::reader::Reader;
use super::rows::text;
use super::values::{integer, unsigned};
use crate::db::types::{DbError, StoreSummary};
use crate::event::PluginName;
use crate::keyvalue::{Changes, Entry, EntryKey};

// Rows without a bucket ask for the store itself.
const CURRENT: &str = "WITH v AS (VALUES {rows})
    SELECT v.column1, e.version, NULL FROM v
    CROSS JOIN entry e ON e.plugin = v.column2 AND e.bucket = v.column3 AND e.key = v.column4
    UNION ALL
    SELECT v.column1, s.keys_version, s.bytes FROM v
    CROSS JOIN store s ON s.plugin = v.column2 AND v.column3 IS NULL";
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

/// A row that a transaction reads before it writes: an entry, or the store itself if there is no
/// key.
type Asked<'a> = (&'a PluginName, Option<&'a EntryKey>);

/// A store as a whole.
#[derive(Debug, Clone, Copy, Default)]
struct StoreState {
    /// The write that last added or removed a key.
    keys_version: u64,
    bytes: i64,
}

/// The versions that calls' reads are compared with: the stored ones, updated after each call of the
/// batch.
#[derive(Default)]
struct Current<'a> {
    versions: HashMap<Owned<'a>, u64>,
    stores: HashMap<&'a PluginName, StoreState>,
}

impl<'a> Current<'a> {
    /// Returns whether all entries that a call read are unchanged, and the store has room for its
    /// writes.
    fn fits(&self, plugin: &'a PluginName, changes: &'a Changes) -> bool {
        let is_current =
            |(key, version): &(EntryKey, Option<u64>)| self.versions.get(&(plugin, key)).copied() == *version;
        let store = self.stores.get(plugin).copied().unwrap_or_default();
        let has_room = changes.added_bytes <= 0
            || changes.bytes_max.is_none_or(|most| unsigned(store.bytes + changes.added_bytes) <= most);
        changes.seen.iter().all(is_current)
            && changes.listed.is_none_or(|version| version == store.keys_version)
            && has_room
    }

    fn apply(&mut self, plugin: &'a PluginName, changes: &'a Changes) {
        for (key, value) in &changes.writes {
            match value {
                Some(_) => self.versions.insert((plugin, key), changes.version),
                None => self.versions.remove(&(plugin, key)),
            };
        }
        let store = self.stores.entry(plugin).or_default();
        store.bytes += changes.added_bytes;
        if changes.changes_keys() {
            store.keys_version = changes.version;
        }
    }
}

/// Whether a call has to be compared with its store as a whole.
fn concerns_store(changes: &Changes) -> bool {
    changes.listed.is_some() || (changes.added_bytes > 0 && changes.bytes_max.is_some())
}

/// The changes of a batch's calls to a plugin's whole store.
#[derive(Debug, Clone, Copy, Default)]
struct Grown {
    keys: i64,
    bytes: i64,
    keys_version: u64,
    version: u64,
}

/// The statements, prepared once.
pub(super) struct EntryStatements {
    current: BulkStatement,
    writes_and_summaries: BulkStatementPair,
    removals: BulkStatement,
}

impl EntryStatements {
    pub(super) fn new() -> Self {
        Self {
            current: BulkStatement::new(CURRENT, 4),
            writes_and_summaries: BulkStatementPair::new((WRITES, 5), (SUMMARIES, 5)),
            removals: BulkStatement::new(REMOVALS, 3),
        }
    }

    /// Writes, in order, the changes of the calls whose reads are current. Returns whether each call's
    /// were.
    pub(super) async fn change(
        &self,
        conn: &mut SqliteConnection,
        calls: &[(&PluginName, &Changes)],
    ) -> Result<Vec<bool>, DbError> {
        let mut current = self.current(conn, calls).await?;
        let mut writes: HashMap<Owned<'_>, (u64, Option<&bytes::Bytes>)> = HashMap::new();
        let mut summaries: HashMap<&PluginName, Grown> = HashMap::new();
        let mut fit = Vec::with_capacity(calls.len());
        for &(plugin, changes) in calls {
            let fits = current.fits(plugin, changes);
            fit.push(fits);
            if !fits || changes.writes.is_empty() {
                continue;
            }
            current.apply(plugin, changes);
            for (key, value) in &changes.writes {
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

    async fn current<'a>(
        &self,
        conn: &mut SqliteConnection,
        calls: &[(&'a PluginName, &'a Changes)],
    ) -> Result<Current<'a>, DbError> {
        let mut asked: HashSet<Asked<'a>> = HashSet::new();
        for (plugin, changes) in calls {
            asked.extend(changes.seen.iter().map(|(key, _)| (*plugin, Some(key))));
            if concerns_store(changes) {
                asked.insert((*plugin, None));
            }
        }
        let rows: Vec<(i64, Asked<'_>)> = (0..).zip(asked).collect();
        let mut current = Current::default();
        for row in self.current.fetch(conn, &rows, bind_asked).await? {
            let at = usize::try_from(row.try_get::<i64, _>(0)?).unwrap_or(usize::MAX);
            let version = unsigned(row.try_get(1)?);
            match rows.get(at) {
                Some((_, (plugin, Some(key)))) => _ = current.versions.insert((*plugin, *key), version),
                Some((_, (plugin, None))) => {
                    let store = StoreState { keys_version: version, bytes: row.try_get(2)? };
                    current.stores.insert(*plugin, store);
                }
                None => {}
            }
        }
        Ok(current)
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

fn bind_asked(
    row: &mut SqliteArguments,
    (number, (plugin, key)): &(i64, Asked<'_>),
) -> Result<(), BoxDynError> {
    row.add(*number)?;
    row.add(text(plugin.as_str()))?;
    row.add(key.map(|key| Arc::clone(&key.bucket)))?;
    row.add(key.map(|key| Arc::clone(&key.key)))
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

impl Reader {
    pub(super) async fn entry(&self, plugin: &PluginName, key: &EntryKey) -> Result<Option<Entry>, DbError> {
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

    pub(super) async fn keys(
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

    pub(super) async fn store_summary(&self, plugin: &PluginName) -> Result<StoreSummary, DbError> {
        let sql = "SELECT keys, keys_version, bytes FROM store WHERE plugin = ?";
        let row: Option<(i64, i64, i64)> =
            sqlx::query_as(sql).bind(plugin.as_str()).fetch_optional(self.pool()).await?;
        let (keys, version, bytes) = row.unwrap_or_default();
        Ok(StoreSummary { keys, bytes, keys_version: unsigned(version), complete: keys == 0 })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sqlx::Connection as _;

    use super::*;
    use crate::db::sqlite::schema::MIGRATOR;

    fn key(name: &str) -> EntryKey {
        EntryKey { bucket: "b".into(), key: name.into() }
    }

    /// Writes a new entry of 10 bytes, as its cache counts them.
    fn adds(name: &str, version: u64) -> Changes {
        Changes {
            seen: vec![(key(name), None)],
            writes: vec![(key(name), Some(Bytes::from_static(b"x")))],
            added_keys: 1,
            added_bytes: 10,
            version,
            ..Changes::default()
        }
    }

    /// Returns for each call, in order, whether its reads are current.
    async fn fit(conn: &mut SqliteConnection, calls: &[Changes]) -> Vec<bool> {
        let plugin = PluginName::new("p").unwrap();
        let calls: Vec<_> = calls.iter().map(|changes| (&plugin, changes)).collect();
        EntryStatements::new().change(conn, &calls).await.unwrap()
    }

    #[tokio::test]
    async fn the_transaction_compares_what_calls_read_with_what_is_stored() {
        let mut conn = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        MIGRATOR.run(&mut conn).await.unwrap();
        let conn = &mut conn;
        let listed = |version| Changes { listed: Some(version), ..Changes::default() };
        let within = |bytes_max, changes| Changes { bytes_max: Some(bytes_max), ..changes };

        assert_eq!(
            fit(conn, &[listed(0), adds("a", 1), listed(0), listed(1)]).await,
            [true, true, false, true]
        );
        assert_eq!(fit(conn, &[listed(0), listed(1)]).await, [false, true]);
        assert_eq!(fit(conn, &[adds("a", 2)]).await, [false], "it is there now");
        let calls = [within(30, adds("b", 3)), within(30, adds("c", 4)), within(30, adds("d", 5))];
        assert_eq!(fit(conn, &calls).await, [true, true, false], "the room is used up");
        let removes = Changes {
            seen: vec![(key("a"), Some(1))],
            writes: vec![(key("a"), None)],
            added_keys: -1,
            added_bytes: -10,
            version: 6,
            ..Changes::default()
        };
        assert_eq!(fit(conn, &[removes, within(30, adds("d", 7)), listed(7)]).await, [true, true, true]);
    }
}
