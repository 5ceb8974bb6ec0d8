//! The writer's side of `SQLite`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};

use super::bulk::{Bulk, BulkPair};
use super::conn::Conn;
use super::effects::EffectStatements;
use super::entries::EntryStatements;
use super::file::DatabaseFile;
use super::keys::Keys;
use super::lock::HostLock;
use super::orders::Orders;
use super::prune::PruneStatements;
use super::rows;
use super::values::{integer, name_of, unsigned};
use crate::completion::Finished;
use crate::db::order;
use crate::db::storage::{
    Backend, Discarded, Interrupted, NewDelivery, NewEvent, Open, Replayed, ResolvedEffect,
};
use crate::db::types::{
    DbError, DueTimes, EffectShare, Hold, HoldChange, Removal, RunningAttempt, RunningId,
};
use crate::delivery::{Delivery, DeliveryId, Order};
use crate::effect::{self, EffectId, Performed, Performing};
use crate::event::{Digest, Event, PluginName, now_ms};
use crate::keyvalue::Changes;
use crate::replay;

/// Payloads kept of one id beside the one that has it.
const CONFLICTS_MAX: i64 = 10;

/// The write connection and its prepared bulk statements.
pub(in crate::db) struct Sqlite {
    conn: Conn,
    keys: Keys,
    orders: Orders,
    events_and_deliveries: BulkPair,
    attempts_and_states: BulkPair,
    leased: Bulk,
    promote: Bulk,
    causes: Bulk,
    entries: EntryStatements,
    effects: EffectStatements,
    prune: PruneStatements,
    /// Held as long as this may write.
    _lock: Arc<HostLock>,
}

// Pending ones all have due_at 0, so the index has them in order of acceptance. Waiting ones are
// taken by their time: there may be a million of them, and the order among those due is not worth
// a sort of all.
const DUE: &str = "SELECT event_seq, number FROM (
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at = 0 ORDER BY event_seq, number LIMIT ?2)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at > 0 AND due_at <= ?3 ORDER BY due_at, event_seq, number LIMIT ?2)
    UNION ALL
    SELECT * FROM (SELECT event_seq, number FROM delivery
        WHERE plugin = ?1 AND due_at > ?4 ORDER BY due_at, event_seq, number LIMIT ?2)
    ) ORDER BY event_seq, number LIMIT ?2";
const CONFLICT: &str = "INSERT OR IGNORE INTO conflict (source, id, digest, received_at, body)
    SELECT ?, ?, ?, ?, ?
    WHERE (SELECT count(*) FROM conflict WHERE source = ? AND id = ?) < ?";

impl Sqlite {
    pub(super) fn new(
        conn: SqliteConnection,
        options: SqliteConnectOptions,
        file: Arc<DatabaseFile>,
        lock: Arc<HostLock>,
        keys: Keys,
        orders: Orders,
    ) -> Self {
        Self {
            conn: Conn { open: Some(conn), options, file },
            keys,
            orders,
            events_and_deliveries: BulkPair::new((rows::EVENTS, 12), (rows::DELIVERIES, 5)),
            attempts_and_states: BulkPair::new((rows::ATTEMPTS, 11), (rows::STATES, 6)),
            leased: Bulk::new(rows::LEASED, 2),
            promote: Bulk::new(rows::PROMOTE, 2),
            causes: Bulk::new(rows::CAUSES, 5),
            entries: EntryStatements::new(),
            effects: EffectStatements::new(),
            prune: PruneStatements::new(),
            _lock: lock,
        }
    }

    /// The highest sequence number ever used.
    pub(super) async fn last_seq(&mut self) -> Result<i64, DbError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'event'";
        let seq = sqlx::query_scalar(sql).fetch_optional(self.conn.get().await?).await?;
        Ok(seq.unwrap_or(0))
    }

    /// Plugins that are held, and why.
    pub(super) async fn held(&mut self) -> Result<Vec<(PluginName, Hold)>, DbError> {
        let conn = self.conn.get().await?;
        let mut held = Vec::new();
        for (why, sql) in [
            (Hold::Absent, "SELECT plugin FROM held_plugin"),
            (Hold::Paused, "SELECT plugin FROM paused_plugin"),
        ] {
            let names: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *conn).await?;
            for name in names {
                held.push((name_of(&name)?, why));
            }
        }
        Ok(held)
    }

    /// The highest version that any store's entry ever had.
    pub(super) async fn store_version(&mut self) -> Result<u64, DbError> {
        let sql = "SELECT max(version) FROM store";
        let version: Option<i64> = sqlx::query_scalar(sql).fetch_one(self.conn.get().await?).await?;
        Ok(unsigned(version.unwrap_or(0)))
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), DbError> {
        sqlx::query(sql).execute(self.conn.get().await?).await?;
        Ok(())
    }
}

