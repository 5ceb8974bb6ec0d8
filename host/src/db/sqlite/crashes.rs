//! Attempts that ended with the process, in `SQLite`.

use std::collections::HashSet;

use sqlx::{Row as _, SqliteConnection};

use super::values::name_of;
use crate::db::types::{DbError, RunningAttempt, RunningId};
use crate::delivery::DeliveryId;
use crate::effect::EffectId;
use crate::event::PluginName;

const OF_DELIVERY: &str = "SELECT d.plugin, count(a.number) FROM delivery d
    LEFT JOIN attempt a ON a.event_seq = d.event_seq AND a.delivery_number = d.number AND a.cause = 'crash'
    WHERE d.event_seq = ? AND d.number = ? AND d.due_at IS NOT NULL AND d.attempts = ?
    GROUP BY d.event_seq";
const OF_EFFECT: &str = "SELECT e.plugin, count(t.number) FROM effect e
    LEFT JOIN effect_try t ON t.event_seq = e.event_seq AND t.delivery_number = e.delivery_number
        AND t.effect_number = e.number AND t.outcome = 'crash' AND t.number > e.tries_before
    WHERE e.event_seq = ? AND e.delivery_number = ? AND e.number = ? AND e.due_at IS NOT NULL AND e.tries = ?
    GROUP BY e.event_seq";
// Uses the indexes of crashes, which are nearly always empty.
const DELIVERIES: &str = "SELECT a.event_seq, a.delivery_number FROM attempt a
    CROSS JOIN delivery d ON d.event_seq = a.event_seq AND d.number = a.delivery_number
    WHERE a.cause = 'crash' AND d.due_at IS NOT NULL
    GROUP BY 1, 2 HAVING count(*) >= ?";
const EFFECTS: &str = "SELECT t.event_seq, t.delivery_number, t.effect_number FROM effect_try t
    CROSS JOIN effect e ON e.event_seq = t.event_seq AND e.delivery_number = t.delivery_number
        AND e.number = t.effect_number
    WHERE t.outcome = 'crash' AND t.number > e.tries_before AND e.due_at IS NOT NULL
    GROUP BY 1, 2, 3 HAVING count(*) >= ?";

/// An attempt that ended with an earlier process.
#[derive(Debug)]
pub(super) struct CrashedAttempt {
    pub(super) attempt: RunningAttempt,
    pub(super) plugin: PluginName,
    /// Attempts at the same delivery or effect that had ended so before.
    pub(super) crashes: u32,
}

/// Returns the attempts that were not recorded and whose delivery or effect is open, each with the
/// crashes before it.
pub(super) async fn crashed(
    conn: &mut SqliteConnection,
    left: &[RunningAttempt],
) -> Result<Vec<CrashedAttempt>, DbError> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for attempt in left {
        let made = i64::from(attempt.number) - 1;
        let query = match attempt.id {
            RunningId::Delivery(id) => sqlx::query_as(OF_DELIVERY).bind(id.event).bind(id.number).bind(made),
            RunningId::Effect(EffectId { delivery, number }) => {
                sqlx::query_as(OF_EFFECT).bind(delivery.event).bind(delivery.number).bind(number).bind(made)
            }
        };
        let row: Option<(String, u32)> = query.fetch_optional(&mut *conn).await?;
        if let Some((plugin, crashes)) = row
            && seen.insert(attempt.id)
        {
            found.push(CrashedAttempt { attempt: *attempt, plugin: name_of(&plugin)?, crashes });
        }
    }
    Ok(found)
}

/// Returns open deliveries and effects with at least this many crashes.
pub(super) async fn suspects(
    conn: &mut SqliteConnection,
    crashes: u32,
) -> Result<HashSet<RunningId>, DbError> {
    let mut suspects = HashSet::new();
    for row in sqlx::query(DELIVERIES).bind(crashes).fetch_all(&mut *conn).await? {
        suspects.insert(RunningId::Delivery(DeliveryId { event: row.try_get(0)?, number: row.try_get(1)? }));
    }
    for row in sqlx::query(EFFECTS).bind(crashes).fetch_all(conn).await? {
        let delivery = DeliveryId { event: row.try_get(0)?, number: row.try_get(1)? };
        suspects.insert(RunningId::Effect(EffectId { delivery, number: row.try_get(2)? }));
    }
    Ok(suspects)
}
