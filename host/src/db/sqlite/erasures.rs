//! Erasures in `SQLite`: requests, candidates, overwritten rows and progress.

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{QueryBuilder, Row as _, SqliteConnection};

use super::deliveries::select_events;
use super::event_changes;
use super::reader::Reader;
use super::storage::SqliteStorage;
use super::values::{integer, metadata_of, unsigned};
use super::write::Statements;
use crate::audit::Decision;
use crate::db::decisions::{self, DecisionOutcome};
use crate::db::erasure_types::{ErasureReads, ErasureStorage, NewErasure, count_within};
use crate::db::types::{Answer, DbError};
use crate::effect::{Effect, Emitted};
use crate::erasure::{
    Candidate, ERASED, EXAMPLES, ErasedEvent, ErasureInProgress, ErasurePage, ErasureState, Example,
    Progress, Skipped,
};
use crate::event::now_ms;

const OPEN: &str = "(EXISTS (SELECT 1 FROM delivery d WHERE d.event_seq = e.seq AND d.due_at IS NOT NULL)
    OR EXISTS (SELECT 1 FROM effect f WHERE f.event_seq = e.seq AND f.due_at IS NOT NULL))";

// `json_each` gives a replay's examples one by one. An example names its delivery as EVENT-NUMBER, of which the cast
// takes the number before the `-`.
const EXAMPLES_OF_REPLAYS: &str = "UPDATE replay SET first = (SELECT json_group_array(json(
        CASE WHEN CAST(json_extract(value, '$.of') AS INTEGER) IN (SELECT value FROM json_each(?1))
                AND json_extract(value, '$.reason') IS NOT NULL
            THEN json_set(value, '$.reason', ?2) ELSE value END)) FROM json_each(replay.first))
    WHERE EXISTS (SELECT 1 FROM json_each(replay.first)
        WHERE CAST(json_extract(value, '$.of') AS INTEGER) IN (SELECT value FROM json_each(?1)))";

pub(super) fn damaged(error: serde_json::Error) -> DbError {
    DbError::Unavailable(format!("an erasure is damaged: {error}"))
}

/// What an event's transaction did.
enum Erased {
    Done,
    Open,
    /// It was pruned meanwhile.
    Gone,
}

impl ErasureStorage for SqliteStorage {
    async fn begin_erasure(&mut self, new: &NewErasure, by: &Decision) -> Result<i64, DbError> {
        self.begin_decision(by.token, &by.actor.name).await?;
        let begun = match self.statements.conn.get().await {
            Ok(conn) => begin(conn, new).await,
            Err(error) => Err(error),
        };
        self.end_decision(begun.map(|id| DecisionOutcome::new(id, decisions::begin_erasure(by, id, new))))
            .await
    }

    async fn advance_erasure(&mut self, page: &ErasurePage) -> Result<(), DbError> {
        self.statements.begin().await?;
        let ended = match self.statements.conn.get().await {
            Ok(conn) => advance(conn, page).await,
            Err(error) => Err(error),
        };
        let ended = ended.map(|ended| {
            let record =
                ended.map(|(erased, skipped)| decisions::end_erasure(page.erasure, erased, &skipped));
            DecisionOutcome::new((), record)
        });
        self.end_decision(ended).await
    }

    async fn empty_log(&mut self) -> Result<(), DbError> {
        self.statements.empty_log().await
    }
}

impl Statements {
    /// Moves the log into the database and empties it. The writer waits for readers for 100 ms at most: those of the
    /// host are short, and one that is longer may be another program's.
    async fn empty_log(&mut self) -> Result<(), DbError> {
        self.conn.file.check()?;
        let conn = self.conn.get().await?;
        let wait_ms: i64 = sqlx::query_scalar("PRAGMA busy_timeout").fetch_one(&mut *conn).await?;
        sqlx::query("PRAGMA busy_timeout = 100").execute(&mut *conn).await?;
        let busy: Result<i64, _> =
            sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut *conn).await;
        let mut wait = QueryBuilder::<Sqlite>::new("PRAGMA busy_timeout = ");
        wait.push(wait_ms);
        if let Err(error) = wait.build().persistent(false).execute(conn).await {
            self.conn.discard().await;
            return Err(error.into());
        }
        match busy? {
            0 => Ok(()),
            _ => Err(DbError::Unavailable("a program that reads the database keeps its log".into())),
        }
    }
}

