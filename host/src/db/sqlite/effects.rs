//! Effects in `SQLite`: queued, leased, attempted and shown.

use std::collections::HashMap;

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments as _, Row as _};

use super::bulk::{BulkStatement, BulkStatementPair};
use super::clock::shown;
use super::reader::Reader;
use super::rows::text;
use super::values::{integer, name_of, parse, trace_of, unsigned};
use crate::completion::FinishedAttempt;
use crate::db::types::{DbError, DueTimes, EffectShare, emitted_events};
use crate::db::view::{EffectAttemptView, EffectView};
use crate::delivery::DeliveryId;
use crate::effect::{CompletedEffect, EffectId, EffectOutcome, LeasedEffect, QueuedEffect};
use crate::event::PluginName;

const EFFECTS: &str = "INSERT OR IGNORE INTO effect
        (event_seq, delivery_number, number, plugin, depth, key, masked, request, size, state, tries, due_at)
    SELECT *, 'pending', 0, 0 FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const EMITTED: &str = "INSERT INTO fanout (root, emitted)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL
    ON CONFLICT DO UPDATE SET emitted = emitted + excluded.emitted";
const ATTEMPTS: &str = "INSERT OR IGNORE INTO effect_try
        (event_seq, delivery_number, effect_number, number, outcome, started_at, duration_us, detail)
    SELECT * FROM (VALUES {rows}) WHERE column1 IS NOT NULL";
const STATES: &str = "UPDATE effect SET state = v.column4, tries = v.column5, due_at = v.column6,
        progress = coalesce(v.column7, progress)
    FROM (VALUES {rows}) v
    WHERE event_seq = v.column1 AND delivery_number = v.column2 AND number = v.column3";
const LEASED: &str =
    "SELECT e.event_seq, e.delivery_number, e.number, e.depth, e.key, e.masked, e.request, e.tries, e.tries_before,
        e.progress,
        e.size, ifnull((SELECT root FROM cause WHERE event_seq = e.event_seq), e.event_seq),
        (SELECT trace FROM event WHERE seq = e.event_seq)
    FROM (VALUES {rows}) v CROSS JOIN effect e
        ON e.event_seq = v.column1 AND e.delivery_number = v.column2 AND e.number = v.column3";
// As for deliveries: pending ones in order, waiting ones by their time.
const DUE: &str = "SELECT event_seq, delivery_number, number FROM (
    SELECT * FROM (SELECT event_seq, delivery_number, number FROM effect
        WHERE plugin = ?1 AND due_at = 0 ORDER BY event_seq, delivery_number, number LIMIT ?2)
    UNION ALL
    SELECT * FROM (SELECT event_seq, delivery_number, number FROM effect
        WHERE plugin = ?1 AND due_at > 0 AND due_at <= ?3
        ORDER BY due_at, event_seq, delivery_number, number LIMIT ?2)
    UNION ALL
    SELECT * FROM (SELECT event_seq, delivery_number, number FROM effect
        WHERE plugin = ?1 AND due_at > ?4
        ORDER BY due_at, event_seq, delivery_number, number LIMIT ?2)
    ) ORDER BY event_seq, delivery_number, number LIMIT ?2";

/// An effect to be stored: its delivery's end, its number, and its text.
struct Row<'a> {
    finished: &'a FinishedAttempt,
    number: i64,
    queued: &'a QueuedEffect,
    request: String,
}

/// The statements, prepared once.
pub(super) struct EffectStatements {
    effects: BulkStatement,
    emitted: BulkStatement,
    attempts_and_states: BulkStatementPair,
    leased: BulkStatement,
}

impl EffectStatements {
    pub(super) fn new() -> Self {
        Self {
            effects: BulkStatement::new(EFFECTS, 9),
            emitted: BulkStatement::new(EMITTED, 2),
            attempts_and_states: BulkStatementPair::new((ATTEMPTS, 8), (STATES, 7)),
            leased: BulkStatement::new(LEASED, 3),
        }
    }

    /// Stores the effects of these deliveries' calls.
    pub(super) async fn insert(
        &self,
        conn: &mut SqliteConnection,
        finished: &[&FinishedAttempt],
    ) -> Result<(), DbError> {
        let mut rows = Vec::new();
        let mut emitted: HashMap<i64, u64> = HashMap::new();
        for finished in finished {
            let events = emitted_events(&finished.work.effects);
            if events > 0 {
                *emitted.entry(finished.root).or_default() += events;
            }
            for (number, queued) in (1..).zip(&finished.work.effects) {
                let request = serde_json::to_string(&queued.effect);
                let request = request.map_err(|error| DbError::Unavailable(error.to_string()))?;
                rows.push(Row { finished, number, queued, request });
            }
        }
        self.effects.execute(conn, &rows, bind_effect).await?;
        let emitted: Vec<_> = emitted.into_iter().collect();
        self.emitted.execute(conn, &emitted, bind_emitted).await?;
        Ok(())
    }

