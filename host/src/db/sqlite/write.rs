//! The writer's side of `SQLite`.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow};
use sqlx::{Arguments, Connection as _, Row as _, SqliteConnection};

use super::bulk::Bulk;
use super::{Conn, digest_of, integer, name_of, unsigned};
use crate::db::DbError;
use crate::db::backend::{Backend, NewEvent};
use crate::delivery::{Cause, Delivery, DeliveryId, Finished, Next, Outcome};
use crate::event::{Digest, Event, PluginName, now_ms};

/// Payloads kept of one id beside the one that has it.
const CONFLICTS_MAX: i64 = 10;

/// The write connection and its prepared bulk statements.
pub(in crate::db) struct Sqlite {
    conn: Conn,
    keys: Bulk,
    key_owners: Bulk,
    events: Bulk,
    deliveries: Bulk,
    attempts: Bulk,
    states: Bulk,
    leased: Bulk,
}

const KEYS: &str = "INSERT OR IGNORE INTO idempotency_key (source, id, digest, event_seq, received_at)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const KEY_OWNERS: &str = "SELECT k.event_seq, k.digest, v.column3
    FROM (VALUES {rows}) v CROSS JOIN idempotency_key k ON k.source = v.column1 AND k.id = v.column2
    WHERE k.event_seq <> v.column3";
const EVENTS: &str = "INSERT INTO event (seq, source, id, type, created, received_at, ordering_key,
        deliveries, payload_start, payload_end, digest, body)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const DELIVERIES: &str = "INSERT INTO delivery (event_seq, number, plugin, state, attempts, due_at)
    SELECT column1, column2, column3, 'pending', 0, 0 FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const ATTEMPTS: &str = "INSERT OR IGNORE INTO attempt (event_seq, delivery_number, number, outcome,
        cause, reason, revision, started_at, duration_us, peak_memory_bytes, logs)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const STATES: &str = "UPDATE delivery SET state = v.column3, attempts = v.column4, due_at = v.column5
    FROM (VALUES {rows}) v WHERE event_seq = v.column1 AND number = v.column2";
const LEASED: &str = "SELECT d.event_seq, d.number, d.attempts, e.source, e.id, e.type, e.created,
        e.received_at, e.ordering_key, e.payload_start, e.payload_end, e.digest, e.body
    FROM (VALUES {rows}) v
    CROSS JOIN delivery d ON d.event_seq = v.column1 AND d.number = v.column2
    CROSS JOIN event e ON e.seq = d.event_seq";
// Pending ones all have due_at 0, so the index has them in order of acceptance. Waiting ones are
// taken by their time: there may be a million of them, and the order among those due is not worth
// a sort of all.
const DUE: &str = "SELECT event_seq, number FROM (
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ? AND due_at = 0 ORDER BY event_seq, number LIMIT ?)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ? AND due_at > 0 AND due_at <= ? ORDER BY due_at, event_seq, number LIMIT ?)
    ) ORDER BY event_seq, number LIMIT ?";
const CONFLICT: &str = "INSERT OR IGNORE INTO conflict (source, id, digest, received_at, body)
    SELECT ?, ?, ?, ?, ?
    WHERE (SELECT count(*) FROM conflict WHERE source = ? AND id = ?) < ?";

impl Sqlite {
    pub(super) fn new(conn: SqliteConnection, options: SqliteConnectOptions) -> Self {
        Self {
            conn: Conn { open: Some(conn), options },
            keys: Bulk::new(KEYS, 5),
            key_owners: Bulk::new(KEY_OWNERS, 3),
            events: Bulk::new(EVENTS, 12),
            deliveries: Bulk::new(DELIVERIES, 3),
            attempts: Bulk::new(ATTEMPTS, 11),
            states: Bulk::new(STATES, 5),
            leased: Bulk::new(LEASED, 2),
        }
    }

    /// The highest sequence number ever used.
    pub(super) async fn last_seq(&mut self) -> Result<i64, DbError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'event'";
        let seq = sqlx::query_scalar(sql).fetch_optional(self.conn.get().await?).await?;
        Ok(seq.unwrap_or(0))
    }

    /// Plugins that are held.
    pub(super) async fn held(&mut self) -> Result<Vec<PluginName>, DbError> {
        let names: Vec<String> = sqlx::query_scalar("SELECT plugin FROM held_plugin")
            .fetch_all(self.conn.get().await?)
            .await?;
        names.iter().map(|name| name_of(name)).collect()
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), DbError> {
        sqlx::query(sql).execute(self.conn.get().await?).await?;
        Ok(())
    }
}