async fn begin(conn: &mut SqliteConnection, new: &NewErasure) -> Result<i64, DbError> {
    let sql = "INSERT INTO erasure
            (asked_at, request, sources, state, found, last_seq, after_seq, erased, skipped, first)
        VALUES (?, ?, ?, 'running', ?, ?, 0, 0, ?, '[]')";
    let query = sqlx::query(sql)
        .bind(integer(now_ms()))
        .bind(serde_json::to_string(&new.request).map_err(damaged)?)
        .bind(serde_json::to_string(&new.sources).map_err(damaged)?)
        .bind(integer(new.found))
        .bind(new.last_event)
        .bind(serde_json::to_string(&Skipped::default()).map_err(damaged)?);
    Ok(query.execute(conn).await?.last_insert_rowid())
}

/// Carries out a page. Returns the final counts after the last one.
async fn advance(conn: &mut SqliteConnection, page: &ErasurePage) -> Result<Option<(u64, Skipped)>, DbError> {
    let sql = "SELECT skipped FROM erasure WHERE id = ? AND state = 'running'";
    let before: Option<String> =
        sqlx::query_scalar(sql).bind(page.erasure).fetch_optional(&mut *conn).await?;
    let Some(before) = before else { return Ok(None) };
    let mut skipped: Skipped = serde_json::from_str(&before).map_err(damaged)?;
    skipped += page.skipped;
    let mut erased = Vec::with_capacity(page.events.len());
    for event in &page.events {
        let done = if page.dry_run { Erased::Done } else { erase(conn, event).await? };
        match done {
            Erased::Done => erased.push(event.event),
            Erased::Open => skipped.open += 1,
            Erased::Gone => {}
        }
    }
    if !page.dry_run && !erased.is_empty() {
        event_changes::note(conn, &erased).await?;
        let events = serde_json::to_string(&erased).map_err(damaged)?;
        sqlx::query(EXAMPLES_OF_REPLAYS).bind(events).bind(ERASED).execute(&mut *conn).await?;
        // Kept answers to operators' requests may have reasons.
        let sql = "UPDATE keyed_request SET status = NULL, etag = NULL, body = NULL, answer_bytes = NULL
            WHERE answer_bytes IS NOT NULL";
        sqlx::query(sql).execute(&mut *conn).await?;
    }
    let sql = "UPDATE erasure SET erased = erased + ?2, skipped = ?3, state = ?4,
            after_seq = ifnull(?5, after_seq),
            first = (SELECT json_group_array(json(value)) FROM (
                SELECT value FROM json_each(first) UNION ALL SELECT value FROM json_each(?6)))
        WHERE id = ?1 RETURNING erased";
    let total: i64 = sqlx::query_scalar(sql)
        .bind(page.erasure)
        .bind(integer(erased.len() as u64))
        .bind(serde_json::to_string(&skipped).map_err(damaged)?)
        .bind(if page.after.is_some() { "running" } else { "done" })
        .bind(page.after)
        .bind(serde_json::to_string(&page.first).map_err(damaged)?)
        .fetch_one(conn)
        .await?;
    Ok(page.after.is_none().then_some((unsigned(total), skipped)))
}

