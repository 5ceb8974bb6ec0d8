//! Alerts in `SQLite`.

use super::reader::Reader;
use super::values::{integer, unsigned};
use super::write::Statements;
use crate::db::alert_types::{DeadLetters, SavedAlert};
use crate::db::types::DbError;
use crate::event::now_ms;

const SAVE: &str = "INSERT INTO alert (name, state, saved_at) VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET state = excluded.state, saved_at = excluded.saved_at";
const DEAD_LETTERS: &str =
    "SELECT plugin, deliveries, effects, (SELECT received_at FROM event WHERE seq = oldest)
    FROM (SELECT plugin, sum(deliveries) AS deliveries, sum(effects) AS effects, min(oldest) AS oldest FROM (
        SELECT plugin, count(*) AS deliveries, 0 AS effects, min(event_seq) AS oldest FROM delivery
            WHERE state = 'dead' AND settled IS NULL GROUP BY plugin
        UNION ALL
        SELECT plugin, 0, count(*), min(event_seq) FROM effect
            WHERE state = 'dead' AND settled IS NULL GROUP BY plugin)
        GROUP BY plugin)";
const LAST_RECEIVED: &str = "SELECT source, max(received_at)
    FROM (SELECT source, received_at FROM event ORDER BY seq DESC LIMIT ?) GROUP BY source";

impl Statements {
    /// Stores the state of an alert within a transaction, or removes it.
    pub(super) async fn save_alert(&mut self, saved: &SavedAlert) -> Result<(), DbError> {
        let query = match &saved.state {
            Some(state) => sqlx::query(SAVE).bind(&saved.name).bind(state).bind(integer(now_ms())),
            None => sqlx::query("DELETE FROM alert WHERE name = ?").bind(&saved.name),
        };
        query.execute(self.conn.get().await?).await?;
        Ok(())
    }
}

impl Reader {
    pub(super) async fn alerts(&self) -> Result<Vec<(String, String)>, DbError> {
        let query = sqlx::query_as("SELECT name, state FROM alert ORDER BY name");
        Ok(query.fetch_all(self.pool()).await?)
    }

    pub(super) async fn dead_letters(&self) -> Result<Vec<DeadLetters>, DbError> {
        let query = sqlx::query_as(DEAD_LETTERS);
        let rows: Vec<(String, i64, i64, Option<i64>)> = query.fetch_all(self.pool()).await?;
        let dead = rows.into_iter().map(|(plugin, deliveries, effects, oldest)| DeadLetters {
            plugin,
            deliveries: unsigned(deliveries),
            effects: unsigned(effects),
            oldest_at: oldest.map(unsigned),
        });
        Ok(dead.collect())
    }

    pub(super) async fn last_received(&self, newest: u32) -> Result<Vec<(String, u64)>, DbError> {
        let query = sqlx::query_as(LAST_RECEIVED).bind(newest);
        let rows: Vec<(String, i64)> = query.fetch_all(self.pool()).await?;
        Ok(rows.into_iter().map(|(source, at)| (source, unsigned(at))).collect())
    }
}
