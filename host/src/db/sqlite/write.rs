//! The statements of the connection that writes. Those between `begin` and `commit` are one transaction.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::bulk::{BulkStatement, BulkStatementPair};
use super::conn::Conn;
use super::crashes::CrashedAttempt;
use super::effects::EffectStatements;
use super::entries::EntryStatements;
use super::file::DatabaseFile;
use super::keys::Keys;
use super::matching::{MatchStatements, Withdrawn};
use super::orders::Orders;
use super::prune::PruneStatements;
use super::replay::{Advanced, Discarded, FinalCounts};
use super::retries::RetryStatements;
use super::rows;
use super::switches::SwitchStatements;
use super::values::{integer, name_of, unsigned};
use crate::completion::FinishedAttempt;
use crate::db::revision_types::RevisionRecord;
use crate::db::types::{
    DbError, DueChange, DueTimes, EffectResolution, EffectShare, HoldChange, PluginHold, PluginMatch,
    Removal, ResolvedEffect, RunningAttempt, RunningId,
};
use crate::db::writer::batch::{self, NewDelivery, NumberedEvent};
use crate::delivery::{Delivery, DeliveryId, OrderingHash};
use crate::effect::{CompletedEffect, EffectId, LeasedEffect};
use crate::event::{Digest, Event, PluginName, now_ms};
use crate::keyvalue::Changes;
use crate::replay;
use crate::switch::Switches;

/// Payloads kept of one id beside the one that has it.
const CONFLICTS_MAX: i64 = 10;

/// The numbers of open deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct OpenCount {
    /// Neither done nor dead.
    pub(super) all: u64,
    /// Of these, the ones blocked by an earlier delivery of their ordering key.
    pub(super) blocked: u64,
}

/// Deliveries that are the first of their ordering key now.
#[derive(Debug, Default)]
pub(super) struct Unblocked {
    /// Their number.
    pub(super) count: u64,
    /// The deliveries that can be leased. The others are unmatched.
    pub(super) due: Vec<DeliveryId>,
}

/// The result of matching deliveries.
pub(super) struct Matched {
    pub(super) handled: u64,
    pub(super) withdrawn: Vec<Withdrawn>,
    /// Deliveries that waited for the withdrawn ones.
    pub(super) unblocked: Unblocked,
}

/// The connection that writes and its prepared bulk statements.
pub(super) struct Statements {
    pub(super) conn: Conn,
    keys: Keys,
    pub(super) orders: Orders,
    pub(super) switches: SwitchStatements,
    events_and_deliveries: BulkStatementPair,
    attempts_and_states: BulkStatementPair,
    leased: BulkStatement,
    unblock: BulkStatement,
    causes: BulkStatement,
    matching: MatchStatements,
    retries: RetryStatements,
    entries: EntryStatements,
    effects: EffectStatements,
    prune: PruneStatements,
}

const CONFLICT: &str = "INSERT OR IGNORE INTO conflict (source, id, digest, received_at, body)
    SELECT ?, ?, ?, ?, ?
    WHERE (SELECT count(*) FROM conflict WHERE source = ? AND id = ?) < ?";

impl Statements {
    pub(super) fn new(
        conn: SqliteConnection,
        options: SqliteConnectOptions,
        file: Arc<DatabaseFile>,
        keys: Keys,
        orders: Orders,
    ) -> Self {
        Self {
            conn: Conn { open: Some(conn), options, file },
            keys,
            orders,
            switches: SwitchStatements::new(),
            events_and_deliveries: BulkStatementPair::new((rows::EVENTS, 14), (rows::DELIVERIES, 5)),
            attempts_and_states: BulkStatementPair::new((rows::ATTEMPTS, 11), (rows::STATES, 6)),
            leased: BulkStatement::new(rows::LEASED, 2),
            unblock: BulkStatement::new(rows::UNBLOCK, 2),
            causes: BulkStatement::new(rows::CAUSES, 5),
            matching: MatchStatements::new(),
            retries: RetryStatements::new(),
            entries: EntryStatements::new(),
            effects: EffectStatements::new(),
            prune: PruneStatements::new(),
        }
    }