/// Overwrites an event's values in every row about it.
async fn erase(conn: &mut SqliteConnection, event: &ErasedEvent) -> Result<Erased, DbError> {
    let mut query = QueryBuilder::<Sqlite>::new("SELECT ");
    query.push(OPEN).push(" FROM event e WHERE e.seq = ").push_bind(event.event);
    let row = query.build().fetch_optional(&mut *conn).await?;
    let Some(row) = row else { return Ok(Erased::Gone) };
    if row.try_get(0)? {
        return Ok(Erased::Open);
    }
    let position = |at: usize| i64::try_from(at).unwrap_or(i64::MAX);
    let sql = "UPDATE event SET body = ?2, payload_start = ?3, payload_end = ?4,
            ordering_key = CASE WHEN ?5 AND ordering_key IS NOT NULL THEN ?6 ELSE ordering_key END,
            metadata = ?7
        WHERE seq = ?1";
    sqlx::query(sql)
        .bind(event.event)
        .bind(&event.body[..])
        .bind(position(event.payload.start))
        .bind(position(event.payload.end))
        .bind(event.ordering_key)
        .bind(ERASED)
        .bind(event.metadata.as_ref().map(serde_json::to_string).transpose().map_err(damaged)?)
        .execute(&mut *conn)
        .await?;
    let quoted = format!("\"{ERASED}\"");
    let sql = "UPDATE conflict SET body = CAST(?2 AS BLOB)
        WHERE (source, id) = (SELECT source, id FROM event WHERE seq = ?1)";
    sqlx::query(sql).bind(event.event).bind(&quoted).execute(&mut *conn).await?;
    let sql = "UPDATE attempt SET reason = CASE WHEN reason IS NULL THEN NULL ELSE ?2 END,
            logs = CASE WHEN logs IS NULL THEN NULL ELSE json_array(?2) END
        WHERE event_seq = ?1";
    sqlx::query(sql).bind(event.event).bind(ERASED).execute(&mut *conn).await?;
    erase_effects(conn, event.event).await?;
    // It cannot run again, so nobody has to decide about it.
    let sql = "UPDATE delivery SET settled = 'discarded'
        WHERE event_seq = ? AND state = 'dead' AND settled IS NULL";
    sqlx::query(sql).bind(event.event).execute(&mut *conn).await?;
    let sql = "INSERT OR REPLACE INTO erased_event (event_seq, erased_at) VALUES (?, ?)";
    sqlx::query(sql).bind(event.event).bind(integer(now_ms())).execute(conn).await?;
    Ok(Erased::Done)
}

async fn erase_effects(conn: &mut SqliteConnection, event: i64) -> Result<(), DbError> {
    let sql = "SELECT delivery_number, number, request FROM effect WHERE event_seq = ?";
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(sql).bind(event).fetch_all(&mut *conn).await?;
    for (delivery, number, request) in rows {
        // One that cannot be read becomes one that can.
        let effect = serde_json::from_str(&request)
            .unwrap_or_else(|_| Effect::Event(Emitted { event_type: String::new(), data: String::new() }));
        let erased = serde_json::to_string(&effect.erased(ERASED)).map_err(damaged)?;
        let sql = "UPDATE effect SET request = ?4, masked = 0, progress = NULL,
                settled = CASE WHEN state = 'dead' THEN 'discarded' ELSE settled END
            WHERE event_seq = ?1 AND delivery_number = ?2 AND number = ?3";
        let query = sqlx::query(sql).bind(event).bind(delivery).bind(number).bind(erased);
        query.execute(&mut *conn).await?;
    }
    let sql = "UPDATE effect_try SET detail = ?2 WHERE event_seq = ?1";
    sqlx::query(sql).bind(event).bind(ERASED).execute(conn).await?;
    Ok(())
}

