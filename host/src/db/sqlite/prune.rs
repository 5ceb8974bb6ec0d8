//! Pruning in `SQLite`: old rows are found on read connections a page at a time and removed by the
//! writer.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, QueryBuilder, Row as _};

use super::bulk::BulkStatement;
use super::clock::offset_of;
use super::event_changes;
use super::key_place::KeyPlace;
use super::keys::bind_place;
use super::plugin_revisions;
use super::reader::Reader;
use super::rows::text;
use super::values::{integer, unsigned};
use crate::db::types::{DbError, EventAge, OldKeys, Removal, Size, Stock};
use crate::db::view::AcceptedEvent;
use crate::failpoint::{self, Point};

/// The condition that an event `e` may go: nothing of it is open, no operator must see it, and no
/// replay will reach it.
macro_rules! over {
    () => {
        "NOT EXISTS (SELECT 1 FROM delivery d WHERE d.event_seq = e.seq
            AND (d.due_at IS NOT NULL OR d.state = 'dead' AND d.settled IS NULL))
        AND NOT EXISTS (SELECT 1 FROM effect f WHERE f.event_seq = e.seq
            AND (f.due_at IS NOT NULL OR f.state = 'dead' AND f.settled IS NULL))
        AND NOT EXISTS (SELECT 1 FROM replay r WHERE r.state = 'running'
            AND e.seq BETWEEN r.after_seq AND r.last_seq)"
    };
}

// Only columns that may be large are measured. `octet_length` does not read the value.
const AGED: &str = concat!(
    "SELECT seq, old, over, CASE WHEN over THEN body
        + ifnull((SELECT sum(octet_length(logs)) FROM attempt WHERE event_seq = seq), 0)
        + ifnull((SELECT sum(octet_length(request)) FROM effect WHERE event_seq = seq), 0) ELSE 0 END
    FROM (SELECT e.seq, e.old, e.old AND ",
    over!(),
    " AS over, e.body
        FROM (SELECT seq, received_at < ?1 AND received_at + ",
    offset_of!("seq"),
    " < ?4 AS old, octet_length(body) AS body FROM event
            WHERE seq > ?2 ORDER BY seq LIMIT ?3) e)"
);
/// Reads one event in each doubling of the distance.
const AGED_BEYOND: &str = "WITH RECURSIVE ahead(seq) AS (
        SELECT ?1 + 1
        UNION ALL
        SELECT ?1 + 2 * (seq - ?1) FROM ahead WHERE seq < (SELECT max(seq) FROM event))
    SELECT max(e.seq) FROM ahead CROSS JOIN event e
        ON e.seq = (SELECT min(seq) FROM event WHERE seq >= ahead.seq)
    WHERE e.received_at < ?2";
/// Finds old keys in the index: the newest keys stay at any age.
const OLD_KEYS: &str = concat!(
    "SELECT event_seq, received_at < ?1 AND received_at + ",
    offset_of!("event_seq"),
    " < ?4
        AND NOT EXISTS (SELECT 1 FROM event e WHERE e.seq = k.event_seq)
    FROM idempotency_key k WHERE event_seq > ?2 AND event_seq <= (SELECT done_seq FROM key_progress)
    ORDER BY event_seq LIMIT ?3"
);

const STILL_OVER: &str =
    concat!("SELECT e.seq FROM (VALUES {rows}) v CROSS JOIN event e ON e.seq = v.column1 WHERE ", over!());
/// Tables with rows of an event, and their column with its number.
const OF_EVENTS: [(&str, &str); 9] = [
    ("erased_event", "event_seq"),
    ("effect_try", "event_seq"),
    ("effect", "event_seq"),
    ("attempt", "event_seq"),
    ("replayed", "event_seq"),
    ("delivery", "event_seq"),
    ("cause", "event_seq"),
    ("fanout", "root"),
    ("event", "seq"),
];
const STILL_OLD: &str = "SELECT k.event_seq, k.source, k.id
    FROM (VALUES {rows}) v CROSS JOIN idempotency_key k ON k.event_seq = v.column1
    WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.seq = k.event_seq)";
