//! Events as they are shown, and which plugins have something to do.

use std::collections::HashMap;

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::deliveries::{DeliveryScope, Stored, deliveries_of, held};
use super::effects::effects_of;
use super::reader::Reader;
use super::values::{hex_of, integer, metadata_of, name_of, parse, unsigned};
use crate::db::types::{DbError, DueTimes, InMemoryState};
use crate::db::view::{
    AttemptView, CauseView, ConflictView, DeliverySummary, EDITS_MAX, EventFilter, EventPage, EventState,
    EventSummary, EventView, StoredBody,
};
use crate::delivery::{Cause, Outcome};
use crate::event::{Origin, PluginName};

/// Each plugin with open deliveries, found with one step of the index per plugin and not per
/// delivery.
pub(super) const OPEN_PLUGINS: &str = "WITH RECURSIVE plugins(plugin) AS (
        SELECT min(plugin) FROM delivery WHERE due_at IS NOT NULL
        UNION ALL
        SELECT (SELECT min(plugin) FROM delivery WHERE due_at IS NOT NULL AND plugin > plugins.plugin)
        FROM plugins WHERE plugins.plugin IS NOT NULL)";

impl Reader {
    pub(super) async fn open_plugins(&self) -> Result<Vec<PluginName>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(OPEN_PLUGINS);
        query.push(" SELECT plugin FROM plugins WHERE plugin IS NOT NULL");
        let names: Vec<String> = query.build_query_scalar().fetch_all(self.pool()).await?;
        names.iter().map(|name| name_of(name)).collect()
    }

    pub(super) async fn paused(&self) -> Result<Vec<(PluginName, u64)>, DbError> {
        let sql = "SELECT plugin, paused_at FROM paused_plugin ORDER BY plugin";
        let rows: Vec<(String, i64)> = sqlx::query_as(sql).fetch_all(self.pool()).await?;
        rows.iter().map(|(name, at)| Ok((name_of(name)?, unsigned(*at)))).collect()
    }

    pub(super) async fn anything_due(&self, now: u64, due: HashMap<&str, DueTimes>) -> Result<bool, DbError> {
        let beyond: HashMap<_, _> = due.into_iter().map(|(name, due)| (name, integer(due.beyond))).collect();
        let beyond = serde_json::json!(beyond).to_string();
        let mut query = QueryBuilder::<Sqlite>::new(OPEN_PLUGINS);
        query.push(" SELECT EXISTS (SELECT 1 FROM plugins p WHERE p.plugin IN (SELECT key FROM json_each(");
        query.push_bind(beyond.clone()).push("))");
        query.push(" AND (EXISTS (SELECT 1 FROM delivery WHERE plugin = p.plugin AND due_at BETWEEN 0 AND ");
        query.push_bind(integer(now));
        query.push(") OR EXISTS (SELECT 1 FROM delivery WHERE plugin = p.plugin AND due_at > ");
        query.push("(SELECT value FROM json_each(").push_bind(beyond).push(") WHERE key = p.plugin)");
        query.push(")) AND NOT EXISTS (SELECT 1 FROM held_plugin h WHERE h.plugin = p.plugin)");
        query.push(" AND NOT EXISTS (SELECT 1 FROM paused_plugin h WHERE h.plugin = p.plugin))");
        Ok(query.build_query_scalar().fetch_one(self.pool()).await?)
    }

    pub(super) async fn events(
        &self,
        filter: &EventFilter,
        cursor: Option<i64>,
        limit: u32,
        memory: &InMemoryState,
    ) -> Result<EventPage, DbError> {
        let limit = limit.max(1);
        let mut query = page_query(filter, cursor, limit, memory);
        // The whole page is read at one moment.
        let mut moment = self.pool().begin().await?;
        let rows = query.build().fetch_all(&mut *moment).await?;
        let seqs = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<i64>, _>>()?;
        let next = (rows.len() >= limit as usize).then(|| seqs.last().copied()).flatten();

        let mut deliveries: HashMap<i64, Vec<DeliverySummary>> = HashMap::new();
        let mut all = deliveries_of(&mut moment, DeliveryScope::Events(&seqs), memory).await?;
        self.name_blockers(&mut moment, &mut all).await?;
        for stored in all {
            deliveries.entry(stored.id.event).or_default().push(stored.summary());
        }
        let mut events = Vec::with_capacity(rows.len());
        for (row, seq) in rows.iter().zip(seqs) {
            events.push(summary_of(row, deliveries.remove(&seq).unwrap_or_default())?);
        }
        // A delivery may have begun since it was stored as pending.
        events.retain(|event| filter.state.is_none_or(|state| state == event.state));
        Ok(EventPage { events, next })
    }

    pub(super) async fn event(
        &self,
        source: Option<&str>,
        id: &str,
        memory: &InMemoryState,
    ) -> Result<Vec<EventView>, DbError> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT e.seq, e.source, e.id, e.type, e.created, e.received_at, length(e.body),
                e.ordering_key, (SELECT erased_at FROM erased_event x WHERE x.event_seq = e.seq), e.metadata
            FROM event e WHERE ",
        );
        self.key_index().push_key(&mut query, ("e", "seq"), source, id);
        // The whole event is read at one moment.
        let mut moment = self.pool().begin().await?;
        let rows = query.push(" ORDER BY e.seq").build().fetch_all(&mut *moment).await?;
        let mut views = Vec::with_capacity(rows.len());
        for row in &rows {
            views.push(self.view_of(&mut moment, row, memory).await?);
        }
        Ok(views)
    }

    async fn view_of(
        &self,
        moment: &mut SqliteConnection,
        row: &SqliteRow,
        memory: &InMemoryState,
    ) -> Result<EventView, DbError> {
        let seq: i64 = row.try_get(0)?;
        let (source, id): (String, String) = (row.try_get(1)?, row.try_get(2)?);
        let mut attempts = attempts_of(moment, seq).await?;
        let mut effects = effects_of(moment, seq).await?;
        let mut deliveries = deliveries_of(moment, DeliveryScope::Events(&[seq]), memory).await?;
        self.name_blockers(moment, &mut deliveries).await?;
        let view = |stored: Stored| {
            let number = stored.id.number;
            let attempts = attempts.remove(&number).unwrap_or_default();
            stored.view(attempts, effects.remove(&number).unwrap_or_default())
        };
        let deliveries: Vec<_> = deliveries.into_iter().map(view).collect();
        Ok(EventView {
            event_type: row.try_get(3)?,
            state: EventState::of(deliveries.iter().map(|delivery| (delivery.state, delivery.resolution))),
            created: row.try_get(4)?,
            received_at: unsigned(row.try_get(5)?),
            number: seq,
            body_bytes: unsigned(row.try_get(6)?),
            ordering_key: row.try_get(7)?,
            metadata: metadata_of(row, 9)?,
            cause: cause_of(moment, seq).await?,
            edits: edits_of(moment, seq).await?,
            deliveries,
            conflicts: conflicts_of(moment, &source, &id).await?,
            erased_at: row.try_get::<Option<i64>, _>(8)?.map(unsigned),
            source,
            id,
        })
    }

    /// The origin of an event; of a received one itself.
    pub(super) async fn origin(&self, seq: i64) -> Result<Origin, DbError> {
        let sql = "SELECT caused_by_event, caused_by_number, depth, root FROM cause WHERE event_seq = ?";
        let Some(row) = sqlx::query(sql).bind(seq).fetch_optional(self.pool()).await? else {
            return Ok(Origin { event: seq, delivery: 0, depth: 0, root: seq });
        };
        let (event, delivery) = (row.try_get(0)?, row.try_get(1)?);
        Ok(Origin { event, delivery, depth: row.try_get(2)?, root: row.try_get(3)? })
    }

    pub(super) async fn body(&self, seq: i64) -> Result<Option<StoredBody>, DbError> {
        let sql = "SELECT body, payload_start, payload_end FROM event WHERE seq = ?";
        let Some(row) = sqlx::query(sql).bind(seq).fetch_optional(self.pool()).await? else {
            return Ok(None);
        };
        let position = |column| row.try_get(column).map(|at: i64| usize::try_from(at).unwrap_or(0));
        let body: Vec<u8> = row.try_get(0)?;
        Ok(Some(StoredBody { body: body.into(), payload: position(1)?..position(2)? }))
    }
}

