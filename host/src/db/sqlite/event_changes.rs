//! Changes of stored events, which the search index follows.

use sqlx::QueryBuilder;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};

use crate::completion::FinishedAttempt;
use crate::db::search::reads::{ChangeRange, EventChange};
use crate::db::types::DbError;

/// Most rows of one statement.
const ROWS_MAX: usize = 256;

/// Notes in the same transaction that the terms of these events changed. An event that was erased or removed leaves the
/// index with it, also after a kill.
pub(super) async fn note(conn: &mut SqliteConnection, events: &[i64]) -> Result<(), DbError> {
    let mut events = events.to_vec();
    events.sort_unstable();
    events.dedup();
    for chunk in events.chunks(ROWS_MAX) {
        let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO event_change (first_seq, last_seq) ");
        query.push_values(chunk, |mut row, event| _ = row.push_bind(*event).push_bind(*event));
        query.build().persistent(false).execute(&mut *conn).await?;
    }
    Ok(())
}

/// Notes in the same transaction that some of the events between two were removed, with one row.
pub(super) async fn note_removed(conn: &mut SqliteConnection, events: &[i64]) -> Result<(), DbError> {
    let (Some(first), Some(last)) = (events.iter().min(), events.iter().max()) else { return Ok(()) };
    let query = sqlx::query("INSERT INTO event_change (first_seq, last_seq) VALUES (?, ?)");
    query.bind(first).bind(last).execute(conn).await?;
    Ok(())
}

/// Notes the failed attempts: their reasons are new terms. Nothing is written for those that are done.
pub(super) async fn note_failures(
    conn: &mut SqliteConnection,
    finished: &[&FinishedAttempt],
) -> Result<(), DbError> {
    let failed = finished.iter().filter(|finished| finished.attempt.failure.is_some());
    let failed: Vec<_> = failed.map(|finished| finished.id.event).collect();
    if failed.is_empty() { Ok(()) } else { note(conn, &failed).await }
}

/// Removes the changes up to this one, but never the newest: the next one has the number after it.
pub(super) async fn remove(conn: &mut SqliteConnection, up_to: i64) -> Result<u64, DbError> {
    let sql =
        "DELETE FROM event_change WHERE number <= ? AND number < (SELECT max(number) FROM event_change)";
    Ok(sqlx::query(sql).bind(up_to).execute(conn).await?.rows_affected())
}

/// Up to `limit` changes after this one, in order.
pub(super) async fn after(pool: &SqlitePool, number: i64, limit: u32) -> Result<Vec<EventChange>, DbError> {
    let sql = "SELECT number, first_seq, last_seq FROM event_change WHERE number > ? ORDER BY number LIMIT ?";
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(sql).bind(number).bind(limit).fetch_all(pool).await?;
    Ok(rows.into_iter().map(|(number, first, last)| EventChange { number, first, last }).collect())
}

/// The numbers of the first and the last change.
pub(super) async fn range(pool: &SqlitePool) -> Result<ChangeRange, DbError> {
    let sql = "SELECT min(number), max(number) FROM event_change";
    let (first, last): (Option<i64>, Option<i64>) = sqlx::query_as(sql).fetch_one(pool).await?;
    Ok(ChangeRange { first: first.unwrap_or(0), last: last.unwrap_or(0) })
}