impl Backend for Sqlite {
    async fn begin(&mut self) -> Result<(), DbError> {
        self.run("BEGIN IMMEDIATE").await
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        self.run("COMMIT").await
    }

    async fn rollback(&mut self) {
        // After an error nobody knows what state the connection is in; a new one costs little.
        self.conn.discard().await;
    }

    async fn take_keys(&mut self, events: &[&NewEvent]) -> Result<Vec<Option<Digest>>, DbError> {
        let conn = self.conn.get().await?;
        let taken = self.keys.execute(conn, events, bind_key).await?;
        if taken == events.len() as u64 {
            return Ok(vec![None; events.len()]);
        }
        let mut owners = HashMap::new();
        for row in self.key_owners.fetch(conn, events, bind_key_owner).await? {
            owners.insert(row.try_get::<i64, _>(2)?, digest_of(&row, 1)?);
        }
        Ok(events.iter().map(|new| owners.get(&new.seq).copied()).collect())
    }

    async fn insert_events(&mut self, events: &[&NewEvent]) -> Result<(), DbError> {
        let deliveries: Vec<_> = events
            .iter()
            .flat_map(|new| (1..).zip(&new.plugins).map(|(number, plugin)| (new.seq, number, plugin)))
            .collect();
        let conn = self.conn.get().await?;
        self.events.execute(conn, events, bind_event).await?;
        self.deliveries.execute(conn, &deliveries, bind_delivery).await?;
        Ok(())
    }

    async fn keep_conflicts(&mut self, events: &[&Event]) -> Result<(), DbError> {
        let conn = self.conn.get().await?;
        for event in events {
            sqlx::query(CONFLICT)
                .bind(event.source.as_str())
                .bind(event.id.as_str())
                .bind(&event.digest.0[..])
                .bind(integer(event.received_at))
                .bind(&event.body[..])
                .bind(event.source.as_str())
                .bind(event.id.as_str())
                .bind(CONFLICTS_MAX)
                .execute(&mut *conn)
                .await?;
        }
        Ok(())
    }

    async fn record(&mut self, finished: &[Finished]) -> Result<(), DbError> {
        let conn = self.conn.get().await?;
        self.attempts.execute(conn, finished, bind_attempt).await?;
        self.states.execute(conn, finished, bind_state).await?;
        Ok(())
    }

    async fn hold(&mut self, plugin: &PluginName, held: bool) -> Result<(), DbError> {
        let sql = if held {
            "INSERT OR IGNORE INTO held_plugin (plugin) VALUES (?)"
        } else {
            "DELETE FROM held_plugin WHERE plugin = ?"
        };
        sqlx::query(sql).bind(plugin.as_str()).execute(self.conn.get().await?).await?;
        Ok(())
    }

    async fn probe(&mut self) -> Result<(), DbError> {
        sqlx::query("INSERT OR REPLACE INTO probe (id, written_at) VALUES (1, ?)")
            .bind(integer(now_ms()))
            .execute(self.conn.get().await?)
            .await?;
        Ok(())
    }

    async fn due(
        &mut self,
        plugin: &PluginName,
        now: u64,
        limit: usize,
    ) -> Result<Vec<DeliveryId>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<(i64, i64)> = sqlx::query_as(DUE)
            .bind(plugin.as_str())
            .bind(limit)
            .bind(plugin.as_str())
            .bind(integer(now))
            .bind(limit)
            .bind(limit)
            .fetch_all(self.conn.get().await?)
            .await?;
        Ok(rows.into_iter().map(|(event, number)| DeliveryId { event, number }).collect())
    }

    async fn deliveries(
        &mut self,
        plugin: &PluginName,
        ids: &[DeliveryId],
    ) -> Result<Vec<Delivery>, DbError> {
        let rows = self.leased.fetch(self.conn.get().await?, ids, bind_id).await?;
        let mut found: Vec<_> =
            rows.iter().map(|row| delivery_of(row, plugin)).collect::<Result<_, _>>()?;
        found.sort_unstable_by_key(|delivery| delivery.id);
        Ok(found)
    }

    async fn open_count(&mut self) -> Result<u64, DbError> {
        let sql = "SELECT count(*) FROM delivery WHERE due_at IS NOT NULL";
        let count: i64 = sqlx::query_scalar(sql).fetch_one(self.conn.get().await?).await?;
        Ok(unsigned(count))
    }

    async fn close(&mut self) -> Result<(), DbError> {
        let checkpoint = self.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
        if let Some(conn) = self.conn.open.take() {
            conn.close().await?;
        }
        checkpoint
    }
}