/// The attempts of an event, by the number of their delivery.
async fn attempts_of(
    moment: &mut SqliteConnection,
    seq: i64,
) -> Result<HashMap<i64, Vec<AttemptView>>, DbError> {
    let sql = "SELECT delivery_number, number, outcome, cause, reason, revision, started_at,
            duration_us, peak_memory_bytes, logs
        FROM attempt WHERE event_seq = ? ORDER BY delivery_number, number";
    let mut attempts: HashMap<i64, Vec<AttemptView>> = HashMap::new();
    for row in sqlx::query(sql).bind(seq).fetch_all(&mut *moment).await? {
        attempts.entry(row.try_get(0)?).or_default().push(attempt_of(&row)?);
    }
    Ok(attempts)
}

/// Returns the event that an event comes from. Events may be pruned before those that they caused.
async fn cause_of(moment: &mut SqliteConnection, seq: i64) -> Result<Option<CauseView>, DbError> {
    let sql = "SELECT e.source, e.id, d.plugin, c.depth FROM cause c
        JOIN event e ON e.seq = c.caused_by_event
        LEFT JOIN delivery d ON d.event_seq = c.caused_by_event AND d.number = c.caused_by_number
        WHERE c.event_seq = ?";
    let Some(row) = sqlx::query(sql).bind(seq).fetch_optional(&mut *moment).await? else { return Ok(None) };
    let (source, id, plugin) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    Ok(Some(CauseView { source, id, plugin, depth: row.try_get(3)? }))
}