impl Backend for Sqlite {
    async fn begin(&mut self) -> Result<(), DbError> {
        self.run("BEGIN IMMEDIATE").await?;
        let begun = self.orders.begin(self.conn.get().await?).await;
        if begun.is_err() {
            self.conn.discard().await;
        }
        begun
    }

    async fn commit(&mut self) -> Result<(), DbError> {
        // Nothing is acknowledged that would be in a file that nobody finds again.
        self.conn.file.check()?;
        let committed = self.run("COMMIT").await;
        if committed.is_ok() {
            self.keys.committed();
            self.orders.committed();
        } else {
            self.keys.in_doubt();
            self.orders.undone();
        }
        committed
    }

    async fn rollback(&mut self) {
        self.keys.undone();
        self.orders.undone();
        if self.conn.file.check().is_err() && self.run("ROLLBACK").await.is_ok() {
            // It is the only way to what was committed into a log that was removed since.
            return;
        }
        // After an error nobody knows what state the connection is in; a new one costs little.
        self.conn.discard().await;
    }

    async fn take_keys(&mut self, events: &[&NewEvent]) -> Result<Vec<Option<Digest>>, DbError> {
        self.keys.take(self.conn.get().await?, events).await
    }

    async fn open_orders(&mut self, orders: &[Order]) -> Result<HashSet<Order>, DbError> {
        self.orders.open(self.conn.get().await?, orders).await
    }

    async fn insert_events(
        &mut self,
        events: &[&NewEvent],
        deliveries: &[NewDelivery<'_>],
    ) -> Result<(), DbError> {
        let causes: Vec<_> = events.iter().filter_map(|new| Some((new.seq, new.event.origin?))).collect();
        let opened = deliveries.iter().filter_map(|new| Some((new.order?, new.id)));
        let conn = self.conn.get().await?;
        self.orders.opened(conn, opened).await?;
        let (events, deliveries) = ((events, rows::bind_event as _), (deliveries, rows::bind_delivery as _));
        self.events_and_deliveries.execute(conn, events, deliveries).await?;
        self.causes.execute(conn, &causes, rows::bind_cause).await?;
        Ok(())
    }

    async fn promote(&mut self, orders: &[Order]) -> Result<Vec<DeliveryId>, DbError> {
        let conn = self.conn.get().await?;
        let firsts = self.orders.first(conn, orders).await?;
        let promoted = self.promote.fetch(conn, &firsts, rows::bind_id).await?;
        promoted.iter().map(rows::id_of).collect()
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

    async fn change(&mut self, calls: &[(&PluginName, &Changes)]) -> Result<Vec<bool>, DbError> {
        self.entries.change(self.conn.get().await?, calls).await
    }

    async fn record(&mut self, finished: &[&Finished]) -> Result<(), DbError> {
        let conn = self.conn.get().await?;
        let (attempts, states) = ((finished, rows::bind_attempt as _), (finished, rows::bind_state as _));
        self.attempts_and_states.execute(conn, attempts, states).await?;
        self.orders.closed(conn, order::closed(finished)).await?;
        self.effects.insert(conn, finished).await
    }

    async fn record_tries(&mut self, performed: &[Performed]) -> Result<(), DbError> {
        self.effects.record(self.conn.get().await?, performed).await
    }

    async fn due_effects(
        &mut self,
        plugin: &PluginName,
        due: DueTimes,
        limit: usize,
    ) -> Result<Vec<EffectId>, DbError> {
        self.effects.due(self.conn.get().await?, plugin, due, limit).await
    }

    async fn performing(
        &mut self,
        plugin: &PluginName,
        ids: &[EffectId],
    ) -> Result<Vec<Performing>, DbError> {
        self.effects.performing(self.conn.get().await?, plugin, ids).await
    }

    async fn hold(&mut self, change: &HoldChange) -> Result<(), DbError> {
        let sql = match (change.why, change.held) {
            (Hold::Absent, true) => "INSERT OR IGNORE INTO held_plugin (plugin) VALUES (?)",
            (Hold::Absent, false) => "DELETE FROM held_plugin WHERE plugin = ?",
            (Hold::Paused, true) => "INSERT OR IGNORE INTO paused_plugin (plugin, paused_at) VALUES (?, ?)",
            (Hold::Paused, false) => "DELETE FROM paused_plugin WHERE plugin = ?",
        };
        let mut query = sqlx::query(sql).bind(change.plugin.as_str());
        if (change.why, change.held) == (Hold::Paused, true) {
            query = query.bind(integer(now_ms()));
        }
        query.execute(self.conn.get().await?).await?;
        Ok(())
    }

    async fn remove(&mut self, removal: &Removal) -> Result<u64, DbError> {
        self.run("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").await?;
        let removed = self.prune.remove(self.conn.get().await?, removal).await?;
        self.conn.file.check()?;
        // The next commit syncs this one too.
        self.run("COMMIT; PRAGMA synchronous = FULL").await?;
        Ok(removed)
    }

    async fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
    ) -> Result<i64, DbError> {
        super::replay::begin(self.conn.get().await?, request, found, last_event).await
    }

    async fn advance_replay(&mut self, step: &replay::Step) -> Result<Replayed, DbError> {
        super::replay::step(self.conn.get().await?, &mut self.orders, step).await
    }

    async fn stop_replay(&mut self, replay: i64) -> Result<bool, DbError> {
        super::replay::stop(self.conn.get().await?, replay).await
    }

    async fn discard(&mut self, id: DeliveryId) -> Result<Discarded, DbError> {
        super::replay::discard(self.conn.get().await?, &mut self.orders, id).await
    }

    async fn resolve_effects(
        &mut self,
        selection: &effect::Selection,
        action: replay::Action,
        page: (EffectId, u32),
    ) -> Result<Vec<ResolvedEffect>, DbError> {
        super::dead_effects::resolve(self.conn.get().await?, selection, action, page).await
    }

    async fn record_offset(&mut self, from_seq: i64, offset_ms: i64) -> Result<(), DbError> {
        super::clock::record(self.conn.get().await?, from_seq, offset_ms).await
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
        due: DueTimes,
        limit: usize,
    ) -> Result<Vec<DeliveryId>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows: Vec<(i64, i64)> = sqlx::query_as(DUE)
            .bind(plugin.as_str())
            .bind(limit)
            .bind(integer(due.by))
            .bind(integer(due.beyond))
            .fetch_all(self.conn.get().await?)
            .await?;
        Ok(rows.into_iter().map(|(event, number)| DeliveryId { event, number }).collect())
    }

