//! Which open deliveries are due.

use std::collections::BTreeMap;

use sqlx::Row as _;

use super::values::{digest_of, integer, name_of};
use super::write::Statements;
use crate::db::open_chosen::OpenChosen;
use crate::db::types::{DbError, DueTimes};
use crate::delivery::DeliveryId;
use crate::event::PluginName;

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
const DUE_TIMES: &str = "SELECT d.event_seq, d.number, d.due_at FROM json_each(?) id CROSS JOIN delivery d
    ON d.event_seq = json_extract(id.value, '$[0]') AND d.number = json_extract(id.value, '$[1]')
    WHERE d.due_at IS NOT NULL";

const OPEN_CHOSEN: &str =
    "SELECT d.plugin, r.revision, d.event_seq, d.number FROM replayed r CROSS JOIN delivery d
    ON d.event_seq = r.event_seq AND d.number = r.delivery_number
    WHERE r.revision IS NOT NULL AND d.due_at IS NOT NULL";

impl Statements {
    /// The open deliveries on revisions that replays chose.
    pub(super) async fn open_chosen(&mut self) -> Result<OpenChosen, DbError> {
        let open = OpenChosen::default();
        for row in sqlx::query(OPEN_CHOSEN).fetch_all(self.conn.get().await?).await? {
            let id = DeliveryId { event: row.try_get(2)?, number: row.try_get(3)? };
            open.add(&name_of(row.try_get(0)?)?, digest_of(&row, 1)?, id);
        }
        Ok(open)
    }

    /// Open deliveries of `plugin` that are due, in order of acceptance.
    pub(super) async fn due(
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

    /// The due times of those of these deliveries that are open, in order of acceptance. Negative ones cannot be leased.
    pub(super) async fn due_times(
        &mut self,
        ids: &[DeliveryId],
    ) -> Result<BTreeMap<DeliveryId, i64>, DbError> {
        let ids: Vec<_> = ids.iter().map(|id| (id.event, id.number)).collect();
        let query = sqlx::query_as(DUE_TIMES).bind(serde_json::json!(ids).to_string());
        let rows: Vec<(i64, i64, i64)> = query.fetch_all(self.conn.get().await?).await?;
        Ok(rows.into_iter().map(|(event, number, at)| (DeliveryId { event, number }, at)).collect())
    }
}