fn bind_key(row: &mut SqliteArguments, new: &&NewEvent) -> Result<(), BoxDynError> {
    row.add(text(new.event.source.as_str()))?;
    row.add(text(&new.event.id))?;
    row.add(&new.event.digest.0[..])?;
    row.add(new.seq)?;
    row.add(integer(new.event.received_at))
}

fn bind_key_owner(row: &mut SqliteArguments, new: &&NewEvent) -> Result<(), BoxDynError> {
    row.add(text(new.event.source.as_str()))?;
    row.add(text(&new.event.id))?;
    row.add(new.seq)
}

fn bind_event(row: &mut SqliteArguments, new: &&NewEvent) -> Result<(), BoxDynError> {
    let event = &*new.event;
    row.add(new.seq)?;
    row.add(text(event.source.as_str()))?;
    row.add(text(&event.id))?;
    row.add(text(&event.event_type))?;
    row.add(text(&event.created))?;
    row.add(integer(event.received_at))?;
    row.add(event.ordering_key.as_deref().map(text))?;
    row.add(integer(new.plugins.len() as u64))?;
    row.add(integer(event.payload.start as u64))?;
    row.add(integer(event.payload.end as u64))?;
    row.add(&event.digest.0[..])?;
    row.add(&event.body[..])
}

fn bind_delivery(
    row: &mut SqliteArguments,
    (seq, number, plugin): &(i64, i64, &PluginName),
) -> Result<(), BoxDynError> {
    row.add(*seq)?;
    row.add(*number)?;
    row.add(text(plugin.as_str()))
}

fn bind_attempt(row: &mut SqliteArguments, finished: &Finished) -> Result<(), BoxDynError> {
    let attempt = &finished.attempt;
    let failure = attempt.failure.as_ref();
    let logs = (!attempt.logs.is_empty()).then(|| serde_json::to_string(&attempt.logs));
    row.add(finished.id.event)?;
    row.add(finished.id.number)?;
    row.add(i64::from(attempt.number))?;
    row.add(text(outcome_name(attempt.outcome())))?;
    row.add(failure.map(|failure| text(cause_name(failure.cause))))?;
    row.add(failure.map(|failure| text(&failure.reason)))?;
    row.add(&attempt.revision.0[..])?;
    row.add(integer(attempt.started_at))?;
    row.add(integer(attempt.duration_us))?;
    row.add(integer(attempt.peak_memory_bytes))?;
    row.add(logs.transpose()?)
}

fn bind_state(row: &mut SqliteArguments, finished: &Finished) -> Result<(), BoxDynError> {
    let (state, due_at) = match finished.next {
        Next::Done => ("done", None),
        Next::Dead => ("dead", None),
        // 0 would mean pending.
        Next::Wait(time) => ("waiting", Some(integer(time.max(1)))),
    };
    row.add(finished.id.event)?;
    row.add(finished.id.number)?;
    row.add(text(state))?;
    row.add(i64::from(finished.attempt.number))?;
    row.add(due_at)
}

fn bind_id(row: &mut SqliteArguments, id: &DeliveryId) -> Result<(), BoxDynError> {
    row.add(id.event)?;
    row.add(id.number)
}

fn delivery_of(row: &SqliteRow, plugin: &PluginName) -> Result<Delivery, DbError> {
    let position = |column| row.try_get(column).map(|value: i64| usize::try_from(value).unwrap_or(0));
    let event = Event {
        source: name_of(row.try_get(3)?)?,
        id: row.try_get(4)?,
        event_type: row.try_get(5)?,
        created: row.try_get(6)?,
        received_at: unsigned(row.try_get(7)?),
        ordering_key: row.try_get(8)?,
        payload: position(9)?..position(10)?,
        digest: digest_of(row, 11)?,
        body: Bytes::from(row.try_get::<Vec<u8>, _>(12)?),
    };
    Ok(Delivery {
        id: DeliveryId { event: row.try_get(0)?, number: row.try_get(1)? },
        event: Arc::new(event),
        plugin: plugin.clone(),
        attempts: row.try_get::<u32, _>(2)?,
    })
}

/// One allocation instead of the two that `&str` takes.
fn text(text: &str) -> Arc<str> {
    text.into()
}

const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Retry => "retry",
        Outcome::Rejected => "rejected",
    }
}

const fn cause_name(cause: Cause) -> &'static str {
    match cause {
        Cause::Handler => "handler",
        Cause::Trap => "trap",
        Cause::Timeout => "timeout",
        Cause::Payload => "payload",
        Cause::Host => "host",
    }
}