/// The ids of the latest events that an operator made of an event.
async fn edits_of(moment: &mut SqliteConnection, seq: i64) -> Result<Vec<String>, DbError> {
    let sql = "SELECT e.id FROM cause c JOIN event e ON e.seq = c.event_seq
        WHERE c.caused_by_event = ? AND c.caused_by_number = 0 ORDER BY c.event_seq DESC LIMIT ?";
    Ok(sqlx::query_scalar(sql).bind(seq).bind(EDITS_MAX).fetch_all(moment).await?)
}

async fn conflicts_of(
    moment: &mut SqliteConnection,
    source: &str,
    id: &str,
) -> Result<Vec<ConflictView>, DbError> {
    let sql = "SELECT digest, received_at, body FROM conflict WHERE source = ? AND id = ?
        ORDER BY rowid";
    let rows = sqlx::query(sql).bind(source).bind(id).fetch_all(&mut *moment).await?;
    let view = |row: &SqliteRow| {
        Ok(ConflictView {
            digest: hex_of(row, 0)?,
            received_at: unsigned(row.try_get(1)?),
            body: String::from_utf8_lossy(row.try_get(2)?).into_owned(),
        })
    };
    rows.iter().map(view).collect()
}

fn page_query(
    filter: &EventFilter,
    cursor: Option<i64>,
    limit: u32,
    memory: &InMemoryState,
) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::new(
        "SELECT e.seq, e.source, e.id, e.type, e.created, e.received_at FROM event e WHERE e.seq < ",
    );
    query.push_bind(cursor.unwrap_or(i64::MAX));
    if let Some(event_type) = &filter.event_type {
        query.push(" AND e.type = ").push_bind(event_type.clone());
    }
    if let Some(source) = &filter.source {
        query.push(" AND e.source = ").push_bind(source.clone());
    }
    // Each condition begins with one that an index serves.
    let open = " AND e.seq IN (SELECT event_seq FROM delivery WHERE due_at IS NOT NULL) AND ";
    let dead = " AND e.seq IN (SELECT event_seq FROM delivery WHERE state = 'dead' AND settled IS NULL) AND ";
    match filter.state {
        None => {}
        Some(EventState::Unhandled) => _ = query.push(" AND e.deliveries = 0"),
        Some(EventState::Running) => {
            query.push(" AND e.seq IN (");
            let mut list = query.separated(", ");
            for id in &memory.running {
                list.push(id.event);
            }
            query.push(")");
        }
        Some(EventState::Pending) => ranked(query.push(open), 'b', memory),
        Some(EventState::Waiting) => ranked(query.push(open), 'c', memory),
        Some(EventState::Held) => ranked(query.push(open), 'd', memory),
        Some(EventState::Dead) => ranked(query.push(dead), 'e', memory),
        Some(EventState::Done) => ranked(query.push(" AND e.deliveries > 0 AND "), 'f', memory),
    }
    query.push(" ORDER BY e.seq DESC LIMIT ").push_bind(limit);
    query
}

/// Ranks events as [`EventState`] does, without running, which is not stored.
fn ranked(query: &mut QueryBuilder<Sqlite>, rank: char, memory: &InMemoryState) {
    query.push(
        "(SELECT min(CASE
            WHEN d.state = 'done' OR d.settled IS NOT NULL THEN 'f' WHEN d.state = 'dead' THEN 'e' WHEN ",
    );
    held(query, memory);
    query.push(
        " THEN 'd' WHEN d.state = 'waiting' THEN 'c' ELSE 'b' END)
        FROM delivery d LEFT JOIN held_plugin h ON h.plugin = d.plugin
        LEFT JOIN paused_plugin p ON p.plugin = d.plugin WHERE d.event_seq = e.seq) = ",
    );
    query.push_bind(rank.to_string());
}

pub(super) fn summary_of(row: &SqliteRow, deliveries: Vec<DeliverySummary>) -> Result<EventSummary, DbError> {
    Ok(EventSummary {
        source: row.try_get(1)?,
        id: row.try_get(2)?,
        event_type: row.try_get(3)?,
        state: EventState::of(deliveries.iter().map(|delivery| (delivery.state, delivery.resolution))),
        created: row.try_get(4)?,
        received_at: unsigned(row.try_get(5)?),
        deliveries,
    })
}

fn attempt_of(row: &SqliteRow) -> Result<AttemptView, DbError> {
    let cause: Option<&str> = row.try_get(3)?;
    let logs: Option<&str> = row.try_get(9)?;
    let damaged = |error: serde_json::Error| DbError::Unavailable(error.to_string());
    Ok(AttemptView {
        number: row.try_get(1)?,
        outcome: parse::<Outcome>(row.try_get(2)?)?,
        cause: cause.map(parse::<Cause>).transpose()?,
        reason: row.try_get(4)?,
        revision: hex_of(row, 5)?,
        started_at: unsigned(row.try_get(6)?),
        duration_us: unsigned(row.try_get(7)?),
        peak_memory_bytes: unsigned(row.try_get(8)?),
        logs: logs.map(serde_json::from_str).transpose().map_err(damaged)?.unwrap_or_default(),
    })
}