    async fn deliveries(&mut self, ids: &[DeliveryId]) -> Result<Vec<Delivery>, DbError> {
        let found = self.leased.fetch(self.conn.get().await?, ids, rows::bind_id).await?;
        let mut found: Vec<_> = found.iter().map(rows::delivery_of).collect::<Result<_, _>>()?;
        found.sort_unstable_by_key(|delivery| delivery.id);
        Ok(found)
    }

    async fn interrupted(&mut self, left: &[RunningAttempt]) -> Result<Vec<Interrupted>, DbError> {
        super::crashes::interrupted(self.conn.get().await?, left).await
    }

    async fn suspects(&mut self, crashes: u32) -> Result<HashSet<RunningId>, DbError> {
        super::crashes::suspects(self.conn.get().await?, crashes).await
    }

    async fn waiting(&mut self) -> Result<HashMap<PluginName, EffectShare>, DbError> {
        super::effects::waiting(self.conn.get().await?).await
    }

    async fn count_open(&mut self) -> Result<Open, DbError> {
        let sql =
            "SELECT count(*), count(*) FILTER (WHERE due_at = -1) FROM delivery WHERE due_at IS NOT NULL";
        let (all, behind) = sqlx::query_as(sql).fetch_one(self.conn.get().await?).await?;
        Ok(Open { all: unsigned(all), behind: unsigned(behind) })
    }

    async fn save_log(&mut self) -> Result<(), DbError> {
        if self.conn.file.is_damaged() {
            return Ok(());
        }
        self.run("PRAGMA wal_checkpoint(PASSIVE)").await
    }

    async fn close(&mut self) -> Result<(), DbError> {
        if self.conn.file.is_damaged() {
            // Closing would write pages of this database into what another program put in its place.
            std::mem::forget(self.conn.open.take());
            return self.conn.file.check();
        }
        let checkpoint = self.run("PRAGMA wal_checkpoint(TRUNCATE)").await;
        if let Some(conn) = self.conn.open.take() {
            conn.close().await?;
        }
        checkpoint
    }
}