const FORGET: &str = "DELETE FROM idempotency_key WHERE event_seq IN
    (SELECT column2 FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const FORGET_PLACES: &str = "DELETE FROM key_index WHERE (part, hash, event_seq) IN
    (SELECT column2 >> 23, column1, column2 FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";
const FORGET_CONFLICTS: &str = "DELETE FROM conflict WHERE (source, id) IN
    (SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL)";

/// The statements, prepared once.
pub(super) struct PruneStatements {
    still_over: BulkStatement,
    of_events: Vec<BulkStatement>,
    still_old: BulkStatement,
    keys: BulkStatement,
    places: BulkStatement,
    conflicts: BulkStatement,
}

impl PruneStatements {
    pub(super) fn new() -> Self {
        let of_events = |(table, column)| {
            let sql = format!(
                "DELETE FROM {table} WHERE {column} IN
                    (SELECT * FROM (VALUES {{rows}}) WHERE column1 IS NOT NULL)"
            );
            BulkStatement::new(&sql, 1)
        };
        Self {
            still_over: BulkStatement::new(STILL_OVER, 1),
            of_events: OF_EVENTS.map(of_events).into(),
            still_old: BulkStatement::new(STILL_OLD, 1),
            keys: BulkStatement::new(FORGET, 2),
            places: BulkStatement::new(FORGET_PLACES, 2),
            conflicts: BulkStatement::new(FORGET_CONFLICTS, 2),
        }
    }

    /// Removes events or keys that may still go, and returns their number.
    pub(super) async fn remove(
        &self,
        conn: &mut SqliteConnection,
        removal: &Removal,
    ) -> Result<u64, DbError> {
        match removal {
            Removal::Events(seqs) => {
                let over = self.still_over.fetch(conn, seqs, bind_seq).await?;
                let over = over.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
                for statement in &self.of_events {
                    statement.execute(conn, &over, bind_seq).await?;
                    failpoint::pass(Point::PruneStep);
                }
                event_changes::note_removed(conn, &over).await?;
                Ok(over.len() as u64)
            }
            Removal::Keys(seqs) => {
                let rows = self.still_old.fetch(conn, seqs, bind_seq).await?;
                let (mut places, mut keys) = (Vec::new(), Vec::new());
                for row in &rows {
                    let (source, id): (String, String) = (row.try_get(1)?, row.try_get(2)?);
                    places.push(KeyPlace::of(&source, &id, row.try_get(0)?));
                    keys.push((source, id));
                }
                self.places.execute(conn, &places, bind_place).await?;
                self.conflicts.execute(conn, &keys, bind_key).await?;
                Ok(self.keys.execute(conn, &places, bind_place).await?)
            }
            Removal::Changes(up_to) => event_changes::remove(conn, *up_to).await,
            Removal::Revisions(digests) => plugin_revisions::remove(conn, digests).await,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "all are bound alike")]
fn bind_seq(row: &mut SqliteArguments, seq: &i64) -> Result<(), BoxDynError> {
    row.add(*seq)
}

fn bind_key(row: &mut SqliteArguments, (source, id): &(String, String)) -> Result<(), BoxDynError> {
    row.add(text(source))?;
    row.add(text(id))
}

impl Reader {
    /// Events after `after`, in order, each with whether it was received before `before` by both clocks. That of
    /// the host is `ahead` of the system's.
    pub(super) async fn ages(
        &self,
        after: i64,
        (before, ahead): (u64, i64),
        limit: usize,
    ) -> Result<Vec<EventAge>, DbError> {
        let rows: Vec<(i64, bool, bool, i64)> = sqlx::query_as(AGED)
            .bind(integer(before))
            .bind(after)
            .bind(integer(limit as u64))
            .bind(integer(before.saturating_add_signed(ahead)))
            .fetch_all(self.pool())
            .await?;
        let aged = |(seq, old, over, bytes)| EventAge { seq, old, over, bytes: unsigned(bytes) };
        Ok(rows.into_iter().map(aged).collect())
    }

    /// An event far after `after` that was received before `before`, or 0.
    pub(super) async fn old_beyond(&self, after: i64, before: u64) -> Result<i64, DbError> {
        let query = sqlx::query_scalar(AGED_BEYOND).bind(after).bind(integer(before));
        let beyond: Option<i64> = query.fetch_one(self.pool()).await?;
        Ok(beyond.unwrap_or(0))
    }

    /// Counts the replays that have ended.
    pub(super) async fn replays_ended(&self) -> Result<i64, DbError> {
        let sql = "SELECT (SELECT ifnull(max(id), 0) FROM replay)
            - (SELECT count(*) FROM replay WHERE state = 'running')";
        Ok(sqlx::query_scalar(sql).fetch_one(self.pool()).await?)
    }

    /// Up to `limit` events after this one, in order.
    pub(super) async fn events_after(&self, after: i64, limit: u32) -> Result<Vec<AcceptedEvent>, DbError> {
        let sql = "SELECT seq, source, id, type FROM event WHERE seq > ? ORDER BY seq LIMIT ?";
        let query = sqlx::query_as(sql).bind(after).bind(limit);
        let rows: Vec<(i64, String, String, String)> = query.fetch_all(self.pool()).await?;
        let event = |(number, source, id, event_type)| AcceptedEvent { number, source, id, event_type };
        Ok(rows.into_iter().map(event).collect())
    }

    /// The number of the newest event.
    pub(super) async fn newest_seq(&self) -> Result<i64, DbError> {
        let newest: Option<i64> =
            sqlx::query_scalar("SELECT max(seq) FROM event").fetch_one(self.pool()).await?;
        Ok(newest.unwrap_or(0))
    }

    /// Returns the keys after that of `after`, in order, that were taken before `before` and whose events are
    /// gone. The clocks are as in [`Reader::ages`].
    pub(super) async fn old_keys(
        &self,
        after: i64,
        (before, ahead): (u64, i64),
        limit: usize,
    ) -> Result<OldKeys, DbError> {
        let rows: Vec<(i64, bool)> = sqlx::query_as(OLD_KEYS)
            .bind(integer(before))
            .bind(after)
            .bind(integer(limit as u64))
            .bind(integer(before.saturating_add_signed(ahead)))
            .fetch_all(self.pool())
            .await?;
        let last = rows.last().filter(|_| rows.len() >= limit).map(|(seq, _)| *seq);
        let old = rows.into_iter().filter(|(_, old)| *old);
        Ok(OldKeys { keys: old.map(|(seq, _)| seq).collect(), last })
    }

    /// Returns the database's size on disk.
    pub(super) async fn size(&self) -> Result<Size, DbError> {
        let sql = "SELECT page_count, freelist_count, page_size
            FROM pragma_page_count, pragma_freelist_count, pragma_page_size";
        let (pages, free, bytes): (i64, i64, i64) = sqlx::query_as(sql).fetch_one(self.pool()).await?;
        let log = tokio::fs::metadata(self.log_path()).await;
        Ok(Size {
            used_bytes: unsigned((pages - free) * bytes),
            free_bytes: unsigned(free * bytes),
            log_bytes: log.map_or(0, |log| log.len()),
        })
    }

    pub(super) async fn stock(&self) -> Result<Stock, DbError> {
        let sql = "SELECT
            (SELECT count(*) FROM delivery WHERE state = 'dead' AND settled IS NULL),
            (SELECT count(*) FROM effect WHERE state = 'dead' AND settled IS NULL),
            (SELECT received_at FROM event WHERE seq = (SELECT min(seq) FROM (
                SELECT min(event_seq) AS seq FROM delivery WHERE state = 'dead' AND settled IS NULL
                UNION ALL
                SELECT min(event_seq) FROM effect WHERE state = 'dead' AND settled IS NULL))),
            (SELECT count(*) FROM plugin_switch WHERE is_on = 0)";
        let (deliveries, effects, oldest, switches_off): (i64, i64, Option<i64>, i64) =
            sqlx::query_as(sql).fetch_one(self.pool()).await?;
        Ok(Stock {
            dead_deliveries: unsigned(deliveries),
            dead_effects: unsigned(effects),
            switches_off: unsigned(switches_off),
            oldest_dead_at: oldest.map(unsigned),
            size: self.size().await?,
        })
    }

    /// Returns when this database was made, ms since the Unix epoch.
    pub(super) async fn made_at(&self) -> Result<u64, DbError> {
        let sql = "SELECT min(CAST(strftime('%s', installed_on) AS INTEGER)) FROM _sqlx_migrations";
        let seconds: Option<i64> = sqlx::query_scalar(sql).fetch_one(self.pool()).await?;
        Ok(seconds.map_or(0, unsigned) * 1000)
    }

    /// Returns the time at which a pruned event was received, if its key remains; of several, the last
    /// one's.
    pub(super) async fn pruned(&self, source: Option<&str>, id: &str) -> Result<Option<u64>, DbError> {
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT max(k.received_at) FROM idempotency_key k WHERE ");
        self.key_index().push_key(&mut query, ("k", "event_seq"), source, id);
        query.push(" AND NOT EXISTS (SELECT 1 FROM event e WHERE e.seq = k.event_seq)");
        let at: Option<i64> = query.build_query_scalar().fetch_one(self.pool()).await?;
        Ok(at.map(unsigned))
    }
}