    /// The highest sequence number ever used.
    pub(super) async fn last_seq(&mut self) -> Result<i64, DbError> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'event'";
        let seq = sqlx::query_scalar(sql).fetch_optional(self.conn.get().await?).await?;
        Ok(seq.unwrap_or(0))
    }

    /// Plugins that are held, and why.
    pub(super) async fn held(&mut self) -> Result<Vec<(PluginName, PluginHold)>, DbError> {
        let conn = self.conn.get().await?;
        let mut held = Vec::new();
        for (why, sql) in [
            (PluginHold::Absent, "SELECT plugin FROM held_plugin"),
            (PluginHold::Paused, "SELECT plugin FROM paused_plugin"),
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

    /// Begins a transaction that can write.
    pub(super) async fn begin(&mut self) -> Result<(), DbError> {
        self.run("BEGIN IMMEDIATE").await?;
        let begun = self.learn().await;
        if begun.is_err() {
            self.conn.discard().await;
        }
        begun
    }

    /// Reads the state that must be in memory, unless it is known.
    async fn learn(&mut self) -> Result<(), DbError> {
        let conn = self.conn.get().await?;
        self.keys.index().begin(conn).await?;
        self.orders.begin(conn).await
    }

    /// Makes the transaction durable.
    pub(super) async fn commit(&mut self) -> Result<(), DbError> {
        // No event is acknowledged from a file that is no longer in its place.
        self.conn.file.check()?;
        let committed = self.run("COMMIT").await;
        if committed.is_ok() {
            self.keys.index().committed();
            self.orders.index().committed();
        } else {
            self.keys.index().in_doubt();
            self.orders.index().in_doubt();
        }
        committed
    }

    /// Undoes the transaction, so that `begin` may work again.
    pub(super) async fn rollback(&mut self) {
        self.keys.index().undone();
        self.orders.index().undone();
        if self.conn.file.check().is_err() && self.run("ROLLBACK").await.is_ok() {
            // This connection is the only way to commits in a log that was removed since.
            return;
        }
        // After an error the connection's state is unknown; a new one costs little.
        self.conn.discard().await;
    }

    /// Ends a transaction that has written nothing.
    pub(super) async fn abandon(&mut self) {
        self.keys.index().undone();
        self.orders.index().undone();
        if self.run("ROLLBACK").await.is_err() {
            self.conn.discard().await;
        }
    }

    /// Takes the idempotency key of each event. Returns for each, in order, `None` if it was free,
    /// or the digest that has it. The keys of `events` must differ.
    pub(super) async fn take_keys(
        &mut self,
        events: &[&NumberedEvent],
    ) -> Result<Vec<Option<Digest>>, DbError> {
        self.keys.take(self.conn.get().await?, events).await
    }

    /// Returns the ordering keys among these that have an open delivery.
    pub(super) async fn open_orders(
        &mut self,
        orders: &[OrderingHash],
    ) -> Result<HashSet<OrderingHash>, DbError> {
        self.orders.open(self.conn.get().await?, orders).await
    }

    /// Stores events and their deliveries, each with its placement.
    pub(super) async fn insert_events(
        &mut self,
        events: &[&NumberedEvent],
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

    /// In each of these orders, of which all open deliveries are blocked, unblocks the first one.
    pub(super) async fn unblock(&mut self, orders: &[OrderingHash]) -> Result<Unblocked, DbError> {
        let conn = self.conn.get().await?;
        let firsts = self.orders.first(conn, orders).await?;
        let rows = self.unblock.fetch(conn, &firsts, rows::bind_id).await?;
        let mut unblocked = Unblocked { count: rows.len() as u64, due: Vec::with_capacity(rows.len()) };
        for row in &rows {
            if row.try_get::<i64, _>(2)? == 0 {
                unblocked.due.push(rows::id_of(row)?);
            }
        }
        Ok(unblocked)
    }

    /// Matches unmatched deliveries of a plugin.
    pub(super) async fn match_deliveries(&mut self, of_plugin: &PluginMatch) -> Result<Matched, DbError> {
        let conn = self.conn.get().await?;
        let (handled, withdrawn) = self.matching.apply(conn, of_plugin).await?;
        let closed = withdrawn.iter().filter_map(|withdrawn| Some((withdrawn.order?, withdrawn.id)));
        self.orders.closed(conn, closed).await?;
        let first = withdrawn.iter().filter(|withdrawn| !withdrawn.blocked);
        let freed: Vec<_> = first.filter_map(|withdrawn| withdrawn.order).collect();
        let unblocked = self.unblock(&freed).await?;
        Ok(Matched { handled, withdrawn, unblocked })
    }

    /// Keeps payloads whose id belongs to another one: each once, and a few per id at most.
    pub(super) async fn keep_conflicts(&mut self, events: &[&Event]) -> Result<(), DbError> {
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

    /// Writes the calls' changes to their plugins' stores, in order: all changes of a call, or none if
    /// an entry differs from the one that the call read. Returns whether each call's changes were
    /// written.
    pub(super) async fn change(&mut self, calls: &[(&PluginName, &Changes)]) -> Result<Vec<bool>, DbError> {
        self.entries.change(self.conn.get().await?, calls).await
    }

    /// Records attempts, their deliveries' next states, and the effects they asked for. A repetition
    /// changes nothing.
    pub(super) async fn record(&mut self, finished: &[&FinishedAttempt]) -> Result<(), DbError> {
        let conn = self.conn.get().await?;
        let (attempts, states) = ((finished, rows::bind_attempt as _), (finished, rows::bind_state as _));
        self.attempts_and_states.execute(conn, attempts, states).await?;
        self.orders.closed(conn, batch::closed(finished)).await?;
        self.effects.insert(conn, finished).await
    }

    /// Records attempts at effects and the effects' next states.
    pub(super) async fn record_effect_attempts(
        &mut self,
        performed: &[&CompletedEffect],
    ) -> Result<(), DbError> {
        self.effects.record(self.conn.get().await?, performed).await
    }

    /// Open effects of `plugin` that are due, in order.
    pub(super) async fn due_effects(
        &mut self,
        plugin: &PluginName,
        due: DueTimes,
        limit: usize,
    ) -> Result<Vec<EffectId>, DbError> {
        self.effects.due(self.conn.get().await?, plugin, due, limit).await
    }

    /// The effects with these ids, in order.
    pub(super) async fn read_effects(
        &mut self,
        plugin: &PluginName,
        ids: &[EffectId],
    ) -> Result<Vec<LeasedEffect>, DbError> {
        self.effects.read_effects(self.conn.get().await?, plugin, ids).await
    }

    /// Holds an absent plugin's open deliveries, or lets go of them.
    pub(super) async fn hold(&mut self, change: &HoldChange) -> Result<(), DbError> {
        let sql = if change.held {
            "INSERT OR IGNORE INTO held_plugin (plugin) VALUES (?)"
        } else {
            "DELETE FROM held_plugin WHERE plugin = ?"
        };
        sqlx::query(sql).bind(change.plugin.as_str()).execute(self.conn.get().await?).await?;
        Ok(())
    }

    /// Records the handlers of revisions.
    pub(super) async fn record_revisions(&mut self, records: &[RevisionRecord]) -> Result<(), DbError> {
        super::revisions::record(self.conn.get().await?, records).await
    }

    /// Removes old rows in a transaction of its own.
    pub(super) async fn remove(&mut self, removal: &Removal) -> Result<u64, DbError> {
        self.begin_unsynced().await?;
        let removed = self.prune.remove(self.conn.get().await?, removal).await?;
        self.commit_unsynced().await?;
        Ok(removed)
    }

    pub(super) async fn begin_unsynced(&mut self) -> Result<(), DbError> {
        self.run("PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE").await
    }

    /// The next commit syncs this one too.
    pub(super) async fn commit_unsynced(&mut self) -> Result<(), DbError> {
        self.conn.file.check()?;
        self.run("COMMIT; PRAGMA synchronous = FULL").await
    }

    /// Stores a requested replay, and returns its number.
    pub(super) async fn begin_replay(
        &mut self,
        request: &replay::Request,
        found: u64,
        last_event: i64,
    ) -> Result<i64, DbError> {
        super::replay::begin(self.conn.get().await?, request, found, last_event).await
    }

    /// A part of a replay, unless it was stopped.
    pub(super) async fn advance_replay(
        &mut self,
        step: &replay::ReplayPage,
        switches: &Switches,
    ) -> Result<Advanced, DbError> {
        super::replay::advance(self.conn.get().await?, &mut self.orders, step, switches).await
    }

    /// Stops a replay, and returns its final counts. `None` when it does not run.
    pub(super) async fn stop_replay(&mut self, replay: i64) -> Result<Option<FinalCounts>, DbError> {
        super::replay::stop(self.conn.get().await?, replay).await
    }

    /// Closes an open delivery, or resolves a dead letter. Returns its plugin too.
    pub(super) async fn discard(&mut self, id: DeliveryId) -> Result<(Discarded, Option<String>), DbError> {
        super::replay::discard(self.conn.get().await?, &mut self.orders, id).await
    }

    /// Makes waiting deliveries due. Returns how many it changed.
    pub(super) async fn make_due(&mut self, change: &DueChange) -> Result<Vec<DeliveryId>, DbError> {
        self.retries.apply(self.conn.get().await?, change).await
    }

    /// Makes a page of dead effects due again, or resolves them. Returns their ids.
    pub(super) async fn resolve_effects(
        &mut self,
        resolution: &EffectResolution,
    ) -> Result<Vec<ResolvedEffect>, DbError> {
        super::dead_effects::resolve(self.conn.get().await?, resolution).await
    }

    /// Records that the host's time differs from the system clock's by `offset_ms` from this event
    /// on.
    pub(super) async fn record_offset(&mut self, from_seq: i64, offset_ms: i64) -> Result<(), DbError> {
        super::clock::record(self.conn.get().await?, from_seq, offset_ms).await
    }

    /// Writes a row that no statement reads.
    pub(super) async fn probe(&mut self) -> Result<(), DbError> {
        sqlx::query("INSERT OR REPLACE INTO probe (id, written_at) VALUES (1, ?)")
            .bind(integer(now_ms()))
            .execute(self.conn.get().await?)
            .await?;
        Ok(())
    }

    /// The deliveries with these ids, in order of acceptance.
    pub(super) async fn deliveries(&mut self, ids: &[DeliveryId]) -> Result<Vec<Delivery>, DbError> {
        let found = self.leased.fetch(self.conn.get().await?, ids, rows::bind_id).await?;
        let mut found: Vec<_> = found.iter().map(rows::delivery_of).collect::<Result<_, _>>()?;
        found.sort_unstable_by_key(|delivery| delivery.id);
        Ok(found)
    }

    /// Returns the attempts that were not recorded and whose delivery or effect is open.
    pub(super) async fn crashed(&mut self, left: &[RunningAttempt]) -> Result<Vec<CrashedAttempt>, DbError> {
        super::crashes::crashed(self.conn.get().await?, left).await
    }

    /// Returns open deliveries and effects with at least this many attempts that ended with the
    /// process.
    pub(super) async fn suspects(&mut self, crashes: u32) -> Result<HashSet<RunningId>, DbError> {
        super::crashes::suspects(self.conn.get().await?, crashes).await
    }

    /// Each plugin's effects that are neither done nor dead.
    pub(super) async fn waiting_effects(&mut self) -> Result<HashMap<PluginName, EffectShare>, DbError> {
        super::effects::waiting(self.conn.get().await?).await
    }

    /// Counts the open deliveries.
    pub(super) async fn count_open(&mut self) -> Result<OpenCount, DbError> {
        let sql = "SELECT count(*), count(*) FILTER (WHERE due_at IN (-1, -3, -5, -7)) FROM delivery WHERE due_at IS NOT NULL";
        let (all, blocked) = sqlx::query_as(sql).fetch_one(self.conn.get().await?).await?;
        Ok(OpenCount { all: unsigned(all), blocked: unsigned(blocked) })
    }

    /// Copies the log into the database, without waiting for readers.
    pub(super) async fn save_log(&mut self) -> Result<(), DbError> {
        if self.conn.file.is_damaged() {
            return Ok(());
        }
        self.run("PRAGMA wal_checkpoint(PASSIVE)").await
    }

    /// Moves all commits to their final place and closes.
    pub(super) async fn close(&mut self) -> Result<(), DbError> {
        if self.conn.file.is_damaged() {
            // Closing would write pages of this database into a file that another program put in its
            // place.
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