    pub(super) async fn record(
        &self,
        conn: &mut SqliteConnection,
        performed: &[&CompletedEffect],
    ) -> Result<(), DbError> {
        let (attempts, states) = ((performed, bind_attempt as _), (performed, bind_state as _));
        Ok(self.attempts_and_states.execute(conn, attempts, states).await?)
    }

    pub(super) async fn due(
        &self,
        conn: &mut SqliteConnection,
        plugin: &PluginName,
        due: DueTimes,
        limit: usize,
    ) -> Result<Vec<EffectId>, DbError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = sqlx::query(DUE)
            .bind(plugin.as_str())
            .bind(limit)
            .bind(integer(due.by))
            .bind(integer(due.beyond))
            .fetch_all(conn)
            .await?;
        rows.iter().map(id_of).collect()
    }

    pub(super) async fn read_effects(
        &self,
        conn: &mut SqliteConnection,
        plugin: &PluginName,
        ids: &[EffectId],
    ) -> Result<Vec<LeasedEffect>, DbError> {
        let rows = self.leased.fetch(conn, ids, bind_id).await?;
        let mut found: Vec<_> =
            rows.iter().map(|row| leased_effect_of(row, plugin)).collect::<Result<_, _>>()?;
        found.sort_unstable_by_key(|effect| effect.id);
        Ok(found)
    }
}

fn bind_effect(row: &mut SqliteArguments, effect: &Row<'_>) -> Result<(), BoxDynError> {
    row.add(effect.finished.id.event)?;
    row.add(effect.finished.id.number)?;
    row.add(effect.number)?;
    row.add(text(effect.finished.plugin.as_str()))?;
    row.add(i64::from(effect.finished.depth))?;
    row.add(text(&effect.queued.key))?;
    row.add(effect.queued.masked)?;
    row.add(text(&effect.request))?;
    row.add(integer(effect.queued.size))
}

fn bind_emitted(row: &mut SqliteArguments, (root, events): &(i64, u64)) -> Result<(), BoxDynError> {
    row.add(*root)?;
    row.add(integer(*events))
}

fn bind_id(row: &mut SqliteArguments, id: &EffectId) -> Result<(), BoxDynError> {
    row.add(id.delivery.event)?;
    row.add(id.delivery.number)?;
    row.add(id.number)
}

fn bind_attempt(row: &mut SqliteArguments, performed: &CompletedEffect) -> Result<(), BoxDynError> {
    bind_id(row, &performed.id)?;
    row.add(i64::from(performed.attempt.number))?;
    row.add(text(match performed.attempt.outcome {
        EffectOutcome::Done => "done",
        EffectOutcome::Retry => "retry",
        EffectOutcome::Refused => "refused",
        EffectOutcome::Crash => "crash",
    }))?;
    row.add(integer(performed.attempt.started_at))?;
    row.add(integer(performed.attempt.duration_us))?;
    row.add(text(&performed.attempt.detail))
}

fn bind_state(row: &mut SqliteArguments, performed: &CompletedEffect) -> Result<(), BoxDynError> {
    bind_id(row, &performed.id)?;
    let state = match (performed.due, performed.attempt.outcome) {
        (Some(_), _) => "waiting",
        (None, EffectOutcome::Done) => "done",
        (None, _) => "dead",
    };
    row.add(text(state))?;
    row.add(i64::from(performed.attempt.number))?;
    // 0 would mean pending.
    row.add(performed.due.map(|time| integer(time.max(1))))?;
    row.add(performed.progress.as_ref().map(serde_json::to_string).transpose()?)
}

pub(super) fn id_of(row: &SqliteRow) -> Result<EffectId, DbError> {
    let delivery = DeliveryId { event: row.try_get(0)?, number: row.try_get(1)? };
    Ok(EffectId { delivery, number: row.try_get(2)? })
}

fn leased_effect_of(row: &SqliteRow, plugin: &PluginName) -> Result<LeasedEffect, DbError> {
    let progress: Option<&str> = row.try_get(9)?;
    Ok(LeasedEffect {
        id: id_of(row)?,
        plugin: plugin.clone(),
        depth: row.try_get(3)?,
        queued: QueuedEffect {
            key: row.try_get(4)?,
            masked: row.try_get(5)?,
            effect: effect_of(row.try_get(6)?)?,
            size: unsigned(row.try_get(10)?),
        },
        root: row.try_get(11)?,
        attempts: row.try_get(7)?,
        attempts_before: row.try_get(8)?,
        progress: progress.map(read).transpose()?.unwrap_or_default(),
        trace: trace_of(row, 12)?,
    })
}

