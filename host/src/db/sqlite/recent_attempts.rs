//! A plugin's latest attempts in `SQLite`.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::reader::Reader;
use super::values::{parse, unsigned};
use crate::db::page_types::RecentAttempt;
use crate::db::types::DbError;
use crate::event::PluginName;

/// Deliveries come first: they give the order, and those of the newest events are a range of them.
const RECENT: &str = "SELECT a.started_at, a.outcome, a.duration_us, a.peak_memory_bytes
    FROM delivery d CROSS JOIN attempt a ON a.event_seq = d.event_seq AND a.delivery_number = d.number
    WHERE d.event_seq > (SELECT ifnull(max(seq), 0) FROM event) - ? AND d.plugin = ?
    ORDER BY d.event_seq DESC, d.number DESC, a.number DESC LIMIT ?";

impl Reader {
    pub(super) async fn recent_attempts(
        &self,
        plugin: &PluginName,
        events: u32,
        limit: u32,
    ) -> Result<Vec<RecentAttempt>, DbError> {
        let query = sqlx::query(RECENT).bind(events).bind(plugin.as_str()).bind(limit);
        query.fetch_all(self.pool()).await?.iter().map(recent_attempt_of).collect()
    }
}

fn recent_attempt_of(row: &SqliteRow) -> Result<RecentAttempt, DbError> {
    Ok(RecentAttempt {
        started_at: unsigned(row.try_get(0)?),
        outcome: parse(row.try_get(1)?)?,
        duration_us: unsigned(row.try_get(2)?),
        peak_memory_bytes: unsigned(row.try_get(3)?),
    })
}