impl ErasureReads for Reader {
    fn erasure_candidates<'a>(
        &'a self,
        running: &'a ErasureInProgress,
        limit: u32,
        max_bytes: u64,
    ) -> Answer<'a, Vec<Candidate>> {
        Box::pin(async move {
            // The length of a body is read without the body.
            let mut query = QueryBuilder::<Sqlite>::new("SELECT length(e.body) FROM event e WHERE true");
            push_candidates(&mut query, running, limit);
            let mut moment = self.pool().begin().await?;
            let lengths: Vec<i64> = query.build_query_scalar().fetch_all(&mut *moment).await?;
            let limit = count_within(lengths.into_iter().map(unsigned), max_bytes);
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT e.seq, e.source, e.id, e.type, e.received_at, e.body, e.payload_start, e.payload_end,
                    e.ordering_key, e.metadata, ",
            );
            query.push(OPEN).push(" FROM event e WHERE true");
            push_candidates(&mut query, running, limit);
            query.build().fetch_all(&mut *moment).await?.iter().map(candidate_of).collect()
        })
    }

    fn running_erasures(&self) -> Answer<'_, Vec<ErasureInProgress>> {
        Box::pin(async move {
            let sql = "SELECT id, request, sources, after_seq, last_seq, json_array_length(first)
                FROM erasure WHERE state = 'running' ORDER BY id";
            sqlx::query(sql).fetch_all(self.pool()).await?.iter().map(running_of).collect()
        })
    }

    fn erasure(&self, id: i64) -> Answer<'_, Option<Progress>> {
        Box::pin(async move {
            let sql = "SELECT id, asked_at, request, sources, state, found, erased, skipped, first
                FROM erasure WHERE id = ?";
            let row = sqlx::query(sql).bind(id).fetch_optional(self.pool()).await?;
            row.as_ref().map(progress_of).transpose()
        })
    }

    fn erased_among<'a>(&'a self, events: &'a [i64]) -> Answer<'a, Vec<i64>> {
        Box::pin(async move {
            let sql = "SELECT event_seq FROM erased_event
                WHERE event_seq IN (SELECT value FROM json_each(?)) ORDER BY event_seq";
            let events = serde_json::json!(events).to_string();
            Ok(sqlx::query_scalar(sql).bind(events).fetch_all(self.pool()).await?)
        })
    }
}

/// Appends the conditions for the next `limit` events of an erasure.
fn push_candidates(query: &mut QueryBuilder<Sqlite>, running: &ErasureInProgress, limit: u32) {
    select_events(query, &running.request.selection);
    query.push(" AND e.seq > ").push_bind(running.after);
    query.push(" AND e.seq <= ").push_bind(running.last_event);
    query.push(" ORDER BY e.seq LIMIT ").push_bind(limit);
}

fn candidate_of(row: &SqliteRow) -> Result<Candidate, DbError> {
    let position = |column| row.try_get(column).map(|at: i64| usize::try_from(at).unwrap_or(0));
    let body: Vec<u8> = row.try_get(5)?;
    Ok(Candidate {
        event: row.try_get(0)?,
        example: Example {
            source: row.try_get(1)?,
            id: row.try_get(2)?,
            event_type: row.try_get(3)?,
            received_at: unsigned(row.try_get(4)?),
        },
        body: body.into(),
        payload: position(6)?..position(7)?,
        ordering_key: row.try_get(8)?,
        metadata: metadata_of(row, 9)?,
        is_open: row.try_get(10)?,
    })
}

fn running_of(row: &SqliteRow) -> Result<ErasureInProgress, DbError> {
    let shown: i64 = row.try_get(5)?;
    Ok(ErasureInProgress {
        id: row.try_get(0)?,
        request: serde_json::from_str(row.try_get(1)?).map_err(damaged)?,
        sources: serde_json::from_str(row.try_get(2)?).map_err(damaged)?,
        after: row.try_get(3)?,
        last_event: row.try_get(4)?,
        examples: EXAMPLES.saturating_sub(usize::try_from(shown).unwrap_or(EXAMPLES)),
    })
}

fn progress_of(row: &SqliteRow) -> Result<Progress, DbError> {
    let is_done = row.try_get::<&str, _>(4)? == "done";
    Ok(Progress {
        id: row.try_get(0)?,
        asked_at: unsigned(row.try_get(1)?),
        request: serde_json::from_str(row.try_get(2)?).map_err(damaged)?,
        sources: serde_json::from_str(row.try_get(3)?).map_err(damaged)?,
        state: if is_done { ErasureState::Done } else { ErasureState::Running },
        found: unsigned(row.try_get(5)?),
        erased: unsigned(row.try_get(6)?),
        skipped: serde_json::from_str(row.try_get(7)?).map_err(damaged)?,
        first: serde_json::from_str(row.try_get(8)?).map_err(damaged)?,
    })
}