pub(super) fn effect_of(request: &str) -> Result<crate::effect::Effect, DbError> {
    read(request)
}

fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, DbError> {
    serde_json::from_str(json).map_err(|error| DbError::Unavailable(format!("an effect is damaged: {error}")))
}

/// Each plugin with open effects, found with one step of the index per plugin.
const OPEN_PLUGINS: &str = "WITH RECURSIVE plugins(plugin) AS (
        SELECT min(plugin) FROM effect WHERE due_at IS NOT NULL
        UNION ALL
        SELECT (SELECT min(plugin) FROM effect WHERE due_at IS NOT NULL AND plugin > plugins.plugin)
        FROM plugins WHERE plugins.plugin IS NOT NULL)
    SELECT plugin FROM plugins WHERE plugin IS NOT NULL";

/// Each plugin's effects that are neither done nor dead.
pub(super) async fn waiting(
    conn: &mut SqliteConnection,
) -> Result<HashMap<PluginName, EffectShare>, DbError> {
    let sql = "SELECT plugin, count(*), sum(size) FROM effect WHERE due_at IS NOT NULL GROUP BY plugin";
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(sql).fetch_all(conn).await?;
    let share = |(plugin, count, bytes): (String, i64, i64)| {
        Ok((name_of(&plugin)?, EffectShare { count: unsigned(count), bytes: unsigned(bytes) }))
    };
    rows.into_iter().map(share).collect()
}

impl Reader {
    /// Counts the events that handlers emitted because of this received event.
    pub(super) async fn emitted(&self, root: i64) -> Result<u64, DbError> {
        let sql = "SELECT emitted FROM fanout WHERE root = ?";
        let emitted: Option<i64> = sqlx::query_scalar(sql).bind(root).fetch_optional(self.pool()).await?;
        Ok(unsigned(emitted.unwrap_or(0)))
    }

    /// Source and id of an event, for messages.
    pub(super) async fn name_of_event(&self, seq: i64) -> Result<Option<String>, DbError> {
        let sql = "SELECT 'event ' || source || '/' || id FROM event WHERE seq = ?";
        Ok(sqlx::query_scalar(sql).bind(seq).fetch_optional(self.pool()).await?)
    }

    pub(super) async fn effect_plugins(&self) -> Result<Vec<PluginName>, DbError> {
        let names: Vec<String> = sqlx::query_scalar(OPEN_PLUGINS).fetch_all(self.pool()).await?;
        names.iter().map(|name| name_of(name)).collect()
    }
}

/// The effects of an event, by the number of their delivery.
pub(super) async fn effects_of(
    moment: &mut SqliteConnection,
    seq: i64,
) -> Result<HashMap<i64, Vec<EffectView>>, DbError> {
    let mut attempts: HashMap<(i64, i64), Vec<EffectAttemptView>> = HashMap::new();
    let sql = "SELECT delivery_number, effect_number, number, outcome, started_at, duration_us, detail
        FROM effect_try WHERE event_seq = ? ORDER BY delivery_number, effect_number, number";
    for row in sqlx::query(sql).bind(seq).fetch_all(&mut *moment).await? {
        attempts.entry((row.try_get(0)?, row.try_get(1)?)).or_default().push(EffectAttemptView {
            number: row.try_get(2)?,
            outcome: parse(row.try_get(3)?)?,
            started_at: unsigned(row.try_get(4)?),
            duration_us: unsigned(row.try_get(5)?),
            detail: row.try_get(6)?,
        });
    }
    let sql = "SELECT delivery_number, number, state, due_at, key, request
        FROM effect WHERE event_seq = ? ORDER BY delivery_number, number";
    let mut effects: HashMap<i64, Vec<EffectView>> = HashMap::new();
    for row in sqlx::query(sql).bind(seq).fetch_all(&mut *moment).await? {
        let (delivery, number) = (row.try_get(0)?, row.try_get(1)?);
        let due_at: Option<i64> = row.try_get(3)?;
        let view = EffectView::new(
            row.try_get(4)?,
            parse(row.try_get(2)?)?,
            due_at.filter(|due| *due > 0).map(shown),
            &effect_of(row.try_get(5)?)?,
            attempts.remove(&(delivery, number)).unwrap_or_default(),
        );
        effects.entry(delivery).or_default().push(view);
    }
    Ok(effects)
}
