//! The offset of the host's time from the system clock's, in `SQLite`.

use sqlx::SqliteConnection;

use super::values::unsigned;
use crate::clock;
use crate::db::types::DbError;

/// The offset that held when the event with the number `$seq` was received.
macro_rules! offset_of {
    ($seq:literal) => {
        concat!(
            "ifnull((SELECT offset_ms FROM clock WHERE from_seq <= ",
            $seq,
            " ORDER BY from_seq DESC LIMIT 1), 0)"
        )
    };
}
pub(super) use offset_of;

/// Resumes the clock of an earlier process.
pub(super) async fn resume(conn: &mut SqliteConnection) -> Result<(), DbError> {
    let sql = "SELECT ifnull((SELECT offset_ms FROM clock ORDER BY from_seq DESC LIMIT 1), 0)";
    let offset: i64 = sqlx::query_scalar(sql).fetch_one(&mut *conn).await?;
    let sql = concat!("SELECT received_at + ", offset_of!("seq"), " FROM event ORDER BY seq DESC LIMIT 1");
    let newest: Option<i64> = sqlx::query_scalar(sql).fetch_optional(conn).await?;
    clock::resume(offset, unsigned(newest.unwrap_or(0)));
    Ok(())
}

/// Records an offset, and removes those before the oldest known event.
pub(super) async fn record(
    conn: &mut SqliteConnection,
    from_seq: i64,
    offset_ms: i64,
) -> Result<(), DbError> {
    let sql = "INSERT OR REPLACE INTO clock (from_seq, offset_ms) VALUES (?, ?)";
    sqlx::query(sql).bind(from_seq).bind(offset_ms).execute(&mut *conn).await?;
    let sql = "DELETE FROM clock WHERE from_seq < (SELECT max(from_seq) FROM clock
        WHERE from_seq <= min((SELECT ifnull(min(seq), ?1) FROM event),
            (SELECT ifnull(min(event_seq), ?1) FROM idempotency_key)))";
    sqlx::query(sql).bind(from_seq).execute(conn).await?;
    Ok(())
}

/// A time that is waited for, as the system clock will show it.
pub(super) fn shown(due_at: i64) -> u64 {
    clock::shown(unsigned(due_at))
}
